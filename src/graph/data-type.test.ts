import { expect, it } from "vitest";
import { bitsOf, type DataType, dataTypeCode, dataTypeOf, isFloatingPoint } from "./data-type.js";
import { onnx } from "./testing/oracle.js";

it("numbers are those of ONNX, as far as onnx-proto knows them", () => {
  const { DataType: codes } = onnx.TensorProto;
  const ours: Record<string, DataType> = { FLOAT: "float32", DOUBLE: "float64" };
  const names = Object.keys(codes).filter((key) => Number.isNaN(Number(key)));
  expect(names).toHaveLength(17);
  for (const name of names) {
    const type = ours[name] ?? name.toLowerCase();
    const code = codes[name as keyof typeof codes];
    expect([name, dataTypeOf(code)]).toEqual([name, type]);
    expect(dataTypeCode(dataTypeOf(code))).toBe(code);
  }
});

it("newer types have their numbers from onnx.proto of ONNX 1.23", () => {
  expect(Array.from({ length: 10 }, (_, index) => dataTypeOf(17 + index))).toEqual([
    "float8e4m3fn",
    "float8e4m3fnuz",
    "float8e5m2",
    "float8e5m2fnuz",
    "uint4",
    "int4",
    "float4e2m1",
    "float8e8m0",
    "uint2",
    "int2",
  ]);
});

it.each([27, -1, 2 ** 40, 1.5])("the number %s is of no type that we know", (code) => {
  expect(dataTypeOf(code)).toBe("undefined");
});

it("sizes and gradients", () => {
  expect(["float16", "bfloat16", "float32", "float64"].every((type) => isFloatingPoint(type as DataType))).toBe(true);
  expect(["int64", "bool", "complex64", "float8e5m2", "string"].some((type) => isFloatingPoint(type as DataType))).toBe(
    false,
  );
  expect([bitsOf("bool"), bitsOf("complex128"), bitsOf("int2"), bitsOf("string")]).toEqual([8, 128, 2, 0]);
});
