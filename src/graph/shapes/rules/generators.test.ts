import { describe, expect, it } from "vitest";
import { dataTypeCode } from "../../data-type.js";
import { type AttributeInputs, float32Tensor, int64Tensor } from "../../builder.js";
import { refusal } from "../../testing/input-error.js";
import { floats, integers, type PlainTensor } from "../../testing/run-model.js";
import { readNumbers } from "../../tensor.js";
import type { Extent } from "../extent.js";
import { type Facts, tensorFacts } from "../facts.js";
import { inferOutputs } from "../infer.js";
import { expectElementsAgree } from "../testing/element-agreement.js";
import { expectRuntimeAgrees, inferredTypes, nodeOf, zeros } from "../testing/runtime-agreement.js";

function vector(...elements: readonly (Extent | null)[]): Facts {
  return tensorFacts("int64", [elements.length], elements);
}

function range(dataType: Facts["dataType"], ...parameters: readonly (Extent | null)[]): Facts | undefined {
  const inputs = parameters.map((element) => tensorFacts(dataType, [], [element]));
  return inferOutputs(nodeOf("Range", 3), inputs)[0];
}

describe("against ONNX Runtime", () => {
  it("Constant", async () => {
    await expectElementsAgree("Constant", [], { value: int64Tensor("", [1, 2]) });
    await expectElementsAgree("Constant", [], { value_int: -7 });
    await expectElementsAgree("Constant", [], { value_ints: [3, 4] });
    await expectRuntimeAgrees("Constant", [], { value: float32Tensor("", [2, 3]) });
    await expectRuntimeAgrees("Constant", [], { value_float: { float: 0.5 } });
    await expectRuntimeAgrees("Constant", [], { value_floats: { floats: [0.5, 2] } });
  });

  it("ConstantOfShape", async () => {
    await expectElementsAgree("ConstantOfShape", [integers([2, 3])], { value: int64Tensor("", [7]) });
    await expectElementsAgree("ConstantOfShape", [integers([])], { value: int64Tensor("", [7]) });
    await expectRuntimeAgrees("ConstantOfShape", [integers([2, 3])]);
  });

  it("Range", async () => {
    for (const [start, limit, delta] of [
      [0, 5, 1],
      [1, 10, 4],
      [5, -2, -3],
      [3, 3, 1],
      [3, 1, 1],
    ] as const) {
      await expectElementsAgree("Range", [integers([start], []), integers([limit], []), integers([delta], [])]);
      await expectElementsAgree("Range", [floats([start], []), floats([limit], []), floats([delta], [])]);
    }
    await expectElementsAgree("Range", [floats([0], []), floats([2], []), floats([0.25], [])]);
    await expectRuntimeAgrees("Range", [floats([0], []), floats([1], []), floats([0.1], [])]);
    await expectRuntimeAgrees("Range", [floats([0.3], []), floats([0.9], []), floats([0.2], [])]);
  });

  it.each<readonly [string, readonly PlainTensor[], AttributeInputs]>([
    ["RandomNormal", [], { shape: [2, 3], dtype: dataTypeCode("float64") }],
    ["RandomUniform", [], { shape: [2, 3] }],
    ["RandomNormalLike", [zeros(2, 3)], {}],
    ["RandomUniformLike", [zeros(2, 3)], { dtype: dataTypeCode("float64") }],
    ["Bernoulli", [zeros(2, 3)], {}],
    ["Multinomial", [zeros(2, 3)], { sample_size: 5 }],
    ["Multinomial", [zeros(2, 3)], { dtype: dataTypeCode("int64") }],
    ["EyeLike", [zeros(2, 3)], { dtype: dataTypeCode("int64") }],
  ])("%s %#", async (opType, inputs, attributes) => {
    // The runtime has no kernels for the newest versions, which take more types.
    await expectRuntimeAgrees(opType, inputs, attributes, 1, { opset: 21 });
  });
});

describe("Constant", () => {
  it("is one, also for those who read its values", () => {
    const [facts] = inferOutputs(nodeOf("Constant", 0, { value_floats: { floats: [0.5, 2] } }), []);
    expect(facts?.constant && readNumbers(facts.constant)).toEqual([0.5, 2]);
    expect(facts?.elements).toBeUndefined();
    expect(inferredTypes("Constant", [], { value_string: "text" })).toEqual(["string[]"]);
    expect(inferredTypes("Constant", [], { value_strings: ["a", "b"] })).toEqual(["string[2]"]);
  });

  it("needs a value", () => {
    expect(refusal(() => inferredTypes("Constant", []))).toBe('Constant "o0": has no value');
  });
});

describe("symbolic sizes", () => {
  it("ConstantOfShape", () => {
    expect(inferredTypes("ConstantOfShape", [vector("batch", null, 3)])).toEqual(["float32[batch, o0_dim1, 3]"]);
    expect(inferredTypes("ConstantOfShape", [tensorFacts("int64", [2])])).toEqual(["float32[o0_dim0, o0_dim1]"]);
    expect(inferredTypes("ConstantOfShape", [tensorFacts("int64", ["n"])])).toEqual(["float32"]);
    expect(refusal(() => inferredTypes("ConstantOfShape", [vector(2, -3)]))).toBe(
      'ConstantOfShape "o0": is asked for the shape [2, -3]',
    );
  });

  it.each<readonly [Facts | undefined, readonly Extent[]]>([
    [range("int64", 0, "seq", 1), ["seq"]],
    [range("int64", "past", "past + seq", 1), ["seq"]],
    [range("int64", 0, "h", 2), ["floor((h + 1)/2)"]],
    [range("int64", "h", 0, -1), ["h"]],
    [range("int64", 0, "a - b", 1), ["max(0, a - b)"]],
    [range("float32", 0, "h", 1), ["h"]],
    [range("float32", 0, "0.5*h", 0.5), ["h"]],
    [range("int64", 0, null, 1), ["o0_dim0"]],
  ])("Range %#", (facts, shape) => {
    expect(facts?.shape).toEqual(shape);
  });

  it("a Range of symbols", () => {
    expect(range("int64", "h", "h + 3", 1)?.elements).toEqual(["h", "h + 1", "h + 2"]);
    expect(refusal(() => range("int64", 0, 5, 0))).toBe('Range "o0": has delta 0');
  });
});
