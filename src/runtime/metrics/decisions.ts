import { mean } from "../statistics.js";
import { forEachClassified, greatest, isUndefined } from "./classes.js";
import { type Measurement, type Metric, type MetricContext, taskOf } from "./metric.js";
import { forEachAnswered, threshold } from "./questions.js";

/** How often one class, or yes to one question, was predicted and was so. */
export interface Decisions {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

/**
 * A metric of decisions for or against one class. Of two classes it is that of class 1, of one question that of yes; of
 * several classes the mean over all that occur in targets or predictions, of several questions the mean over all of
 * them, each counted alike ("macro"). As scikit-learn has it.
 * @param measure may divide by 0: what has no value counts 0
 */
export function ofDecisions(summary: string, measure: (decisions: Decisions) => number): Metric {
  return {
    summary,
    better: "higher",
    tasks: ["classes", "questions"],
    create: (context) => {
      const counts = taskOf(context.loss) === "classes" ? countClasses(context) : countQuestions(context);
      return {
        add: counts.add,
        value: () => {
          const values = counts.decisions().map(measure);
          const finite = values.map((value) => (Number.isNaN(value) ? 0 : value));
          return counts.isDefined() ? mean(finite) : Number.NaN;
        },
      };
    },
  };
}

interface Counts extends Pick<Measurement, "add"> {
  /** Of all that the mean is over. */
  readonly decisions: () => readonly Decisions[];
  /** Whether there are predictions, and all of them are numbers. */
  readonly isDefined: () => boolean;
}

type Count = { -readonly [Key in keyof Decisions]: number };

function countClasses(context: MetricContext): Counts {
  const counts: Count[] = [];
  let [isEmpty, hasUndefined] = [true, false];
  return {
    add: (prediction, target) =>
      forEachClassified(context, prediction, target, (scores, named) => {
        isEmpty = false;
        hasUndefined ||= isUndefined(scores);
        const predicted = greatest(scores);
        while (counts.length < scores.length) counts.push(noDecisions());
        record(counts, named, predicted === named, true);
        if (predicted !== named) record(counts, predicted, true, false);
      }),
    decisions: () => (counts.length === 2 ? counts.slice(1) : counts.filter(occurs)),
    isDefined: () => !isEmpty && !hasUndefined,
  };
}

function countQuestions(context: MetricContext): Counts {
  const counts: Count[] = [];
  const middle = threshold(context);
  let [isEmpty, hasUndefined] = [true, false];
  return {
    add: (prediction, target) => {
      forEachAnswered(context, prediction, target, (score, isYes, question) => {
        isEmpty = false;
        hasUndefined ||= Number.isNaN(score);
        while (counts.length <= question) counts.push(noDecisions());
        record(counts, question, score > middle, isYes);
      });
    },
    decisions: () => counts,
    isDefined: () => !isEmpty && !hasUndefined,
  };
}

function noDecisions(): Count {
  return { truePositives: 0, falsePositives: 0, falseNegatives: 0 };
}

function record(counts: readonly Count[], index: number, isPredicted: boolean, isSo: boolean): void {
  const count = counts[index];
  if (count === undefined || !(isPredicted || isSo)) return;
  if (isPredicted && isSo) count.truePositives++;
  else if (isPredicted) count.falsePositives++;
  else count.falseNegatives++;
}

function occurs({ truePositives, falsePositives, falseNegatives }: Decisions): boolean {
  return truePositives + falsePositives + falseNegatives > 0;
}
