import { type ByteRange, memoryBytes, readRange } from "./bytes.js";
import { bitsOf, type DataType, isFloatingPoint } from "./data-type.js";
import { InputError } from "./errors.js";
import { bfloat16Bits, float16Bits, fromBfloat16, fromFloat16 } from "./half-precision.js";
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

/** The typed field for values of a type that are not raw, as onnx.proto assigns them; undefined for unknown types. */
export function typedFieldOf(dataType: DataType): TypedField | undefined {
  switch (dataType) {
    case "undefined":
      return undefined;
    case "float32":
    case "complex64":
      return "float_data";
    case "float64":
    case "complex128":
      return "double_data";
    case "int64":
      return "int64_data";
    case "uint32":
    case "uint64":
      return "uint64_data";
    case "string":
      return "string_data";
    default:
      return "int32_data";
  }
}

/** The number of elements. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Bytes that the values take as ONNX raw_data; types below 8 bits are packed. */
export function rawByteLength(dataType: DataType, shape: readonly number[]): number {
  return Math.ceil((elementCount(shape) * bitsOf(dataType)) / 8);
}

/** What is wrong with a tensor's payload by its shape and type, as far as that shows without reading it. */
export function payloadMismatch({ dataType, shape, payload }: Tensor): string | undefined {
  const elements = elementCount(shape);
  const ranges = payload.kind === "raw" ? [payload.range] : payload.kind === "typed" ? payload.ranges : [];
  const held = ranges.reduce((sum, { length }) => sum + length, 0);
  const declared = `by its shape [${shape.join(", ")}] and type ${dataType}`;
  if (dataType === "string") {
    const count = payload.kind === "typed" ? ranges.length : 0;
    return count === elements ? undefined : `should hold ${elements} strings ${declared}, but holds ${count}`;
  }
  // A type newer than our table: who knows its size.
  if (bitsOf(dataType) === 0) return undefined;
  const expected = rawByteLength(dataType, shape);
  if (payload.kind === "typed" && isVarints(payload.field)) {
    const count = expected / varintWidth(dataType);
    const isPlausible = held >= count && held <= count * LONGEST_VARINT;
    return isPlausible ? undefined : `should hold ${count} numbers ${declared}, but holds ${held} bytes`;
  }
  return held === expected ? undefined : `should hold ${expected} bytes ${declared}, but holds ${held}`;
}

/**
 * A tensor over values in memory, little-endian as ONNX stores them.
 * Throws {@link InputError} when there are more or fewer bytes than shape and type say.
 */
export function tensorFrom(name: string, dataType: DataType, shape: readonly number[], bytes: Uint8Array): Tensor {
  const range = { source: memoryBytes(bytes), offset: 0, length: bytes.length };
  const tensor: Tensor = { name, dataType, shape, payload: { kind: "raw", range } };
  const mismatch = payloadMismatch(tensor);
  if (mismatch !== undefined) throw new InputError(`tensor "${name}"`, mismatch);
  return tensor;
}

/**
 * The values as ONNX raw_data: row-major, little-endian, types below 8 bits packed.
 * Throws {@link InputError} for strings, for a tensor without values, and for damaged ones.
 */
