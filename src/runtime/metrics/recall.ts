import { ofDecisions } from "./decisions.js";

/** Of what is so, the share that is predicted: TP / (TP + FN); 0 where nothing is so. */
export const recall = ofDecisions(
  "of what is so, the share that is predicted",
  ({ truePositives, falseNegatives }) => truePositives / (truePositives + falseNegatives),
);
