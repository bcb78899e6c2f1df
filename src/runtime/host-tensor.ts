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

/** A tensor of zeros. */
export function zeros(type: FloatTensor["type"], dims: readonly number[]): FloatTensor {
  const elements = elementCount(dims);
  return type === "float64"
    ? { type, data: new Float64Array(elements), dims }
    : { type, data: new Float32Array(elements), dims };
}
