/** Element types by their number in ONNX's TensorProto.DataType, IR version 14. `bits` is 0 where it is not fixed. */
const dataTypes = [
  { name: "undefined", bits: 0 },
  { name: "float32", bits: 32 },
  { name: "uint8", bits: 8 },
  { name: "int8", bits: 8 },
  { name: "uint16", bits: 16 },
  { name: "int16", bits: 16 },
  { name: "int32", bits: 32 },
  { name: "int64", bits: 64 },
  { name: "string", bits: 0 },
  { name: "bool", bits: 8 },
  { name: "float16", bits: 16 },
  { name: "float64", bits: 64 },
  { name: "uint32", bits: 32 },
  { name: "uint64", bits: 64 },
  { name: "complex64", bits: 64 },
  { name: "complex128", bits: 128 },
  { name: "bfloat16", bits: 16 },
  { name: "float8e4m3fn", bits: 8 },
  { name: "float8e4m3fnuz", bits: 8 },
  { name: "float8e5m2", bits: 8 },
  { name: "float8e5m2fnuz", bits: 8 },
  { name: "uint4", bits: 4 },
  { name: "int4", bits: 4 },
  { name: "float4e2m1", bits: 4 },
  { name: "float8e8m0", bits: 8 },
  { name: "uint2", bits: 2 },
  { name: "int2", bits: 2 },
] as const;

/** The element type of a tensor; "undefined" also stands for types newer than this table. */
export type DataType = (typeof dataTypes)[number]["name"];

/** The type with that number in ONNX's TensorProto.DataType. */
export function dataTypeOf(code: number): DataType {
  return dataTypes[code]?.name ?? "undefined";
}

/** The type's number in ONNX's TensorProto.DataType. */
export function dataTypeCode(type: DataType): number {
  return dataTypes.findIndex(({ name }) => name === type);
}

/** Bits of one element; 0 for strings and unknown types. */
export function bitsOf(type: DataType): number {
  return dataTypes[dataTypeCode(type)]?.bits ?? 0;
}

/** Whether gradients exist in this type: float16, bfloat16, float32, float64. */
export function isFloatingPoint(type: DataType): boolean {
  return type === "float32" || type === "float64" || type === "float16" || type === "bfloat16";
}
