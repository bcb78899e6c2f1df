import jStat from "jstat";

/** Σx / n; NaN of nothing. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** √(Σ(x − mean)² / (n − 1)), of a sample; NaN of fewer than two values. Exactly 0 where all are equal. */
export function sampleStandardDeviation(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  const [first = 0] = values;
  // From differences to one of them, whose mean is exact where all are equal.
  const shifted = values.map((value) => value - first);
  const center = mean(shifted);
  const squares = shifted.reduce((sum, value) => sum + (value - center) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

/** Whether two treatments of the same subjects differ. */
export interface PairedTTest {
  /** Of the first less the second. */
  readonly meanDifference: number;
  /** An interval that holds the true mean difference with 95% confidence. */
  readonly confidenceInterval: readonly [number, number];
  readonly t: number;
  readonly degreesOfFreedom: number;
  /** How probable a |t| as great is if there is no difference: two-sided. */
  readonly p: number;
}

/**
 * Student's t-test of pairs: t = mean(d) / (s(d) / √n) of the differences d, with n − 1 degrees of freedom. Of fewer
 * than two pairs, and where all differences are 0, t and p are NaN; where they are all equal and not 0, t is infinite
 * and p 0. As scipy.stats.ttest_rel; p and the interval within 1e-6 of their size.
 */
export function pairedTTest(first: readonly number[], second: readonly number[]): PairedTTest {
  if (first.length !== second.length) throw new RangeError("pairs need as many values on both sides");
  const differences = first.map((value, index) => value - (second[index] ?? 0));
  const degreesOfFreedom = differences.length - 1;
  const meanDifference = mean(differences);
  const standardError = sampleStandardDeviation(differences) / Math.sqrt(differences.length);
  const t = meanDifference / standardError;
  const margin = standardError * jStat.studentt.inv(0.975, degreesOfFreedom);
  return {
    meanDifference,
    confidenceInterval: [meanDifference - margin, meanDifference + margin],
    t,
    degreesOfFreedom,
    p: twoSided(t, degreesOfFreedom),
  };
}

/** P(|T| > |t|) = I_x(ν/2, 1/2) with x = ν/(ν + t²), which small probabilities do not cancel in. */
function twoSided(t: number, degreesOfFreedom: number): number {
  return jStat.ibeta(degreesOfFreedom / (degreesOfFreedom + t * t), degreesOfFreedom / 2, 0.5);
}

/**
 * Probabilities of several comparisons, each raised so that of all that fall below a level, even one is wrong with no
 * more than that probability: Holm's step-down correction, the k-th smallest of m times m − k + 1, not below the ones
 * before and not above 1. Those that are NaN stay so and are not counted. As statsmodels' multipletests("holm").
 */
export function holmCorrected(probabilities: readonly number[]): readonly number[] {
  const ascending = [...probabilities.keys()]
    .filter((index) => !Number.isNaN(probabilities[index]))
    .toSorted((a, b) => (probabilities[a] ?? 0) - (probabilities[b] ?? 0));
  const corrected = probabilities.map(() => Number.NaN);
  let least = 0;
  for (const [rank, index] of ascending.entries()) {
    least = Math.max(least, Math.min(1, (probabilities[index] ?? 0) * (ascending.length - rank)));
    corrected[index] = least;
  }
  return corrected;
}
