import { describe, expect, it } from "vitest";
import { encodeModel } from "./encode-model.js";
import type { Attribute, ValueType } from "./model.js";
import { tensorFrom } from "./tensor.js";
import { inputError } from "./testing/input-error.js";
import { readModel } from "./read-model.js";
import { graph, model, node, readTensor } from "./testing/models.js";
import { bytes, floats, int } from "./testing/protobuf.js";
import { onnx } from "./testing/oracle.js";

const weight = tensorFrom("w", "float32", [1], floats(1));

it("embeds payloads and keeps names, versions and metadata", () => {
  const made = model(
    graph(["x"], [node("Add", ["x", "w"], ["y"], { name: "n", domain: "d" })], ["y"], { initializers: [weight] }),
    {
      producerName: "p",
      producerVersion: "v",
      metadata: new Map([["k", "größe"]]),
      opsetImports: new Map([
        ["", 17],
        ["d", 2],
      ]),
    },
  );
  const decoded = onnx.ModelProto.decode(encodeModel(made)).toJSON();
  expect(decoded).toEqual({
    irVersion: "8",
    producerName: "p",
    producerVersion: "v",
    opsetImport: [
      { domain: "", version: "17" },
      { domain: "d", version: "2" },
    ],
    metadataProps: [{ key: "k", value: "größe" }],
    graph: {
      name: "g",
      input: [{ name: "x" }],
      output: [{ name: "y" }],
      initializer: [{ name: "w", dims: ["1"], dataType: 1, rawData: Buffer.from(floats(1)).toString("base64") }],
      node: [{ name: "n", domain: "d", opType: "Add", input: ["x", "w"], output: ["y"] }],
    },
  });
});

describe("what it cannot write in full it refuses", () => {
  const attribute = (value: Attribute) =>
    model(graph([], [node("Op", [], [], { attributes: new Map([["a", value]]) })], []));
  const typed = (type: ValueType) => model({ ...graph([], [], []), inputs: [{ name: "x", type }] });
  const callee = {
    name: "f",
    domain: "d",
    overload: "",
    inputs: [],
    outputs: [],
    attributeDefaults: new Map(),
    attributeNames: [],
    nodes: [],
    valueInfo: [],
    opsetImports: new Map(),
  };
  const sparse = { name: "s", shape: [4], values: weight };

  it.each([
    [
      "functions",
      model(graph([], [], []), { functions: [callee] }),
      /still has model-local functions; inline them first/,
    ],
    [
      "a reference outside a function",
      attribute({ kind: "reference", attribute: "b" }),
      /attribute "a": is a reference/,
    ],
    ["a sparse attribute", attribute({ kind: "sparse-tensor", value: sparse }), /is a sparse-tensor/],
    ["a sparse initializer", model(graph([], [], [], { sparseInitializers: [sparse] })), /initializer "s": is sparse/],
    ["an opaque type", typed({ kind: "opaque", domain: "d", name: "n" }), /type opaque/],
    [
      "an unknown element type",
      model(graph([], [], [], { initializers: [{ ...weight, dataType: "undefined" }] })),
      /"w": has an unknown element type/,
    ],
    [
      "a tensor without values",
      model(graph([], [], [], { initializers: [{ ...weight, payload: { kind: "none" } }] })),
      /"w": has no values/,
    ],
  ] as const)("%s", (_, made, message) => {
    expect(inputError(() => encodeModel(made)).message).toMatch(message);
  });
});

it("keeps strings, also a tensor of none", () => {
  const text = (...texts: readonly string[]) => ({
    ...readTensor(int(1, texts.length), int(2, 8), ...texts.map((each) => bytes(6, each))),
    name: `s${texts.length}`,
  });
  const given = model(graph([], [], [], { initializers: [text("größe", ""), text()] }));
  const { initializers } = readModel(encodeModel(given)).graph;
  expect(initializers.map(({ dataType, shape }) => [dataType, shape])).toEqual([
    ["string", [2]],
    ["string", [0]],
  ]);
  const stored = onnx.ModelProto.decode(encodeModel(given)).graph?.initializer ?? [];
  expect(stored.map(({ stringData, rawData }) => [stringData?.map(String), rawData?.length ?? 0])).toEqual([
    [["größe", ""], 0],
    [[], 0],
  ]);
});