export function rawBytes(tensor: Tensor): Uint8Array {
  const { payload, dataType, shape } = tensor;
  switch (payload.kind) {
    case "none":
      if (elementCount(shape) > 0) throw new InputError(`tensor "${tensor.name}"`, "has no values at hand");
      return new Uint8Array();
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
          return varintBytes(tensor, payload.ranges, varintWidth(dataType));
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

const LONGEST_VARINT = 10;

function isVarints(field: TypedField): boolean {
  return field === "int32_data" || field === "int64_data" || field === "uint64_data";
}

/** Bytes that each number of a varint field stands for: an element, or several of fewer than 8 bits. */
function varintWidth(dataType: DataType): number {
  return Math.max(bitsOf(dataType) / 8, 1);
}

function varintBytes(tensor: Tensor, ranges: readonly ByteRange[], width: number): Uint8Array {
  const bytes = new Uint8Array(rawByteLength(tensor.dataType, tensor.shape));
  const view = new DataView(bytes.buffer);
  let position = 0;
  for (const { source, offset, length } of ranges) {
    const field = { kind: "bytes", number: 0, start: offset, end: offset + length } as const;
    new WireReader(source).integers(field, ({ low, high }) => {
      if (position + width <= bytes.length) {
        for (let byte = 0; byte < width; byte++) {
          view.setUint8(position + byte, (byte < 4 ? low >>> (8 * byte) : high >>> (8 * (byte - 4))) & 255);
        }
      }
      position += width;
    });
  }
  if (position !== bytes.length) {
    const [needed, held] = [bytes.length / width, position / width];
    throw new InputError(`tensor "${tensor.name}"`, `should hold ${needed} numbers by its shape, but holds ${held}`);
  }
  return bytes;
}

/** Exporters write INT64_MAX and INT64_MIN for "to the end" and "from the start"; clamping keeps that meaning. */
export function toSafeInteger(value: bigint): number {
  return Math.min(Math.max(Number(value), Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

/**
 * The values of a tensor of numbers or booleans, 64-bit integers clamped to safe ones; undefined for other types.
 * @throws InputError for a tensor without values, and for damaged ones
 */
export function readNumbers(tensor: Tensor): readonly number[] | undefined {
  const read = reader(tensor.dataType);
  if (read === undefined) return undefined;
  const bytes = rawBytes(tensor);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = bitsOf(tensor.dataType) / 8;
  return Array.from({ length: bytes.length / size }, (_, index) => read(view, index * size));
}

/**
 * The values of a tensor of real numbers (float16 and bfloat16 included) as an array of that type.
 * @throws InputError for other types, for a tensor without values, and for damaged ones
 */
export function readFloats(tensor: Tensor, type: "float32"): Float32Array;
export function readFloats(tensor: Tensor, type: "float64"): Float64Array;
export function readFloats(tensor: Tensor, type: "float32" | "float64"): Float32Array | Float64Array {
  const { dataType } = tensor;
  if (!isFloatingPoint(dataType)) {
    throw new InputError(`tensor "${tensor.name}"`, `holds ${dataType}, real numbers were expected`);
  }
  // A copy has the alignment that the array needs.
  const { buffer } = new Uint8Array(rawBytes(tensor));
  const own = floatArray(dataType, buffer);
  if (dataType === type && !(own instanceof Uint16Array)) return own;
  const floats = type === "float32" ? new Float32Array(own.length) : new Float64Array(own.length);
  const widened =
    dataType === "float16" ? fromFloat16 : dataType === "bfloat16" ? fromBfloat16 : (number: number) => number;
  for (const [index, number] of own.entries()) floats[index] = widened(number);
  return floats;
}

/** The elements as they are stored: half-precision numbers by their bits. */
function floatArray(dataType: DataType, buffer: ArrayBuffer): Float32Array | Float64Array | Uint16Array {
  if (dataType === "float32") return new Float32Array(buffer);
  return dataType === "float64" ? new Float64Array(buffer) : new Uint16Array(buffer);
}

/**
 * A constant of these numbers, row-major; those that float16 or bfloat16 cannot hold are rounded, ties to even.
 * @throws InputError for types that are no numbers of whole bytes
 */
export function numberTensor(
  name: string,
  dataType: DataType,
  shape: readonly number[],
  numbers: readonly number[],
): Tensor {
  const array = typedArray(dataType, numbers);
  if (array === undefined) throw new InputError(`tensor "${name}"`, `cannot be made of the type ${dataType}`);
  return tensorFrom(name, dataType, shape, new Uint8Array(array.buffer));
}

function reader(dataType: DataType): ((view: DataView, offset: number) => number) | undefined {
  switch (dataType) {
    case "float32":
      return (view, offset) => view.getFloat32(offset, true);
    case "float64":
      return (view, offset) => view.getFloat64(offset, true);
    case "float16":
      return (view, offset) => fromFloat16(view.getUint16(offset, true));
    case "bfloat16":
      return (view, offset) => fromBfloat16(view.getUint16(offset, true));
    case "int64":
      return (view, offset) => toSafeInteger(view.getBigInt64(offset, true));
    case "uint64":
      return (view, offset) => toSafeInteger(view.getBigUint64(offset, true));
    case "int32":
      return (view, offset) => view.getInt32(offset, true);
    case "uint32":
      return (view, offset) => view.getUint32(offset, true);
    case "int16":
      return (view, offset) => view.getInt16(offset, true);
    case "uint16":
      return (view, offset) => view.getUint16(offset, true);
    case "int8":
      return (view, offset) => view.getInt8(offset);
    case "uint8":
    case "bool":
      return (view, offset) => view.getUint8(offset);
    default:
      return undefined;
  }
}

function typedArray(dataType: DataType, numbers: readonly number[]): ArrayBufferView<ArrayBuffer> | undefined {
  switch (dataType) {
    case "float32":
      return Float32Array.from(numbers);
    case "float64":
      return Float64Array.from(numbers);
    case "float16":
      return Uint16Array.from(numbers, float16Bits);
    case "bfloat16":
      return Uint16Array.from(numbers, bfloat16Bits);
    case "int64":
      return BigInt64Array.from(numbers, BigInt);
    case "uint64":
      return BigUint64Array.from(numbers, BigInt);
    case "int32":
      return Int32Array.from(numbers);
    case "uint32":
      return Uint32Array.from(numbers);
    case "int16":
      return Int16Array.from(numbers);
    case "uint16":
      return Uint16Array.from(numbers);
    case "int8":
      return Int8Array.from(numbers);
    case "uint8":
    case "bool":
      return Uint8Array.from(numbers);
    default:
      return undefined;
  }
}
