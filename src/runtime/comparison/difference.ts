import { holmCorrected, mean, pairedTTest } from "../statistics.js";
import type { Difference } from "./comparison.js";

/** What a variant came to, and what it is compared with: one number for each seed, NaN where there is none. */
export interface Pairs {
  readonly values: readonly number[];
  readonly against: readonly number[];
}

/** What differs by less, relative to its size, is equal but for the rounding of float32. */
const ROUNDING = 1e-6;

/** Whether two numbers are equal but for rounding. */
export function isNearly(a: number, b: number): boolean {
  return Math.abs(a - b) <= ROUNDING * Math.max(Math.abs(a), Math.abs(b));
}

/** The differences that one question asks for; their p are corrected together, and with no others. */
export function differencesOf(family: readonly Pairs[], better: "lower" | "higher"): readonly Difference[] {
  const found = family.map((pairs) => differenceOf(pairs, better));
  const corrected = holmCorrected(found.map(({ p }) => p));
  return found.map((difference, index) => ({ ...difference, correctedP: corrected[index] ?? Number.NaN }));
}

/** Of the seeds with which both came to a number. */
function differenceOf({ values, against }: Pairs, better: "lower" | "higher"): Omit<Difference, "correctedP"> {
  const both = [...values.keys()].filter((seed) => Number.isFinite(values[seed]) && Number.isFinite(against[seed]));
  const [ours, theirs] = [values, against].map((all) => both.map((seed) => all[seed] ?? Number.NaN));
  const test = pairedTTest(ours ?? [], theirs ?? []);
  const { meanDifference, t, p } = test;
  const size = Math.abs(mean(theirs ?? []));
  // Where the differences do not vary, t = mean / standard error has nothing to measure chance by.
  const isConstant = Math.abs(meanDifference / t) <= ROUNDING * Math.max(size, Math.abs(meanDifference));
  return {
    ...test,
    p: isConstant ? Number.NaN : p,
    seeds: both.length,
    improvement: ((better === "lower" ? -1 : 1) * meanDifference * 100) / size,
  };
}
