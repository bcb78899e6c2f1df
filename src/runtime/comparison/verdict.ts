import type { VariantSummary } from "./comparison.js";
import { testOfPairs } from "./test-of-pairs.js";

/** A difference whose p is lower is called more than chance. */
const SIGNIFICANCE = 0.05;

/** What is being compared. */
export interface VerdictContext {
  readonly measure: string;
  readonly better: "lower" | "higher";
  readonly seeds: number;
}

/**
 * What a comparison shows, in words: which variants are better or worse than Adam by more than chance, and whether what
 * is gained is more than larger steps alone would gain.
 */
export function verdictOn(variants: readonly VariantSummary[], context: VerdictContext): readonly string[] {
  const [adam, ...others] = variants;
  if (adam === undefined) return [];
  const candidates = others.filter(({ largerStepsOf }) => largerStepsOf === undefined);
  const certain = candidates.filter(({ difference }) => (difference?.correctedP ?? 1) < SIGNIFICANCE);
  const better = certain.filter(({ difference }) => (difference?.improvement ?? 0) > 0);
  const worse = certain.filter(({ difference }) => (difference?.improvement ?? 0) < 0);
  const how = `${context.measure}, ${context.seeds} seeds, p below ${SIGNIFICANCE} after Holm's correction`;
  return [
    ...(certain.length === 0 ? [`No variant differs from Adam by more than chance (${how}).`] : []),
    ...(better.length === 0 ? [] : [`Better than Adam by more than chance: ${listed(better)} (${how}).`]),
    ...(worse.length === 0 ? [] : [`Worse than Adam by more than chance: ${listed(worse)} (${how}).`]),
    ...better.flatMap((variant) => comparedToLargerSteps(variant, others, context)),
    ...variants.flatMap(diverged),
  ];
}

function listed(variants: readonly VariantSummary[]): string {
  return variants
    .toSorted((a, b) => (b.difference?.improvement ?? 0) - (a.difference?.improvement ?? 0))
    .map(
      ({ name, difference }) =>
        `${name} by ${percent(difference?.improvement)} (${probability(difference?.correctedP)})`,
    )
    .join("; ");
}

/** How much of what a variant gains is a larger learning rate? */
function comparedToLargerSteps(
  { name, meanScale, runs, mean }: VariantSummary,
  variants: readonly VariantSummary[],
  { better }: VerdictContext,
): readonly string[] {
  const steps = variants.find(({ largerStepsOf }) => largerStepsOf === name);
  if (steps === undefined) return [];
  const { p } = testOfPairs(
    runs.map(({ value }) => value),
    steps.runs.map(({ value }) => value),
  );
  const isAhead = better === "lower" ? mean < steps.mean : mean > steps.mean;
  const rate = `Adam with its learning rate × ${Number(meanScale.toPrecision(3))}, the mean scale of ${name},`;
  const comes = `comes to ${Number(steps.mean.toPrecision(4))} (${name}: ${Number(mean.toPrecision(4))})`;
  if (!(p < SIGNIFICANCE))
    return [`${rate} ${comes}, no different by more than chance (${probability(p)}): larger steps explain the gain.`];
  return [
    isAhead
      ? `${rate} ${comes}: the architecture gains more than larger steps do (${probability(p)}).`
      : `${rate} ${comes}: larger steps alone gain more (${probability(p)}).`,
  ];
}

function diverged({ name, runs }: VariantSummary): readonly string[] {
  const lost = runs.filter(({ value }) => !Number.isFinite(value)).length;
  return lost === 0 ? [] : [`With ${name}, ${lost} of ${runs.length} trainings came to no number.`];
}

function percent(value = Number.NaN): string {
  return `${Math.abs(value).toFixed(2)}%`;
}

function probability(p = Number.NaN): string {
  return p < 0.001 ? "p below 0.001" : `p = ${p.toFixed(3)}`;
}
