import { ofDecisions } from "./decisions.js";

/** Of what is predicted to be so, the share that is: TP / (TP + FP); 0 where nothing is predicted to be so. */
export const precision = ofDecisions(
  "of what is predicted to be so, the share that is",
  ({ truePositives, falsePositives }) => truePositives / (truePositives + falsePositives),
);
