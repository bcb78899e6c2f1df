import { ofDifferences } from "./differences.js";
import type { Metric } from "./metric.js";

/**
 * R² = 1 − Σ(p − t)² / Σ(t − mean of t)², the share of the variance that is explained: 1 is perfect, 0 no better than
 * the mean, and it has no lower end. Of several numbers an example, the mean of their R². NaN where the targets of one
 * of them are all equal.
 */
export const r2: Metric = {
  summary: "the share of the targets' variance that is explained, R squared",
  better: "higher",
  tasks: ["numbers"],
  create: (context) =>
    ofDifferences(context, ({ squared, ofTargets }) => (ofTargets === 0 ? Number.NaN : 1 - squared / ofTargets)),
};
