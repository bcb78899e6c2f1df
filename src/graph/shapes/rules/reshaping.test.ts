import { describe, expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { integers } from "../../testing/run-model.js";
import type { Extent } from "../extent.js";
import { type Facts, tensorFacts } from "../facts.js";
import { inferOutputs } from "../infer.js";
import { expectElementsAgree } from "../testing/element-agreement.js";
import { expectRuntimeAgrees, inferredTypes, nodeOf, zeros } from "../testing/runtime-agreement.js";

function vector(...elements: readonly (Extent | null)[]): Facts {
  return tensorFacts("int64", [elements.length], elements);
}

function image(...shape: readonly Extent[]): Facts {
  return tensorFacts("float32", shape);
}

function elementsOf(opType: string, inputs: readonly Facts[], attributes = {}): Facts["elements"] {
  return inferOutputs(nodeOf(opType, inputs.length, attributes), inputs)[0]?.elements;
}

describe("against ONNX Runtime", () => {
  const x = zeros(2, 3, 4);

  it("Shape and Size", async () => {
    for (const attributes of [
      {},
      { start: 1 },
      { end: -1 },
      { start: -2, end: 9 },
      { start: -9, end: 1 },
      { start: 2, end: 1 },
    ]) {
      await expectElementsAgree("Shape", [integers([1, 2, 3, 4], [1, 2, 2, 1])], attributes);
    }
    await expectElementsAgree("Size", [integers([1, 2], [2, 1])]);
  });

  it("Reshape", async () => {
    for (const shape of [[24], [-1], [0, -1], [0, 0, 0], [4, 3, 2], [0, 2, -1, 2], [2, 3, 4, 1]]) {
      await expectRuntimeAgrees("Reshape", [x, integers(shape)]);
      await expectElementsAgree("Reshape", [
        integers(
          Array.from({ length: 24 }, (_, index) => index),
          [2, 3, 4],
        ),
        integers(shape),
      ]);
    }
    await expectRuntimeAgrees("Reshape", [zeros(0, 3), integers([3, 0])], { allowzero: 1 });
    await expectRuntimeAgrees("Reshape", [zeros(1, 1), integers([])]);
  });

  it("Flatten", async () => {
    for (const axis of [0, 1, 3, -1]) await expectRuntimeAgrees("Flatten", [x], { axis });
  });

  it("Squeeze and Unsqueeze", async () => {
    await expectRuntimeAgrees("Squeeze", [zeros(1, 2, 1), integers([0, -1])]);
    await expectElementsAgree("Squeeze", [integers([1, 2], [1, 2, 1])]);
    for (const axes of [[0], [3, 0], [-1], [1, -2]]) await expectRuntimeAgrees("Unsqueeze", [x, integers(axes)]);
    await expectElementsAgree("Unsqueeze", [integers([4, 5]), integers([0])]);
    await expectElementsAgree("Identity", [integers([4, 5])]);
  });
});

describe("symbolic shapes", () => {
  it.each<readonly [Facts, readonly (Extent | null)[], string]>([
    [image("batch", 16, "h", "w"), [0, 0, -1], "float32[batch, 16, h*w]"],
    [image("batch", "seq", 768), ["batch", "seq", 12, 64], "float32[batch, seq, 12, 64]"],
    [image("batch", "seq", 768), ["batch", -1, 12, 64], "float32[batch, seq, 12, 64]"],
    [image("batch", "seq", 768), [-1, 768], "float32[batch*seq, 768]"],
    [image("batch*seq", 768), ["batch", -1, 768], "float32[batch, seq, 768]"],
    [image("batch", "seq", 768), [null, "seq", 12, 64], "float32[batch, seq, 12, 64]"],
    [image("batch", "seq", 768), [null, -1, 768], "float32[o0_dim0, o0_dim1, 768]"],
    [image("batch", 10), [-1, 4], "float32[2*batch + floor(batch/2), 4]"],
    [tensorFacts("float32", undefined), [0, -1, 4], "float32[o0_dim0, o0_dim1, 4]"],
    [image("batch", 784), [1, 28, 28], "float32[1, 28, 28]"],
  ])("Reshape %#", (data, target, expected) => {
    expect(inferredTypes("Reshape", [data, vector(...target)])).toEqual([expected]);
  });

  it("of which not all is known", () => {
    expect(inferredTypes("Reshape", [image("batch", 3), tensorFacts("int64", [2])])).toEqual([
      "float32[o0_dim0, o0_dim1]",
    ]);
    expect(inferredTypes("Reshape", [image("batch", 3), tensorFacts("int64", [1])])).toEqual(["float32[3*batch]"]);
    expect(inferredTypes("Reshape", [image("batch", 3), tensorFacts("int64", ["n"])])).toEqual(["float32"]);
    expect(inferredTypes("Squeeze", [image("batch", 1, 3)])).toEqual(["float32"]);
    expect(inferredTypes("Squeeze", [image("h + 1", 1, 3)])).toEqual(["float32[h + 1, 3]"]);
    expect(inferredTypes("Squeeze", [image("batch", 1), tensorFacts("int64", [1])])).toEqual(["float32[o0_dim0]"]);
    expect(inferredTypes("Unsqueeze", [image("batch"), tensorFacts("int64", [1])])).toEqual([
      "float32[o0_dim0, o0_dim1]",
    ]);
  });

  it("carry extents through to where shapes are made of them", () => {
    expect(elementsOf("Shape", [image("batch", 3, "h")], { start: 1 })).toEqual([3, "h"]);
    expect(elementsOf("Size", [image("batch", 3, "h")])).toEqual(["3*batch*h"]);
    expect(elementsOf("Unsqueeze", [tensorFacts("int64", [], ["h"]), vector(0)])).toEqual(["h"]);
    expect(elementsOf("Flatten", [vector("h", 2)], { axis: 0 })).toEqual(["h", 2]);
  });
});

describe("what does not fit", () => {
  it.each<readonly [string, readonly Facts[], string]>([
    ["Reshape", [image(2, 3), vector(4, 2)], "cannot give [2, 3] the shape [4, 2]"],
    ["Reshape", [image(2, 3), vector(4, -1)], "cannot give [2, 3] the shape [4, -1]"],
    ["Reshape", [image(2, 3), vector(-1, -1)], "cannot give [2, 3] the shape [-1, -1]"],
    ["Reshape", [image(2, 3), vector(2, 3, 0)], "keeps extent 2 of a shape that has none: [2, 3]"],
    ["Squeeze", [image("batch", 3), vector(1)], "removes axis 1 of [batch, 3], which is not 1"],
    ["Unsqueeze", [image("batch"), vector(3)], "cannot add axes 3 to [batch]"],
    ["Unsqueeze", [image("batch"), vector(0, 0)], "cannot add axes 0, 0 to [batch]"],
  ])("%s %# is refused", (opType, inputs, message) => {
    expect(refusal(() => inferredTypes(opType, inputs))).toBe(`${opType} "o0": ${message}`);
  });
});
