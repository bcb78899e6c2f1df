import { describe, expect, it } from "vitest";
import { type DataType, dataTypeCode } from "../../data-type.js";
import { refusal } from "../../testing/input-error.js";
import { floats, integers } from "../../testing/run-model.js";
import type { Extent } from "../extent.js";
import { tensorFacts } from "../facts.js";
import { inferOutputs } from "../infer.js";
import { expectElementsAgree } from "../testing/element-agreement.js";
import { expectRuntimeAgrees, inferredTypes, nodeOf, zeros } from "../testing/runtime-agreement.js";

const to = (dataType: DataType) => ({ to: dataTypeCode(dataType) });

function cast(from: DataType, type: DataType, ...elements: readonly (Extent | null)[]) {
  return inferOutputs(nodeOf("Cast", 1, to(type)), [tensorFacts(from, [elements.length], elements)])[0]?.elements;
}

describe("casts against ONNX Runtime", () => {
  it("of integers and floats", async () => {
    await expectElementsAgree("Cast", [integers([-3, 0, 1, 7])], to("float32"));
    await expectElementsAgree("Cast", [integers([-3, 0, 1, 7])], to("int32"));
    await expectElementsAgree("Cast", [integers([-3, 0, 1])], to("bool"));
    await expectElementsAgree("Cast", [floats([-2.7, -0.3, 0, 0.9, 5.5])], to("int64"));
    await expectElementsAgree("Cast", [floats([-2.5, 0, 0.25])], to("bool"));
    await expectElementsAgree("CastLike", [floats([-2.7, 5.5]), integers([0])]);
    await expectRuntimeAgrees("Cast", [zeros(2, 3)], to("float64"));
  });

  it("between floats and bytes", async () => {
    const bytes = { dataType: "uint8", shape: [2, 3], values: [0, 1, 2, 3, 4, 5] } as const;
    await expectRuntimeAgrees("QuantizeLinear", [zeros(2, 3), floats([1], [])]);
    await expectRuntimeAgrees("QuantizeLinear", [zeros(2, 3), floats([1], [])], { output_dtype: dataTypeCode("int8") });
    await expectRuntimeAgrees("QuantizeLinear", [
      zeros(2, 3),
      floats([1], []),
      { dataType: "int8", shape: [], values: [0] },
    ]);
    await expectRuntimeAgrees("DequantizeLinear", [bytes, floats([1], [])]);
  });
});

describe("casts of extents", () => {
  it("keep them where the type can hold them", () => {
    expect(cast("int64", "float32", "h", null)).toEqual(["h", null]);
    expect(cast("int64", "int32", "h - w")).toEqual(["h - w"]);
    expect(cast("int64", "bool", "h", "h - 1")).toEqual([1, null]);
    expect(cast("int64", "float16", "h", 7, 5000)).toEqual([null, 7, null]);
    expect(cast("int64", "int8", "h", 7, 300)).toEqual([null, 7, null]);
  });

  it("round fractions towards zero", () => {
    expect(cast("float32", "int64", "0.5*h", "-0.5*h", "0.5*h - 0.5*w")).toEqual(["floor(h/2)", "-floor(h/2)", null]);
  });
});

it("types that no runtime knows are refused", () => {
  const x = tensorFacts("float32", [2]);
  expect(refusal(() => inferredTypes("Cast", [x]))).toBe('Cast "o0": lacks its attribute to');
  expect(refusal(() => inferredTypes("Cast", [x], { to: 99 }))).toBe('Cast "o0": has to 99, which is no element type');
  expect(inferredTypes("BitCast", [x], to("int32"))).toEqual(["int32[2]"]);
});
