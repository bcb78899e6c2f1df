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
 * The values of an int32 or int64 tensor (shapes, axes, indices) as numbers, 64-bit extremes clamped to safe integers.
 * Throws {@link InputError} for other types.
 */
export function readIntegers(tensor: Tensor): readonly number[] {
  const { payload, dataType } = tensor;
  if (dataType !== "int64" && dataType !== "int32") {
    throw new InputError(`tensor "${tensor.name}"`, `holds ${dataType}, integers were expected`);
  }
  switch (payload.kind) {
    case "none":
      return [];
    case "raw": {
      const bytes = readRange(payload.range);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      return Array.from({ length: elementCount(tensor.shape) }, (_, index) =>
        dataType === "int64" ? toSafeInteger(view.getBigInt64(index * 8, true)) : view.getInt32(index * 4, true),
      );
    }
    case "typed": {
      const values: bigint[] = [];
      for (const range of payload.ranges) {
        const { source, offset, length } = range;
        new WireReader(source).bigints({ kind: "bytes", number: 0, start: offset, end: offset + length }, values);
      }
      return values.map(toSafeInteger);
    }
  }
}
