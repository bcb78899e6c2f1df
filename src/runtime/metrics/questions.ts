import type { HostTensor } from "../host-tensor.js";
import { columnsOf, numbersOf, refuseUnlike } from "./columns.js";
import type { MetricContext } from "./metric.js";

/** @param isYes whether the answer is yes  @param question which of those that each example has, from 0 */
type VisitQuestion = (score: number, isYes: boolean, question: number) => void;

/**
 * Visits every answer, example by example. Targets of hinge are yes above 0, those of binary-cross-entropy-with-logits
 * above 0.5.
 */
export function forEachAnswered(
  context: MetricContext,
  prediction: HostTensor,
  target: HostTensor,
  visit: VisitQuestion,
): void {
  const { rows, columns, indexOf } = columnsOf(prediction, context);
  const scores = numbersOf(prediction);
  const targets = numbersOf(target);
  if (targets.length !== rows * columns) refuseUnlike(prediction, target);
  const middle = context.loss.name === "hinge" ? 0 : 0.5;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const index = indexOf(row, column);
      visit(scores[index] ?? 0, (targets[index] ?? 0) > middle, column);
    }
  }
}

/** Above what a prediction says yes, itself excluded: 0 for logits and for hinge, 0.5 for probabilities. */
export function threshold({ loss, predictions }: MetricContext): number {
  return loss.name !== "hinge" && predictions === "probabilities" ? 0.5 : 0;
}
