import { ofDifferences } from "./differences.js";
import type { Metric } from "./metric.js";

/** Root mean squared error: √ of the mean of (p − t)²; of several numbers an example, the mean of their roots. */
export const rootMeanSquaredError: Metric = {
  summary: "root mean squared error",
  better: "lower",
  isInTargetUnit: true,
  tasks: ["numbers"],
  create: (context) => ofDifferences(context, ({ squared, count }) => Math.sqrt(squared / count)),
};
