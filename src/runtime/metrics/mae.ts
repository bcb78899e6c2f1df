import { ofDifferences } from "./differences.js";
import type { Metric } from "./metric.js";

/** Mean absolute error: the mean of |p − t|. */
export const meanAbsoluteError: Metric = {
  summary: "mean absolute error",
  better: "lower",
  isInTargetUnit: true,
  tasks: ["numbers"],
  create: (context) => ofDifferences(context, ({ absolute, count }) => absolute / count),
};
