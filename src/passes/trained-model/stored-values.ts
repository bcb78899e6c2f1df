import { type ByteSource, memoryBytes } from "../../graph/bytes.js";
import { bitsOf, type DataType } from "../../graph/data-type.js";
import { InputError } from "../../graph/errors.js";
import { bfloat16Bits, float16Bits } from "../../graph/half-precision.js";
import type { Tensor } from "../../graph/tensor.js";

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

/**
 * @param tensor that is to hold the values
 * @param where for the message
 * @throws InputError for a number that its type can only hold as infinity
 */
export function requireInRange(data: Floats = new Float32Array(), { dataType }: Tensor, where: string): void {
  const limit = roundsToInfinity[dataType];
  if (limit === undefined) return;
  for (let index = 0; index < data.length; index++) {
    const value = data[index] ?? 0;
    if (Math.abs(value) < limit || !Number.isFinite(value)) continue;
    const what = `its value ${value} (element ${index}) is too large for ${dataType}`;
    throw new InputError(where, what, "train with weight decay, or export the model in float32");
  }
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
  const bitsOfHalf = dataType === "float16" ? float16Bits : bfloat16Bits;
  const halves = new Uint16Array(numbers.length);
  for (let index = 0; index < halves.length; index++) halves[index] = bitsOfHalf(numbers[index] ?? 0);
  return new Uint8Array(halves.buffer);
}
