import { mean, sampleStandardDeviation } from "../statistics.js";
import type { ComparedRun, ComparisonResult, TimeToTarget, VariantSummary } from "./comparison.js";
import { differencesOf } from "./difference.js";
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
  /** "loss", or a metric as it is reported. */
  readonly measure: string;
  readonly better: ComparisonResult["better"];
  readonly isOfTest: boolean;
  readonly targetLoss: number | undefined;
}

/** What runs show. @param variants Adam first, all with the same seeds in the same order */
export function judged(
  variants: readonly TrainedVariant[],
  { seeds, measure, better, isOfTest, ...how }: Judged,
): ComparisonResult {
  const [adam, ...others] = variants;
  const targetLoss = how.targetLoss ?? mean((adam?.runs ?? []).map(bestLoss).filter(Number.isFinite));
  const chosen = others.filter(({ largerStepsOf }) => largerStepsOf === undefined);
  const largerSteps = others.filter(({ largerStepsOf }) => largerStepsOf !== undefined);
  const stepsOf = new Map(largerSteps.map((steps) => [steps.largerStepsOf, steps]));
  const differences = (
    of: readonly TrainedVariant[],
    against: (variant: TrainedVariant) => TrainedVariant | undefined,
  ) => {
    const found = differencesOf(
      of.map((variant) => ({ values: valuesOf(variant), against: valuesOf(against(variant)) })),
      better,
    );
    return new Map(of.map((variant, index) => [variant, found[index]]));
  };
  const fromAdam = new Map([chosen, largerSteps].flatMap((family) => [...differences(family, () => adam)]));
  const controlled = chosen.filter(({ variant }) => stepsOf.has(variant.name));
  const fromSteps = differences(controlled, ({ variant }) => stepsOf.get(variant.name));
  const summaries = variants.map((trained): VariantSummary => {
    const { variant, runs, ...facts } = trained;
    const values = valuesOf(trained).filter(Number.isFinite);
    const [difference, fromLargerSteps] = [fromAdam.get(trained), fromSteps.get(trained)];
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
      ...(difference && { difference }),
      ...(fromLargerSteps && { fromLargerSteps }),
    };
  });
  const described = `${isOfTest ? "test" : "validation"} ${measure}`;
  const verdict = verdictOn(summaries, { measure: described, seeds: seeds.length });
  return { measure: described, better, seeds, targetLoss, variants: summaries, verdict };
}

function valuesOf(variant: TrainedVariant | undefined): readonly number[] {
  return variant?.runs.map(({ value }) => value) ?? [];
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
