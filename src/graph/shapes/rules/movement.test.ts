import { describe, expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { integers, type PlainTensor } from "../../testing/run-model.js";
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
  const x = counting(2, 3, 4);

  it("Transpose", async () => {
    for (const attributes of [{}, { perm: [1, 0, 2] }, { perm: [2, 0, 1] }]) {
      await expectRuntimeAgrees("Transpose", [x], attributes);
      await expectElementsAgree("Transpose", [x], attributes);
    }
  });

  it("Expand", async () => {
    for (const shape of [[3, 1], [2, 1, 1], [1], [5, 2, 3, 4], []]) {
      await expectElementsAgree("Expand", [counting(2, 3, 1), integers(shape.length === 4 ? [5, 2, 3, 4] : shape)]);
    }
    await expectRuntimeAgrees("Expand", [zeros(3, 1), integers([2, 1, 6])]);
  });

  it("Tile", async () => {
    await expectElementsAgree("Tile", [counting(2, 3), integers([2, 3])]);
    await expectRuntimeAgrees("Tile", [zeros(2, 3), integers([1, 4])]);
  });

  it("Concat", async () => {
    await expectElementsAgree("Concat", [counting(2, 3), counting(2, 1), counting(2, 2)], { axis: -1 });
    await expectElementsAgree("Concat", [counting(1, 3), counting(2, 3)], { axis: 0 });
    await expectRuntimeAgrees("Concat", [zeros(2, 3), zeros(2, 0)], { axis: 1 });
    await expectRuntimeAgrees("Concat", [zeros(0, 5), zeros(2, 3)], { axis: 0 });
  });

  it("Split", async () => {
    const constant = { constants: [1] };
    await expectElementsAgree("Split", [counting(2, 6), integers([1, 3, 2])], { axis: 1 }, 3, constant);
    for (const [extent, parts] of [
      [6, 3],
      [7, 3],
      [5, 2],
    ] as const) {
      await expectElementsAgree("Split", [counting(2, extent)], { axis: -1, num_outputs: parts }, parts);
      await expectRuntimeAgrees("Split", [zeros(extent)], { num_outputs: parts }, parts);
    }
  });

  it("Slice", async () => {
    const slices: readonly (readonly number[][])[] = [
      [[1], [3], [2], [1]],
      [[-1], [-100], [2], [-1]],
      [
        [0, 3],
        [2, 0],
        [0, 2],
        [1, -2],
      ],
      [[0], [Number.MAX_SAFE_INTEGER], [-1], [3]],
      [[-100], [100], [1], [2]],
      [[5], [1], [2], [1]],
      [[100], [-2], [2], [-1]],
    ];
    for (const parameters of slices)
      await expectElementsAgree("Slice", [x, ...parameters.map((list) => integers(list))]);
    await expectElementsAgree("Slice", [x, integers([1, 1]), integers([2, 2])]);
    await expectRuntimeAgrees("Slice", [x, integers([1]), integers([3]), integers([2])]);
  });

  it("Pad", async () => {
    await expectElementsAgree("Pad", [counting(2, 3), integers([1, 0, 0, 2]), integers([9], [])]);
    await expectElementsAgree("Pad", [counting(2, 3), integers([0, -1, 1, 1])]);
    await expectElementsAgree("Pad", [counting(2, 3), integers([2, 1]), undefined, integers([-1])]);
    for (const mode of ["reflect", "edge", "wrap"]) {
      await expectRuntimeAgrees("Pad", [zeros(4, 3), integers([1, 0, 2, 1])], { mode });
    }
  });

  it("Trilu", async () => {
    for (const attributes of [{}, { upper: 0 }]) {
      for (const diagonal of [-1, 0, 1]) {
        await expectElementsAgree("Trilu", [counting(3, 4), integers([diagonal], [])], attributes);
      }
    }
  });

  it("images", async () => {
    await expectRuntimeAgrees("DepthToSpace", [zeros(2, 8, 3, 5)], { blocksize: 2 });
    await expectRuntimeAgrees("SpaceToDepth", [zeros(2, 3, 4, 6)], { blocksize: 2 });
    await expectRuntimeAgrees("CenterCropPad", [zeros(5, 4, 3), integers([3, 6])], { axes: [0, -1] });
    await expectRuntimeAgrees("ReverseSequence", [zeros(4, 2), integers([1, 2])]);
  });
});

