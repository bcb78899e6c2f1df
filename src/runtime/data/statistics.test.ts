import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addStretch, medianOf, Moments } from "./statistics.js";

describe("moments", () => {
  test("are the same one by one, in stretches and in groups", () => {
    const numbers = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(numbers, fc.nat(50), (drawn, cut) => {
        const all = Float64Array.from(drawn);
        const [single, stretched, grouped] = [new Moments(), new Moments(), new Moments()];
        single.add(all);
        addStretch(stretched, all, 0, all.length);
        const middle = Math.min(cut, all.length);
        grouped.add(all.subarray(0, middle));
        if (middle < all.length) addStretch(grouped, all, middle, all.length - middle);
        for (const other of [stretched, grouped]) {
          expect(other.count).toBe(single.count);
          expect(other.mean).toBeCloseTo(single.mean, 9);
          expect(other.divisor).toBeCloseTo(single.divisor, 6);
        }
      }),
    );
  });

  test("are exact far from 0", () => {
    // numpy.std([4, 7, 13, 16]) is √22.5, at any distance from 0.
    const moments = new Moments();
    moments.add(Float64Array.of(1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16));
    expect(moments.mean).toBe(1e9 + 10);
    expect(moments.divisor).toBeCloseTo(Math.sqrt(22.5), 12);
  });

  test("of numbers that are all the same divide by 1, missing ones left out", () => {
    const moments = new Moments();
    expect(moments.add(Float64Array.of(0.1, Number.NaN, 0.1, 0.1))).toBe(1);
    expect([moments.count, moments.mean, moments.divisor]).toEqual([3, 0.1, 1]);
    const stretch = new Moments();
    for (let repeat = 0; repeat < 7; repeat++) addStretch(stretch, new Float64Array(784).fill(0.1), 0, 784);
    expect([stretch.mean, stretch.divisor]).toEqual([0.1, 1]);
  });
});

test("the median is that of NumPy", () => {
  expect(medianOf(Float64Array.of(3, 1, 2))).toBe(2);
  expect(medianOf(Float64Array.of(10, 4, 1, 3))).toBe(3.5);
});
