import { describe, expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { floats, integers, type PlainTensor } from "../../testing/run-model.js";
import type { Extent } from "../extent.js";
import { type Facts, tensorFacts } from "../facts.js";
import { inferOutputs } from "../infer.js";
import { expectElementsAgree } from "../testing/element-agreement.js";
import { expectRuntimeAgrees, inferredTypes, nodeOf, zeros } from "../testing/runtime-agreement.js";

/** Numbers from 1 on. */
function counting(...shape: readonly number[]): PlainTensor {
  return integers(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => index + 1),
    shape,
  );
}

function vector(...elements: readonly (Extent | null)[]): Facts {
  return tensorFacts("int64", [elements.length], elements);
}

function image(...shape: readonly Extent[]): Facts {
  return tensorFacts("float32", shape);
}

describe("shapes and elements against ONNX Runtime", () => {
  it("Gather", async () => {
    for (const [indices, axis] of [
      [integers([1], []), 0],
      [integers([0, -1]), 1],
      [integers([2, 0, 1, 1], [2, 2]), -1],
    ] as const) {
      await expectElementsAgree("Gather", [counting(2, 2, 3), indices], { axis });
      await expectRuntimeAgrees("Gather", [counting(2, 2, 3), indices], { axis });
    }
  });

  it("GatherElements", async () => {
    await expectElementsAgree("GatherElements", [counting(2, 3), integers([1, -1, 0], [1, 3])]);
    await expectElementsAgree("GatherElements", [counting(2, 3), integers([2, 0], [2, 1])], { axis: 1 });
  });

  it("GatherND", async () => {
    await expectElementsAgree("GatherND", [counting(2, 2, 3), integers([0, 1, 1, -1], [2, 2])]);
    await expectElementsAgree("GatherND", [counting(2, 2, 3), integers([1, 0], [2, 1, 1])]);
    await expectElementsAgree("GatherND", [counting(2, 2, 3), integers([1, 0], [2, 1])], { batch_dims: 1 });
    await expectElementsAgree("GatherND", [counting(2, 2, 3), integers([1, 2, 0, 1], [2, 1, 2])], { batch_dims: 1 });
  });

  it("ScatterElements", async () => {
    const [data, indices, updates] = [
      counting(3, 3),
      integers([1, -1, 0, 2], [2, 2]),
      integers([10, 20, 30, 40], [2, 2]),
    ];
    for (const reduction of ["none", "add", "mul", "max", "min"]) {
      for (const axis of [0, 1])
        await expectElementsAgree("ScatterElements", [data, indices, updates], { axis, reduction });
    }
  });

  it("ScatterND", async () => {
    const reductions = ["none", "add", "mul", "max", "min"];
    for (const reduction of reductions) {
      await expectElementsAgree("ScatterND", [counting(4), integers([1, -1], [2, 1]), integers([9, 2])], { reduction });
    }
    await expectElementsAgree("ScatterND", [counting(3, 2), integers([2, 0], [2, 1]), integers([7, 8, 9, 10], [2, 2])]);
    await expectRuntimeAgrees("ScatterND", [zeros(3, 2), integers([2, 0], [2, 1]), zeros(2, 2)]);
  });

  it("OneHot", async () => {
    await expectRuntimeAgrees("OneHot", [integers([1, 2], [2, 1]), integers([4], []), floats([0, 1])]);
    await expectRuntimeAgrees("OneHot", [integers([1, 2]), integers([4]), floats([0, 1])], { axis: 0 });
  });
});

describe("symbolic shapes", () => {
  it.each<readonly [string, readonly Facts[], Parameters<typeof inferredTypes>[2], string]>([
    ["Gather", [image(30522, 768), tensorFacts("int64", ["batch", "seq"])], {}, "float32[batch, seq, 768]"],
    ["Gather", [tensorFacts("float32", undefined), vector(1)], {}, "float32"],
    ["GatherElements", [image("batch", 8), tensorFacts("int64", ["batch", 1])], { axis: 1 }, "float32[batch, 1]"],
    ["GatherND", [image("batch", "seq", 8), tensorFacts("int64", ["n", 2])], {}, "float32[n, 8]"],
    [
      "GatherND",
      [image("batch", "seq", 8), tensorFacts("int64", ["batch", 1])],
      { batch_dims: 1 },
      "float32[batch, 8]",
    ],
    ["GatherND", [image("batch", "seq", 8), tensorFacts("int64", ["n", "k"])], {}, "float32"],
    ["ScatterND", [image("batch", 8), tensorFacts("int64", ["n", 1]), image("n", 8)], {}, "float32[batch, 8]"],
    ["TensorScatter", [image("batch", 2, "past", 8), image("batch", 2, 1, 8)], {}, "float32[batch, 2, past, 8]"],
    ["OneHot", [tensorFacts("int64", ["batch"]), tensorFacts("int64", []), image(2)], {}, "float32[batch, o0_dim1]"],
  ])("%s %#", (opType, inputs, attributes, expected) => {
    expect(inferredTypes(opType, inputs, attributes)).toEqual([expected]);
  });

  it("carry extents through to where shapes are made of them", () => {
    const elementsOf = (opType: string, ...inputs: readonly Facts[]) =>
      inferOutputs(nodeOf(opType, inputs.length), inputs)[0]?.elements;
    const shape = vector("batch", 3, "h");
    expect(elementsOf("Gather", shape, tensorFacts("int64", [], [-1]))).toEqual(["h"]);
    expect(elementsOf("Gather", shape, vector(2, null))).toEqual(["h", null]);
    expect(elementsOf("ScatterElements", shape, vector(1), vector("w"))).toEqual(["batch", "w", "h"]);
    expect(elementsOf("ScatterElements", shape, vector(1), tensorFacts("int64", [1]))).toEqual(["batch", null, "h"]);
    expect(elementsOf("ScatterElements", shape, vector("k"), vector("w"))).toBeUndefined();
  });
});

describe("what does not fit", () => {
  it.each<readonly [string, readonly Facts[], Parameters<typeof inferredTypes>[2], string]>([
    ["Gather", [vector(1, 2), vector(2)], {}, "has index 2 into an extent of 2"],
    ["Gather", [image(2), vector(0)], { axis: 1 }, "has axis 1, its input has rank 1"],
    ["GatherElements", [image(2, 3), vector(0)], {}, "has data [2, 3] and indices [1] of another rank"],
    ["GatherND", [image(2), tensorFacts("int64", [1, 2])], {}, "has indices [1, 2] into [2] with batch_dims 0"],
    ["ScatterND", [image(4), tensorFacts("int64", [2, 1]), image(3)], {}, "has updates [3] for a place of [2]"],
    ["ScatterElements", [image(4), vector(0, 1), image(2)], { reduction: "mean" }, 'has reduction "mean"'],
  ])("%s %# is refused", (opType, inputs, attributes, message) => {
    expect(refusal(() => inferredTypes(opType, inputs, attributes))).toBe(`${opType} "o0": ${message}`);
  });
});
