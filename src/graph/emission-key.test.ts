import { describe, expect, it } from "vitest";
import { attributesOf, float32Tensor, int64Tensor } from "./builder.js";
import { type Application, constantKey, emissionKey, withoutTrailing } from "./emission-key.js";
import type { Attribute } from "./model.js";
import { tensorFrom } from "./tensor.js";
import { graph } from "./testing/models.js";

function key(more: Partial<Application> = {}): string | undefined {
  const inputs = [{ name: "x" }, { name: "y" }];
  return emissionKey({ opType: "Op", domain: "", attributes: new Map(), inputs, ...more });
}

function keyOf(...attributes: readonly (readonly [string, Attribute])[]): string | undefined {
  return key({ attributes: new Map(attributes) });
}

describe("the key of an application", () => {
  it("is the same for the same, whatever the order of its attributes and with omitted inputs at the end", () => {
    const attributes = attributesOf({ axis: 1, mode: "a" });
    const reversed = attributesOf({ mode: "a", axis: 1 });
    expect(key({ attributes })).toBe(key({ attributes: reversed }));
    expect(key({ inputs: [{ name: "x" }, { name: "y" }, undefined] })).toBe(key());
  });

  it("is another one for another operator, domain, input, attribute, type or value of an attribute", () => {
    const x = { name: "x" };
    const keys = [
      key(),
      key({ opType: "Other" }),
      key({ domain: "com.example" }),
      key({ inputs: [x] }),
      key({ inputs: [{ name: "y" }, x] }),
      key({ inputs: [undefined, x, { name: "y" }] }),
      keyOf(["a", { kind: "int", value: 1n }]),
      keyOf(["b", { kind: "int", value: 1n }]),
      keyOf(["a", { kind: "int", value: 2n ** 62n }]),
      keyOf(["a", { kind: "int", value: 2n ** 62n + 1n }]),
      keyOf(["a", { kind: "float", value: 1 }]),
      keyOf(["a", { kind: "float", value: 0 }]),
      keyOf(["a", { kind: "float", value: -0 }]),
      keyOf(["a", { kind: "ints", value: [1n, 2n] }]),
      keyOf(["a", { kind: "ints", value: [12n] }]),
      keyOf(["a", { kind: "floats", value: [1, 2] }]),
      keyOf(["a", { kind: "floats", value: [1, -0] }]),
      keyOf(["a", { kind: "floats", value: [1, 0] }]),
      keyOf(["a", { kind: "string", value: Buffer.from("1") }]),
      keyOf(["a", { kind: "string", value: Buffer.of(0xff, 0xfe) }]),
      keyOf(["a", { kind: "string", value: Buffer.of(0xff, 0xfd) }]),
      keyOf(["a", { kind: "strings", value: [Buffer.from("a"), Buffer.from("b")] }]),
      keyOf(["a", { kind: "strings", value: [Buffer.from("ab")] }]),
      keyOf(["a", { kind: "tensor", value: float32Tensor("t", [1], [1]) }]),
      keyOf(["a", { kind: "tensor", value: float32Tensor("t", [], [1]) }]),
    ];
    expect(keys).not.toContain(undefined);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("is the same for tensors that hold the same, whatever their names", () => {
    const one = keyOf(["a", { kind: "tensor", value: float32Tensor("one", [1], [1]) }]);
    expect(keyOf(["a", { kind: "tensor", value: float32Tensor("other", [1], [1]) }])).toBe(one);
  });

  it("does not exist for random numbers and for bodies", () => {
    for (const opType of ["RandomNormal", "RandomUniformLike", "Bernoulli", "Multinomial", "Dropout"]) {
      expect(key({ opType })).toBeUndefined();
    }
    expect(keyOf(["body", { kind: "graph", value: graph([], [], []) }])).toBeUndefined();
  });
});

describe("the key of a constant", () => {
  it("is that of its type, shape and bytes", () => {
    expect(constantKey(float32Tensor("a", [2], [1, 2]))).toBe(constantKey(float32Tensor("b", [2], [1, 2])));
    const others = [
      float32Tensor("a", [2], [1, 2]),
      float32Tensor("a", [2, 1], [1, 2]),
      float32Tensor("a", [2], [1, 3]),
      float32Tensor("a", [2], [0, 2]),
      float32Tensor("a", [2], [-0, 2]),
      int64Tensor("a", [1, 2]),
      tensorFrom("a", "int32", [2], new Uint8Array(Float32Array.of(1, 2).buffer)),
    ].map(constantKey);
    expect(new Set(others).size).toBe(others.length);
  });

  it("does not exist for large ones, of which nothing is read", () => {
    const source = { label: "large", size: 1e9, read: () => expect.fail("read") };
    const range = { source, offset: 0, length: 1e9 };
    expect(constantKey({ name: "w", dataType: "int8", shape: [1e9], payload: { kind: "raw", range } })).toBeUndefined();
  });
});

it("omitted inputs at the end have no name", () => {
  expect(withoutTrailing(["x", "", "y", "", ""])).toEqual(["x", "", "y"]);
  expect(withoutTrailing(["", ""])).toEqual([]);
});
