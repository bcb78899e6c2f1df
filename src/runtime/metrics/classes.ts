import { InputError } from "../../graph/errors.js";
import { IGNORED_CLASS } from "../../passes/loss/loss.js";
import type { HostTensor } from "../host-tensor.js";
import { columnsOf, numbersOf, refuseUnlike } from "./columns.js";
import type { MetricContext } from "./metric.js";

/** @param scores one for each class; reused for the next example */
type VisitClasses = (scores: Float64Array, target: number) => void;

/**
 * Visits every example, or position of one, whose target counts. Targets are class numbers, or of the prediction's
 * shape: one-hot or probabilities, whose greatest names the class.
 * @throws InputError for targets that name no class
 */
export function forEachClassified(
  context: MetricContext,
  prediction: HostTensor,
  target: HostTensor,
  visit: VisitClasses,
): void {
  const { rows, columns, indexOf } = columnsOf(prediction, context);
  const scores = numbersOf(prediction);
  const targets = numbersOf(target);
  const isNumbered = targets.length === rows;
  if (!isNumbered && targets.length !== rows * columns) refuseUnlike(prediction, target);
  const ignored = context.loss.ignoreIndex ?? IGNORED_CLASS;
  const row = new Float64Array(columns);
  const readRow = (from: ArrayLike<number>, index: number) => {
    for (let column = 0; column < columns; column++) row[column] = from[indexOf(index, column)] ?? 0;
  };
  for (let index = 0; index < rows; index++) {
    let named: number;
    if (isNumbered) {
      named = targets[index] ?? 0;
      if (named === ignored) continue;
      requireClass(named, columns);
    } else {
      readRow(targets, index);
      named = greatest(row);
    }
    readRow(scores, index);
    visit(row, named);
  }
}

/** The number of the greatest score; of equal ones the first, as ArgMax has it. */
export function greatest(scores: Float64Array): number {
  let found = 0;
  for (let index = 1; index < scores.length; index++) if ((scores[index] ?? 0) > (scores[found] ?? 0)) found = index;
  return found;
}

/** Whether some score is not a number, so that nothing is predicted. */
export function isUndefined(scores: Float64Array): boolean {
  return scores.some((score) => Number.isNaN(score));
}

function requireClass(named: number, classes: number): void {
  // Class numbers count from the front alone, as the losses have it.
  if (Number.isInteger(named) && named >= 0 && named < classes) return;
  throw new InputError("targets", `hold ${named}, which is not the number of one of ${classes} classes`);
}
