import { metrics } from "../metrics/index.js";
import { holmCorrected, mean, sampleStandardDeviation } from "../statistics.js";
import type { ComparedRun, ComparisonResult, TimeToTarget, VariantSummary } from "./comparison.js";
import { testOfPairs } from "./test-of-pairs.js";
import type { Variant } from "./variant.js";
import { verdictOn } from "./verdict.js";

/** A variant with its runs, one for each seed. */
export interface TrainedVariant {
  readonly variant: Variant;
  readonly meanScale: number;
  readonly largerStepsOf?: string;
  readonly runs: readonly ComparedRun[];
}

/** What was measured, and how. */
export interface Judged {
  readonly seeds: readonly number[];
  /** "loss" or a metric. */
  readonly measure: string;
  readonly isOfTest: boolean;
  readonly targetLoss: number | undefined;
}

/** What runs show. @param variants Adam first, all with the same seeds in the same order */
export function judged(
  variants: readonly TrainedVariant[],
  { seeds, measure, isOfTest, ...how }: Judged,
): ComparisonResult {
  const better = metrics.get(measure)?.better ?? "lower";
  const [baseline, ...others] = variants.map(({ runs }) => runs.map(({ value }) => value));
  const adamRuns = variants[0]?.runs ?? [];
  const targetLoss = how.targetLoss ?? mean(adamRuns.map(bestLoss).filter(Number.isFinite));
  const tests = others.map((values) => testOfPairs(values, baseline ?? []));
  const corrected = holmCorrected(tests.map(({ p }) => p));
  const adamMean = mean(finite(baseline ?? []));
  const summaries = variants.map(({ variant, runs, ...facts }, index): VariantSummary => {
    const values = finite(runs.map(({ value }) => value));
    const test = tests[index - 1];
    const sign = better === "lower" ? -1 : 1;
    return {
      name: variant.name,
      ...facts,
      runs,
      mean: mean(values),
      deviation: sampleStandardDeviation(values),
      meanEpochs: mean(runs.map(({ epochs }) => epochs)),
      meanSteps: mean(runs.map(({ steps }) => steps)),
      meanSeconds: mean(runs.map(({ seconds }) => seconds)),
      toTarget: timeToTarget(runs, targetLoss),
      ...(test === undefined
        ? {}
        : {
            difference: {
              ...test,
              improvement: (sign * (mean(values) - adamMean) * 100) / Math.abs(adamMean),
              correctedP: corrected[index - 1] ?? Number.NaN,
            },
          }),
    };
  });
  const described = `${isOfTest ? "test" : "validation"} ${measure}`;
  return {
    measure: described,
    better,
    seeds,
    targetLoss,
    variants: summaries,
    verdict: verdictOn(summaries, { measure: described, better, seeds: seeds.length }),
  };
}

function finite(values: readonly number[]): readonly number[] {
  return values.filter(Number.isFinite);
}

function bestLoss({ history }: ComparedRun): number {
  return Math.min(...history.map(({ validationLoss = Infinity }) => validationLoss));
}

/** The first epoch whose validation loss is no greater than the target. */
function timeToTarget(runs: readonly ComparedRun[], target: number): TimeToTarget {
  const reached = runs.flatMap(({ history }) => {
    const index = history.findIndex(({ validationLoss = Infinity }) => validationLoss <= target);
    if (index < 0) return [];
    const until = history.slice(0, index + 1);
    return [{ steps: until.at(-1)?.step ?? 0, seconds: until.reduce((sum, { seconds }) => sum + seconds, 0) }];
  });
  return {
    runs: reached.length,
    steps: mean(reached.map(({ steps }) => steps)),
    seconds: mean(reached.map(({ seconds }) => seconds)),
  };
}
