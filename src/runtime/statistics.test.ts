import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { fixture } from "../graph/testing/models.js";
import { holmCorrected, mean, pairedTTest, sampleStandardDeviation } from "./statistics.js";

type Written = number | "nan" | "inf" | "-inf";

/** See fixtures/statistics/make_statistics.py. */
interface Goldens {
  readonly pairs: readonly {
    readonly first: readonly number[];
    readonly second: readonly number[];
    readonly mean: number;
    readonly standardDeviation: Written;
    readonly meanDifference: number;
    readonly t: Written;
    readonly degreesOfFreedom: number;
    readonly p: Written;
    readonly confidenceInterval: readonly Written[];
  }[];
  readonly holm: readonly { readonly given: readonly number[]; readonly corrected: readonly number[] }[];
}

const goldens = JSON.parse(readFileSync(fixture("statistics/statistics.json"), "utf8")) as Goldens;

describe("statistics are SciPy's", () => {
  test.each(goldens.pairs.map((golden, index) => ({ golden, index })))("pairs $index", ({ golden }) => {
    const { first, second } = golden;
    expectClose(mean(first), golden.mean, 1e-13);
    expectClose(sampleStandardDeviation(first), golden.standardDeviation, 1e-13);
    const found = pairedTTest(first, second);
    expectClose(found.meanDifference, golden.meanDifference, 1e-12);
    expectClose(found.t, golden.t, 1e-11);
    expect(found.degreesOfFreedom).toBe(golden.degreesOfFreedom);
    // jStat's continued fraction ends at 3e-7.
    expectClose(found.p, golden.p, 1e-6, 0);
    for (const [index, end] of found.confidenceInterval.entries()) {
      expectClose(end, golden.confidenceInterval[index] ?? expect.fail(), 1e-6);
    }
  });

  it("of unlike lists cannot be had", () => {
    expect(() => pairedTTest([1, 2], [1])).toThrow(RangeError);
  });
});

describe("Holm's correction is statsmodels'", () => {
  test.each(goldens.holm)("$given", ({ given, corrected }) => {
    for (const [index, value] of holmCorrected(given).entries()) expectClose(value, corrected[index] ?? NaN, 1e-14);
  });

  it("leaves out what is not defined", () => {
    expect(holmCorrected([0.5, NaN, 0.25])).toEqual([0.5, NaN, 0.5]);
    expect(holmCorrected([])).toEqual([]);
  });
});

function expectClose(value: number, written: Written, relative: number, least = 1e-9): void {
  const expected = { nan: NaN, inf: Infinity, "-inf": -Infinity }[String(written)] ?? Number(written);
  if (Number.isFinite(expected)) {
    expect(Math.abs(value - expected)).toBeLessThanOrEqual(relative * Math.max(Math.abs(expected), least));
  } else expect(value).toBe(expected);
}
