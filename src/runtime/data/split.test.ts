import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { refusal } from "../../graph/testing/input-error.js";
import { split } from "./split.js";

describe("splits", () => {
  test("are disjoint and complete", () => {
    const part = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.double({ min: 0.01, max: 0.4, noNaN: true }));
    fc.assert(
      fc.property(fc.integer({ min: 60, max: 400 }), part, part, fc.nat(), fc.boolean(), (...parameters) => {
        const [count, validation, testing, seed, shuffle] = parameters;
        const parts = split(count, { validation, test: testing, seed, shuffle }, "d.csv");
        const all = [...parts.training, ...parts.validation, ...parts.test];
        expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index));
        for (const one of Object.values(parts) as Uint32Array[]) expect(one).toEqual(one.toSorted());
      }),
    );
  });

  test("take the last rows without shuffling, as many as Keras", () => {
    const parts = split(20640, { validation: 0.2, shuffle: false }, "d.csv");
    expect(parts.training.length).toBe(16512);
    expect([parts.validation[0], parts.validation.at(-1)]).toEqual([16512, 20639]);
    expect(split(10, { validation: 0.9, shuffle: false }, "d.csv").training.length).toBe(1);
    expect(split(10, { validation: 3, test: 2, shuffle: false }, "d.csv")).toEqual({
      training: Uint32Array.of(0, 1, 2, 3, 4),
      validation: Uint32Array.of(5, 6, 7),
      test: Uint32Array.of(8, 9),
    });
  });

  test("of 0 are none", () => {
    expect(split(3, { validation: 0, test: 0, shuffle: false }, "d.csv")).toEqual(
      split(3, { shuffle: false }, "d.csv"),
    );
    expect(split(3, {}, "d.csv")).toMatchObject({ training: Uint32Array.of(0, 1, 2), validation: new Uint32Array(0) });
  });

  test("differ by seed, and are the same with the same one", () => {
    const validation = (seed: number) => split(1000, { validation: 0.2, seed }, "d.csv").validation;
    expect(validation(1)).toEqual(validation(1));
    expect(validation(1)).not.toEqual(validation(2));
  });

  test("that leave nothing are refused", () => {
    expect(refusal(() => split(1, { validation: 0.2 }, "d.csv"))).toBe(
      "--validation-split 0.2: leaves none of the 1 example in d.csv for training; take less",
    );
    expect(refusal(() => split(10, { validation: 6, test: 4 }, "d.csv"))).toBe(
      "--validation-split 6: leaves none of the 10 examples in d.csv for training; take less",
    );
    expect(refusal(() => split(10, { validation: -0.5 }, "d.csv"))).toContain("neither a share between 0 and 1");
    expect(refusal(() => split(10, { test: 1.5 }, "d.csv"))).toContain("--test-split 1.5");
  });
});
