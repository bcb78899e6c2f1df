import { forEachClassified, isUndefined } from "./classes.js";
import { type Measurement, type MetricContext, taskOf } from "./metric.js";
import { forEachAnswered, threshold } from "./questions.js";

/** The share of examples that are hit; of questions, the share of right answers. */
export function shareOfHits(
  context: MetricContext,
  isHit: (scores: Float64Array, target: number) => boolean,
): Measurement {
  const isOfClasses = taskOf(context.loss) === "classes";
  const middle = threshold(context);
  let [hits, count] = [0, 0];
  const judge = (result: boolean | undefined) => {
    // What is not a number stays in the sum for good.
    hits += result === undefined ? Number.NaN : Number(result);
    count++;
  };
  return {
    add: (prediction, target) => {
      if (isOfClasses) {
        forEachClassified(context, prediction, target, (scores, named) =>
          judge(isUndefined(scores) ? undefined : isHit(scores, named)),
        );
      } else {
        forEachAnswered(context, prediction, target, (score, isYes) =>
          judge(Number.isNaN(score) ? undefined : score > middle === isYes),
        );
      }
    },
    value: () => hits / count,
  };
}
