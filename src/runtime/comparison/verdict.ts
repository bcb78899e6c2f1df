import { isNearly } from "./difference.js";
import { percent, probability } from "../reports/numbers.js";
import type { ComparedRun, Difference, VariantSummary } from "./comparison.js";

/** A difference whose p is lower is called more than chance. */
const SIGNIFICANCE = 0.05;

/** A percentage that is nothing but rounding. */
const SAME = 1e-4;

/** What is being compared. */
export interface VerdictContext {
  readonly measure: string;
  readonly seeds: number;
}

/**
 * What a comparison shows, in words. It answers one question, and three with larger steps: which variants differ from
 * Adam by more than chance, which larger steps alone do, and which variants differ from larger steps alone. Each question
 * is a family of its own for Holm's correction, so that asking another one does not change its answer.
 */
export function verdictOn(
  [adam, ...others]: readonly VariantSummary[],
  { measure, seeds }: VerdictContext,
): readonly string[] {
  if (adam === undefined) return [];
  const variants = others.filter(({ largerStepsOf }) => largerStepsOf === undefined);
  const steps = others.filter(({ largerStepsOf }) => largerStepsOf !== undefined);
  const lost = [adam, ...others].flatMap(diverged);
  if (isTheSame(adam)) {
    const remedy = "draw initial weights, or shuffle the examples into several batches";
    return [`Every seed gives the same training, so that nothing can be told from chance; ${remedy}.`, ...lost];
  }
  const ofAdam = ({ difference }: VariantSummary) => difference;
  const ofSteps = ({ fromLargerSteps }: VariantSummary) => fromLargerSteps;
  const how = ` (${measure}, ${seeds} seeds, p below ${SIGNIFICANCE} after Holm's correction)`;
  return [
    ...answer("variant", variants, "Adam", ofAdam, how),
    ...answer("larger step alone", steps, "Adam", ofAdam),
    ...answer("variant", variants, "Adam with the same mean step", ofSteps),
    ...lost,
  ];
}

/** Which differ by more than chance, and which cannot be told; nothing where none is compared. */
function answer(
  noun: string,
  variants: readonly VariantSummary[],
  against: string,
  of: (variant: VariantSummary) => Difference | undefined,
  how = "",
): readonly string[] {
  const compared = variants.flatMap((variant) => {
    const difference = of(variant);
    return difference === undefined ? [] : [{ ...difference, name: variant.name }];
  });
  const untold = compared.filter(({ p }) => Number.isNaN(p));
  const certain = compared.filter(({ correctedP }) => correctedP < SIGNIFICANCE);
  const listed = (sign: number) =>
    certain
      .filter(({ improvement }) => Math.sign(improvement) === sign)
      .toSorted((a, b) => b.improvement - a.improvement)
      .map(({ name, improvement, correctedP }) => `${name} by ${size(improvement)} (${probabilityOf(correctedP)})`)
      .join("; ");
  const [better, worse] = [listed(1), listed(-1)];
  const none = `No ${untold.length === 0 ? "" : "other "}${noun} differs from ${against} by more than chance${how}.`;
  return [
    ...untold.map((difference) => `${difference.name} ${whyUntold(difference, against)}.`),
    ...(certain.length === 0 && untold.length < compared.length ? [none] : []),
    ...(better === "" ? [] : [`Better than ${against} by more than chance: ${better}${how}.`]),
    ...(worse === "" ? [] : [`Worse than ${against} by more than chance: ${worse}${how}.`]),
  ];
}

function whyUntold({ seeds, improvement }: Difference, against: string): string {
  if (seeds < 2)
    return `cannot be told from ${against}: ${seeds === 0 ? "no seed" : "only one seed"} gave both a number`;
  if (!(Math.abs(improvement) > SAME)) return `comes to the same as ${against} with every seed`;
  return `differs from ${against} by the same with every seed, which cannot be told from chance`;
}

/** With given weights, and all examples in one batch or in one order, seeds change nothing but rounding. */
function isTheSame({ runs: [first, ...others] }: VariantSummary): boolean {
  const loss = (run: ComparedRun | undefined) => run?.history.at(-1)?.loss ?? 0;
  return others.every((run) => isNearly(run.value, first?.value ?? Number.NaN) && isNearly(loss(run), loss(first)));
}

function diverged({ name, runs }: VariantSummary): readonly string[] {
  const lost = runs.filter(({ value }) => !Number.isFinite(value)).length;
  if (lost === 0) return [];
  const rest = lost === runs.length ? "" : "; only the others count";
  return [`With ${name}, ${lost} of ${runs.length} trainings came to no number${rest}.`];
}

/** A percentage without its sign, which "better" and "worse" say. */
function size(improvement: number): string {
  return percent(Math.abs(improvement)).replace("+", "");
}

function probabilityOf(p: number): string {
  return `p ${p < 0.001 ? "" : "= "}${probability(p)}`;
}
