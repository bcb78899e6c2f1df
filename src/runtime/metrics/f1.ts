import { ofDecisions } from "./decisions.js";

/** The harmonic mean of precision and recall: 2·TP / (2·TP + FP + FN); 0 where nothing is so or predicted to be. */
export const f1 = ofDecisions(
  "the harmonic mean of precision and recall",
  ({ truePositives, falsePositives, falseNegatives }) =>
    (2 * truePositives) / (2 * truePositives + falsePositives + falseNegatives),
);
