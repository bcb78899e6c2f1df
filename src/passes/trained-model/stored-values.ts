import { type ByteSource, memoryBytes } from "../../graph/bytes.js";
import { bitsOf, type DataType } from "../../graph/data-type.js";
import { rawBytes, numberTensor } from "../../graph/tensor.js";

/** Values of a parameter as training has them. */
export type Floats = Float32Array | Float64Array;

/**
 * The values as a tensor of a type of real numbers stores them, rounded to nearest, ties to even, when they are read:
 * a tensor in half precision is never there twice.
 */
export function storedValues(data: Floats, dataType: DataType): ByteSource {
  const own = data instanceof Float32Array ? "float32" : "float64";
  if (dataType === own) return memoryBytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const size = bitsOf(dataType) / 8;
  return {
    label: "trained values",
    size: data.length * size,
    read(offset, length) {
      const first = Math.floor(offset / size);
      const numbers = data.subarray(first, Math.ceil((offset + length) / size));
      const bytes = converted(numbers, dataType);
      return bytes.subarray(offset - first * size, offset - first * size + length);
    },
  };
}

/** A number that a type can only hold as infinity, with its index; undefined where there is none. */
export function overflowOf(
  data: Floats,
  dataType: DataType,
): { readonly index: number; readonly value: number } | undefined {
  const limit = roundsToInfinity[dataType];
  if (limit === undefined) return undefined;
  for (let index = 0; index < data.length; index++) {
    const value = data[index] ?? 0;
    if (Math.abs(value) >= limit && Number.isFinite(value)) return { index, value };
  }
  return undefined;
}

/** The least magnitude that rounds to infinity: the greatest number and half a unit in its last place. */
const roundsToInfinity: Readonly<Partial<Record<DataType, number>>> = {
  float16: (2 - 2 ** -11) * 2 ** 15,
  bfloat16: (2 - 2 ** -8) * 2 ** 127,
  float32: (2 - 2 ** -24) * 2 ** 127,
};

function converted(numbers: Floats, dataType: DataType): Uint8Array {
  if (dataType === "float32") return new Uint8Array(Float32Array.from(numbers).buffer);
  if (dataType === "float64") return new Uint8Array(Float64Array.from(numbers).buffer);
  if (numbers instanceof Float32Array) return halfBytes(numbers, dataType === "float16" ? float16Bits : bfloat16Bits);
  return rawBytes(numberTensor("", dataType, [numbers.length], [...numbers]));
}

/** By the bits of a float32: of hundreds of millions of numbers, {@link numberTensor} does a million in a second. */
function halfBytes(numbers: Float32Array, bitsOfHalf: (bits: number, number: number) => number): Uint8Array {
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  const halves = new Uint16Array(numbers.length);
  for (let index = 0; index < halves.length; index++) {
    halves[index] = bitsOfHalf(bits[index] ?? 0, numbers[index] ?? 0);
  }
  return new Uint8Array(halves.buffer);
}

/** float32: 1 bit of sign, 8 of exponent (bias 127), 23 of fraction; binary16: 1, 5 (bias 15), 10. */
function float16Bits(bits: number, number: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return 0x7e00;
  // From 65520 on.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) return sign | shifted(magnitude - ((127 - 15) << 23), 13);
  // Below 2^-14 in units of 2^-24. A double of 2^52 or more has no fraction: adding it rounds.
  return sign | (Math.abs(number) * 2 ** 24 + 2 ** 52 - 2 ** 52);
}

/** The upper half of a float32. */
function bfloat16Bits(bits: number): number {
  const magnitude = bits & 0x7fffffff;
  return magnitude > 0x7f800000 ? 0x7fc0 : ((bits >>> 16) & 0x8000) | shifted(magnitude, 16);
}

/** Without the lowest bits, rounded to nearest, ties to even. */
function shifted(bits: number, count: number): number {
  return (bits + ((1 << (count - 1)) - 1) + ((bits >>> count) & 1)) >>> count;
}
