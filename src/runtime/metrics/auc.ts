import { mean } from "../statistics.js";
import { forEachClassified, isUndefined } from "./classes.js";
import { type Metric, type MetricContext, taskOf } from "./metric.js";
import { forEachAnswered } from "./questions.js";

/**
 * The area under the receiver operating characteristic: the chance that what is so has a greater prediction than what
 * is not, where equal ones count half. Exact, so that all predictions are kept until the end. Of two classes that of
 * class 1; of several the mean over each against the rest by its probability, of several questions the mean over them.
 * NaN where one of them is always or never so.
 */
export const auc: Metric = {
  summary: "the area under the ROC curve: the chance that what is so has a greater prediction than what is not",
  better: "higher",
  tasks: ["classes", "questions"],
  create: (context) => {
    const predictions: Predictions[] = [];
    const isOfClasses = taskOf(context.loss) === "classes";
    const isNormalized = hasComparableScores(context);
    return {
      add: (prediction, target) => {
        if (isOfClasses) {
          forEachClassified(context, prediction, target, (scores, named) => {
            if (isUndefined(scores)) scores.fill(Number.NaN);
            else if (!isNormalized) logSoftmax(scores);
            scores.forEach((score, index) => record(predictions, index, score, index === named));
          });
        } else {
          forEachAnswered(context, prediction, target, (score, isYes, question) =>
            record(predictions, question, score, isYes),
          );
        }
      },
      value: () => {
        const measured = isOfClasses && predictions.length === 2 ? predictions.slice(1) : predictions;
        return mean(measured.map(area));
      },
    };
  },
};

/** The predictions of one class, or for one question. */
interface Predictions {
  readonly ofYes: number[];
  readonly ofNo: number[];
}

function record(all: Predictions[], index: number, score: number, isYes: boolean): void {
  const { ofYes, ofNo } = (all[index] ??= { ofYes: [], ofNo: [] });
  (isYes ? ofYes : ofNo).push(score);
}

/** Whether the scores of one class order examples as its probability does. Logits do so only within an example. */
function hasComparableScores({ loss, predictions = "logits" }: MetricContext): boolean {
  return loss.name !== "softmax-cross-entropy" || predictions !== "logits";
}

/**
 * In place. The greatest is left out of the sum, so that probabilities near 1 stay apart. Where the greatest is infinite
 * there is no result: NaN.
 */
function logSoftmax(scores: Float64Array): void {
  const at = scores.reduce((found, score, index) => (score > (scores[found] ?? 0) ? index : found), 0);
  const top = scores[at] ?? 0;
  const others = scores.reduce((sum, score, index) => (index === at ? sum : sum + Math.exp(score - top)), 0);
  const logarithm = Math.log1p(others);
  scores.forEach((score, index) => (scores[index] = score - top - logarithm));
}

/** The Mann-Whitney statistic by merging: its doubled sum is a whole number, so that only the division rounds. */
function area({ ofYes, ofNo }: Predictions): number {
  const [yes, no] = [Float64Array.from(ofYes).toSorted(), Float64Array.from(ofNo).toSorted()];
  // What is not a number is sorted to the end.
  if (Number.isNaN(yes.at(-1)) || Number.isNaN(no.at(-1))) return Number.NaN;
  let [below, upTo, doubled] = [0, 0, 0];
  for (const score of yes) {
    while (below < no.length && (no[below] ?? 0) < score) below++;
    while (upTo < no.length && (no[upTo] ?? 0) <= score) upTo++;
    doubled += below + upTo;
  }
  return doubled / (2 * yes.length * no.length);
}
