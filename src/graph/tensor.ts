import { type ByteRange, memoryBytes, readRange } from "./bytes.js";
import { bitsOf, type DataType } from "./data-type.js";
import { InputError } from "./errors.js";
import { toSafeInteger } from "./model.js";
import { WireReader } from "./wire.js";

/**
 * Where a tensor's values are. Embedded and external bytes look the same; older writers put values into typed repeated
 * fields instead, one range for each stretch of the field in the file.
 */
export type Payload =
  | { readonly kind: "raw"; readonly range: ByteRange }
  | { readonly kind: "typed"; readonly field: TypedField; readonly ranges: readonly ByteRange[] }
  | { readonly kind: "none" };

/** The repeated fields of TensorProto that may hold values, with the wire form of their elements. */
export type TypedField = "float_data" | "int32_data" | "int64_data" | "double_data" | "uint64_data" | "string_data";

/** A constant tensor. Its payload is a reference until someone reads it. */
export interface Tensor {
  readonly name: string;
  readonly dataType: DataType;
  /** Extents, row-major; an empty shape is a scalar. */
  readonly shape: readonly number[];
  readonly payload: Payload;
}

/** The number of elements. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Bytes that the values take as ONNX raw_data; types below 8 bits are packed. */
export function rawByteLength(dataType: DataType, shape: readonly number[]): number {
  return Math.ceil((elementCount(shape) * bitsOf(dataType)) / 8);
}

/** A tensor over values in memory, little-endian as ONNX stores them. */
export function tensorFrom(name: string, dataType: DataType, shape: readonly number[], bytes: Uint8Array): Tensor {
  return { name, dataType, shape, payload: { kind: "raw", range: { source: memoryBytes(bytes), offset: 0, length: bytes.length } } };
}

/**
 * The values as ONNX raw_data: row-major, little-endian, types below 8 bits packed.
 * Throws {@link InputError} for strings.
 */
export function rawBytes(tensor: Tensor): Uint8Array {
  const { payload, dataType } = tensor;
  switch (payload.kind) {
    case "none":
      return new Uint8Array(rawByteLength(dataType, tensor.shape));
    case "raw":
      return readRange(payload.range);
    case "typed":
      switch (payload.field) {
        case "float_data":
        case "double_data":
          return Buffer.concat(payload.ranges.map(readRange));
        case "int32_data":
        case "int64_data":
        case "uint64_data":
          return integerBytes(varints(payload.ranges), Math.max(bitsOf(dataType) / 8, 1));
        case "string_data":
          throw new InputError(`tensor "${tensor.name}"`, "holds strings, which have no raw bytes");
      }
  }
}

/**
 * The values of an int32 or int64 tensor (shapes, axes, indices) as numbers, 64-bit extremes clamped to safe integers.
 * Throws {@link InputError} for other types.
 */
export function readIntegers(tensor: Tensor): readonly number[] {
  const { dataType } = tensor;
  if (dataType !== "int64" && dataType !== "int32") {
    throw new InputError(`tensor "${tensor.name}"`, `holds ${dataType}, integers were expected`);
  }
  const bytes = rawBytes(tensor);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = bitsOf(dataType) / 8;
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, index) =>
    dataType === "int64" ? toSafeInteger(view.getBigInt64(index * size, true)) : view.getInt32(index * size, true),
  );
}

function varints(ranges: readonly ByteRange[]): readonly bigint[] {
  const values: bigint[] = [];
  for (const { source, offset, length } of ranges) {
    new WireReader(source).bigints({ kind: "bytes", number: 0, start: offset, end: offset + length }, values);
  }
  return values;
}

function integerBytes(values: readonly bigint[], size: number): Uint8Array {
  const bytes = new Uint8Array(values.length * size);
  for (const [index, value] of values.entries()) {
    for (let byte = 0; byte < size; byte++) bytes[index * size + byte] = Number((value >> BigInt(8 * byte)) & 255n);
  }
  return bytes;
}
