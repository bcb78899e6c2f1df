import { brief, percent, probability } from "../reports/numbers.js";
import type { ComparisonResult, VariantSummary } from "./comparison.js";

/** A number of a variant, and how it is written. */
export interface ComparisonCell {
  readonly value: number;
  readonly text: string;
}

/** What a comparison's table has in a row; undefined where there is nothing to say. */
type Column = (variant: VariantSummary) => ComparisonCell | undefined;

/** The columns of a comparison's table after the one with the names. */
export const comparisonColumns: ReadonlyMap<string, Column> = new Map<string, Column>([
  ["mean S", ({ meanScale }) => fixed(meanScale, 2)],
  ["mean", ({ mean }) => ({ value: mean, text: brief(mean) })],
  ["deviation", ({ deviation }) => ({ value: deviation, text: brief(deviation) })],
  [
    "better by",
    ({ difference }) => difference && { value: difference.improvement, text: percent(difference.improvement) },
  ],
  ["p", ({ difference }) => difference && { value: difference.p, text: probability(difference.p) }],
  [
    "p (Holm)",
    ({ difference }) => difference && { value: difference.correctedP, text: probability(difference.correctedP) },
  ],
  ["steps", ({ meanSteps }) => fixed(meanSteps, 0)],
  ["at target", ({ toTarget, runs }) => ({ value: toTarget.runs, text: `${toTarget.runs}/${runs.length}` })],
  ["steps to target", ({ toTarget }) => (toTarget.runs === 0 ? undefined : fixed(toTarget.steps, 0))],
  ["seconds to target", ({ toTarget }) => (toTarget.runs === 0 ? undefined : fixed(toTarget.seconds, 2))],
]);

/** What "target" stands for in the table; undefined where no loss could be one. */
export function describeTarget({ targetLoss }: ComparisonResult): string | undefined {
  return Number.isFinite(targetLoss) ? `Target: a validation loss of ${brief(targetLoss)}.` : undefined;
}

function fixed(value: number, digits: number): ComparisonCell {
  return { value, text: value.toFixed(digits) };
}