describe("symbolic shapes", () => {
  it.each<readonly [string, readonly Facts[], Parameters<typeof inferredTypes>[2], readonly string[]]>([
    ["Transpose", [tensorFacts("float32", undefined)], { perm: [1, 0] }, ["float32[o0_dim0, o0_dim1]"]],
    ["Expand", [image(1, 8), vector("batch", 1)], {}, ["float32[batch, 8]"]],
    ["Expand", [image(1, 8), vector(null, null)], {}, ["float32[o0_dim0, 8]"]],
    ["Expand", [image("batch", 1), vector("seq", 1, "seq")], {}, ["float32[seq, batch, seq]"]],
    ["Expand", [image(1, 8), tensorFacts("int64", [3])], {}, ["float32[o0_dim0, o0_dim1, 8]"]],
    ["Expand", [image(1, 8), tensorFacts("int64", ["n"])], {}, ["float32"]],
    ["Tile", [image("batch", 3), vector(2, "n")], {}, ["float32[2*batch, 3*n]"]],
    ["Concat", [image("batch", "a"), image(4, "b"), image("batch", 1)], { axis: 1 }, ["float32[4, a + b + 1]"]],
    ["Concat", [image("batch", 2), tensorFacts("float32", undefined)], { axis: 1 }, ["float32[batch, o0_dim1]"]],
    [
      "Slice",
      [image("batch", "seq"), vector(1), vector(Number.MAX_SAFE_INTEGER), vector(1)],
      {},
      ["float32[batch, seq - 1]"],
    ],
    ["Slice", [image(1, 512), vector(0), vector("seq"), vector(1)], {}, ["float32[1, min(512, seq)]"]],
    ["Slice", [image(1, 512), vector(null), vector("seq"), vector(1)], {}, ["float32[1, o0_dim1]"]],
    ["Slice", [image(1, 512), tensorFacts("int64", [1]), vector("seq"), vector(0)], {}, ["float32[o0_dim0, 512]"]],
    [
      "Pad",
      [image("batch", 3, "h", "w"), vector(0, 0, 1, 0, 0, 0, 1, null)],
      {},
      ["float32[batch, 3, h + 2, o0_dim3]"],
    ],
    ["DepthToSpace", [image("batch", 12, "h", "w")], { blocksize: 2 }, ["float32[batch, 3, 2*h, 2*w]"]],
    ["SpaceToDepth", [image("batch", 3, "2*h", "w")], { blocksize: 2 }, ["float32[batch, 12, h, floor(w/2)]"]],
  ])("%s %#", (opType, inputs, attributes, expected) => {
    expect(inferredTypes(opType, inputs, attributes)).toEqual(expected);
  });

  it("Split", () => {
    const x = image("batch", 6);
    expect(inferredTypes("Split", [x], { axis: 0, num_outputs: 2 }, 2)).toEqual([
      "float32[floor((batch + 1)/2), 6]",
      "float32[batch - floor((batch + 1)/2), 6]",
    ]);
    expect(inferredTypes("Split", [x, vector(2, null)], { axis: 1 }, 2)).toEqual([
      "float32[batch, 2]",
      "float32[batch, 4]",
    ]);
    expect(inferredTypes("Split", [x, tensorFacts("int64", [2])], { axis: 1 }, 2)).toEqual([
      "float32[batch, o0_dim1]",
      "float32[batch, o1_dim1]",
    ]);
  });

  it("carry extents through to where shapes are made of them", () => {
    const elementsOf = (opType: string, inputs: readonly Facts[], attributes = {}) =>
      inferOutputs(nodeOf(opType, inputs.length, attributes), inputs)[0]?.elements;
    expect(elementsOf("Concat", [vector("batch"), tensorFacts("int64", [1]), vector(64)], { axis: 0 })).toEqual([
      "batch",
      null,
      64,
    ]);
    expect(elementsOf("Concat", [vector(), vector()], { axis: 0 })).toEqual([]);
    expect(elementsOf("Slice", [vector("batch", 3, "h", "w"), vector(2), vector(4), vector(0)])).toEqual(["h", "w"]);
    expect(elementsOf("Slice", [vector("batch", 3, "h"), vector(-1), vector(-9), vector(0), vector(-1)])).toEqual([
      "h",
      3,
      "batch",
    ]);
    expect(elementsOf("Pad", [vector("h"), vector(0, 1)])).toEqual(["h", 0]);
    expect(elementsOf("Transpose", [tensorFacts("int64", [2, 1], ["a", "b"])])).toEqual(["a", "b"]);
  });
});

describe("what does not fit", () => {
  it.each<readonly [string, readonly Facts[], Parameters<typeof inferredTypes>[2], string]>([
    ["Transpose", [image(2, 3)], { perm: [0, 0] }, "has perm [0, 0] for an input of rank 2"],
    ["Expand", [image(2, 3), vector(4)], {}, "cannot broadcast [3] with [4]"],
    ["Tile", [image(2, 3), vector(4)], {}, "has 1 repeats for an input of rank 2"],
    ["Concat", [image(2, 3), image(2)], { axis: 0 }, "cannot join [2, 3] and [2] along axis 0"],
    ["Concat", [image(2, 3), image(2, 4)], { axis: 0 }, "cannot join [2, 3] and [2, 4] along axis 0"],
    ["Split", [image(6), vector(1, 2)], {}, "has 2 sizes for 1 outputs"],
    ["Split", [image(6), vector(5)], {}, "splits an extent of 6 into 5"],
    ["Slice", [image(6), vector(0), vector(1), vector(0), vector(0)], {}, "has step 0 along axis 0"],
    ["Slice", [image(6), vector(0, 1), vector(1), vector(0)], {}, "has 2 starts for 1 axes"],
    ["Pad", [image(6), vector(1)], {}, "has 1 pads for 1 axes"],
    ["Pad", [image(6), vector(-4, -4)], {}, "removes more than there is: [6] by -4, -4"],
    ["DepthToSpace", [image(1, 6, 2, 2)], { blocksize: 2 }, "cannot make blocks of 2 x 2 out of 6 channels"],
    ["SpaceToDepth", [image(1, 6, 3, 2)], { blocksize: 2 }, "cannot divide an extent of 3 into blocks of 2"],
    ["SpaceToDepth", [image(1, 6)], { blocksize: 2 }, "needs an input [N, C, H, W], but has [1, 6]"],
    ["Trilu", [image(6)], {}, "needs matrices, but has [6]"],
  ])("%s %# is refused", (opType, inputs, attributes, message) => {
    expect(refusal(() => inferredTypes(opType, inputs, attributes))).toBe(`${opType} "o0": ${message}`);
  });
});
