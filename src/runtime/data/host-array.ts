import { isSameShape } from "../../graph/shapes/shape-math.js";
import { elementCount } from "../../graph/tensor.js";
import type { HostTensor, HostType } from "../host-tensor.js";

/** Types of tensors that numbers are written to. */
export type NumberType = Exclude<HostType, "string" | "float16">;

const ranges: Readonly<Record<NumberType, readonly [number, number] | undefined>> = {
  float32: undefined,
  float64: undefined,
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint64: [0, Number.MAX_SAFE_INTEGER],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  uint16: [0, 2 ** 16 - 1],
  int8: [-128, 127],
  uint8: [0, 255],
  bool: [0, 1],
};

/** Whether numbers can be written to tensors of a type. */
export function isNumberType(type: string): type is NumberType {
  return type in ranges;
}

/** The smallest and the largest whole number of a type; undefined for real numbers and text. 64 bits are used as far as 2⁵³. */
export function integerRange(type: NumberType | "string"): readonly [number, number] | undefined {
  return type === "string" ? undefined : ranges[type];
}

/** A tensor of zeros. */
export function newTensor(type: NumberType, dims: readonly number[]): HostTensor<NumberType> {
  const length = elementCount(dims);
  switch (type) {
    case "float32":
      return { type, dims, data: new Float32Array(length) };
    case "float64":
      return { type, dims, data: new Float64Array(length) };
    case "int64":
      return { type, dims, data: new BigInt64Array(length) };
    case "uint64":
      return { type, dims, data: new BigUint64Array(length) };
    case "int32":
      return { type, dims, data: new Int32Array(length) };
    case "uint32":
      return { type, dims, data: new Uint32Array(length) };
    case "int16":
      return { type, dims, data: new Int16Array(length) };
    case "uint16":
      return { type, dims, data: new Uint16Array(length) };
    case "int8":
      return { type, dims, data: new Int8Array(length) };
    case "uint8":
    case "bool":
      return { type, dims, data: new Uint8Array(length) };
  }
}

/** A tensor to write to, whatever is in it: the spare one where it is such, otherwise a new one. */
export function writableTensor(
  type: NumberType,
  dims: readonly number[],
  spare: HostTensor | undefined,
): HostTensor<NumberType> {
  return isOf(spare, type) && isSameShape(spare.dims, dims) ? spare : newTensor(type, dims);
}

function isOf(tensor: HostTensor | undefined, type: NumberType): tensor is HostTensor<NumberType> {
  return tensor?.type === type;
}

/** Writes numbers to a tensor from a place on. 64-bit integers must be whole and safe. */
export function putNumbers(
  { data }: HostTensor<NumberType>,
  numbers: Float64Array | Float32Array | Uint8Array,
  place: number,
): void {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    putIntegers(new Int32Array(data.buffer, data.byteOffset, 2 * data.length), numbers, place);
  } else {
    data.set(numbers, place);
  }
}

/** As low and high words, as bigints would be made one by one. */
function putIntegers(words: Int32Array, numbers: Float64Array | Float32Array | Uint8Array, place: number): void {
  for (let index = 0, word = 2 * place; index < numbers.length; index++, word += 2) {
    const number = numbers[index] ?? 0;
    words[word] = number;
    words[word + 1] = Math.floor(number / 2 ** 32);
  }
}
