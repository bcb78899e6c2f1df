import { InputError } from "../../graph/errors.js";
import type { HostTensor } from "../host-tensor.js";
import { mean } from "../statistics.js";
import { columnsOf, numbersOf, refuseUnlike } from "./columns.js";
import type { Measurement, MetricContext } from "./metric.js";

/** What is known of one number that is predicted, over all examples. */
export interface Differences {
  readonly count: number;
  /** Σ |p − t|. */
  readonly absolute: number;
  /** Σ (p − t)². */
  readonly squared: number;
  /** Σ (t − mean of t)²; exactly 0 where all t are equal. */
  readonly ofTargets: number;
}

/**
 * A metric of the differences between predictions and targets: the mean over the numbers that each example has, as
 * scikit-learn's "uniform_average".
 */
export function ofDifferences(context: MetricContext, measure: (differences: Differences) => number): Measurement {
  let sums: Sums[] | undefined;
  return {
    add: (prediction, target) => {
      const { rows, columns, indexOf } = columnsOf(prediction, context);
      const [predicted, targets] = [numbersOf(prediction), numbersOf(target)];
      if (targets.length !== rows * columns) refuseUnlike(prediction, target);
      sums ??= Array.from({ length: columns }, noSums);
      if (sums.length !== columns) refuseOther(prediction, sums.length);
      for (const [column, each] of sums.entries()) {
        for (let row = 0; row < rows; row++) {
          const index = indexOf(row, column);
          extend(each, predicted[index] ?? 0, targets[index] ?? 0);
        }
      }
    },
    value: () => mean((sums ?? []).map((each) => (each.count === 0 ? Number.NaN : measure(each)))),
  };
}

type Sums = { -readonly [Key in keyof Differences]: number } & { meanOfTargets: number };

function noSums(): Sums {
  return { count: 0, absolute: 0, squared: 0, ofTargets: 0, meanOfTargets: 0 };
}

function extend(sums: Sums, prediction: number, target: number): void {
  const difference = prediction - target;
  sums.count++;
  sums.absolute += Math.abs(difference);
  sums.squared += difference * difference;
  // Welford's update: no cancellation, whatever the mean.
  const fromMean = target - sums.meanOfTargets;
  sums.meanOfTargets += fromMean / sums.count;
  sums.ofTargets += fromMean * (target - sums.meanOfTargets);
}

function refuseOther({ dims }: HostTensor, columns: number): never {
  throw new InputError(
    "metrics",
    `are the mean over the numbers of an example, of which there were ${columns}, and now are [${dims.join(", ")}]`,
  );
}
