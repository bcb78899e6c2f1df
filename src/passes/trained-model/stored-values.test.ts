import { describe, expect, it } from "vitest";
import type { DataType } from "../../graph/data-type.js";
import { numberTensor } from "../../graph/tensor.js";
import { inputError } from "../../graph/testing/input-error.js";
import { requireInRange, storedValues } from "./stored-values.js";

/** A number by the bits of a float32. */
const fromBits = (bits: number) => new Float32Array(Uint32Array.of(bits).buffer)[0] ?? 0;
const stored = (numbers: readonly number[], dataType: "float16" | "bfloat16") => {
  const source = storedValues(Float32Array.from(numbers), dataType);
  return new Uint16Array(Uint8Array.from(source.read(0, source.size)).buffer);
};

describe("half precision", () => {
  // Values and bits by numpy (float16) and PyTorch (bfloat16).
  it.each<[number, number, number]>([
    [0, 0x0000, 0x0000],
    [-0, 0x8000, 0x8000],
    [1, 0x3c00, 0x3f80],
    [-1 / 3, 0xb555, 0xbeab],
    [1 + 2 ** -11, 0x3c00, 0x3f80],
    [1 + 3 * 2 ** -11, 0x3c02, 0x3f80],
    [1 + 2 ** -8, 0x3c04, 0x3f80],
    [1 + 3 * 2 ** -8, 0x3c0c, 0x3f82],
    [65504, 0x7bff, 0x4780],
    [65519, 0x7bff, 0x4780],
    [65520, 0x7c00, 0x4780],
    [2 ** -14, 0x0400, 0x3880],
    [2 ** -14 - 2 ** -26, 0x0400, 0x3880],
    [2 ** -24, 0x0001, 0x3380],
    [2 ** -25, 0x0000, 0x3300],
    [3 * 2 ** -25, 0x0002, 0x33c0],
    [3.4e38, 0x7c00, 0x7f80],
    [-Infinity, 0xfc00, 0xff80],
    [Number.NaN, 0x7e00, 0x7fc0],
  ])("%s", (number, float16, bfloat16) => {
    expect([stored([number], "float16")[0], stored([number], "bfloat16")[0]]).toEqual([float16, bfloat16]);
  });

  it("is read in any pieces", () => {
    for (const data of [Float32Array.of(1, 2, 3, 4).subarray(1), Float64Array.of(2, 3, 4)]) {
      const source = storedValues(data, "float16");
      const whole = source.read(0, 6);
      for (let from = 0; from < 6; from++) {
        for (let to = from; to <= 6; to++) expect(source.read(from, to - from)).toEqual(whole.subarray(from, to));
      }
    }
  });
});

it("a number is too large from where it rounds to infinity", () => {
  const limits = { float16: 65520, bfloat16: fromBits(0x7f7f8000), float32: 2 ** 128 - 2 ** 103 };
  const check = (dataType: DataType, ...numbers: number[]) =>
    requireInRange(Float64Array.from(numbers), numberTensor("w", dataType, [0], []), "w");
  for (const [dataType, limit] of Object.entries(limits) as ["float16", number][]) {
    expect(inputError(() => check(dataType, 0, -limit)).message).toBe(
      `w: its value ${-limit} (element 1) is too large for ${dataType}; train with weight decay, or export the model in float32`,
    );
    check(dataType, limit * (1 - 2 ** -30), Infinity, Number.NaN);
  }
  check("float64", 1e308);
});
