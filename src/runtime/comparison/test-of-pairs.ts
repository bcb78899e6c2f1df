import { type PairedTTest, pairedTTest } from "../statistics.js";

/** Whether two variants differ: of the seeds with which both came to a number. */
export function testOfPairs(values: readonly number[], baseline: readonly number[]): PairedTTest {
  const pairs = values
    .map((value, index) => [value, baseline[index] ?? Number.NaN] as const)
    .filter((pair) => pair.every(Number.isFinite));
  return pairedTTest(
    pairs.map(([value]) => value),
    pairs.map(([, value]) => value),
  );
}
