import { elementCount } from "../graph/tensor.js";

/** The typed arrays that hold a tensor's elements in memory, by the type of the elements. */
interface ArrayOf {
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  /** By their bits. */
  readonly float16: Uint16Array;
  readonly int64: BigInt64Array;
  readonly uint64: BigUint64Array;
  readonly int32: Int32Array;
  readonly uint32: Uint32Array;
  readonly int16: Int16Array;
  readonly uint16: Uint16Array;
  readonly int8: Int8Array;
  readonly uint8: Uint8Array;
  /** One byte each, 0 or 1. */
  readonly bool: Uint8Array;
  readonly string: readonly string[];
}

/** The type of the elements of a tensor in memory. */
export type HostType = keyof ArrayOf;

/**
 * A tensor in memory, row-major: what sessions are fed with and what they give, what checkpoints hold.
 * `new ort.Tensor(type, data, dims)` takes it as it is.
 */
export type HostTensor<Type extends HostType = HostType> = {
  readonly [Each in Type]: { readonly type: Each; readonly data: ArrayOf[Each]; readonly dims: readonly number[] };
}[Type];

/** A tensor of real numbers in memory. */
export type FloatTensor = HostTensor<"float32" | "float64">;

export function isFloats(tensor: HostTensor): tensor is FloatTensor {
  return tensor.type === "float32" || tensor.type === "float64";
}

/** A tensor of zeros. */
export function zeros(type: FloatTensor["type"], dims: readonly number[]): FloatTensor {
  const elements = elementCount(dims);
  return type === "float64"
    ? { type, data: new Float64Array(elements), dims }
    : { type, data: new Float32Array(elements), dims };
}

/**
 * A tensor over an array, in the same memory; undefined for what is the data of no tensor.
 * @param type told where one kind of array holds several: bool or uint8, float16 or uint16
 */
export function tensorOver(data: unknown, dims: readonly number[], type?: string): HostTensor | undefined {
  // Newer versions of Node have an array for float16; sessions then give that.
  if (type === "float16" && isHalves(data)) {
    return { type, data: new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2), dims };
  }
  if (data instanceof Float32Array) return { type: "float32", data, dims };
  if (data instanceof Float64Array) return { type: "float64", data, dims };
  if (data instanceof BigInt64Array) return { type: "int64", data, dims };
  if (data instanceof BigUint64Array) return { type: "uint64", data, dims };
  if (data instanceof Int32Array) return { type: "int32", data, dims };
  if (data instanceof Uint32Array) return { type: "uint32", data, dims };
  if (data instanceof Int16Array) return { type: "int16", data, dims };
  if (data instanceof Uint16Array) return { type: "uint16", data, dims };
  if (data instanceof Int8Array) return { type: "int8", data, dims };
  if (data instanceof Uint8Array) return { type: type === "bool" ? type : "uint8", data, dims };
  return isTexts(data) ? { type: "string", data, dims } : undefined;
}

function isTexts(data: unknown): data is readonly string[] {
  return Array.isArray(data) && data.every((text) => typeof text === "string");
}

function isHalves(data: unknown): data is ArrayBufferView {
  const isOfTwoBytes = ArrayBuffer.isView(data) && "BYTES_PER_ELEMENT" in data && data.BYTES_PER_ELEMENT === 2;
  return isOfTwoBytes && !(data instanceof Int16Array);
}
