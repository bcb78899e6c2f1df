import { greatest } from "./classes.js";
import { shareOfHits } from "./hits.js";
import type { Metric } from "./metric.js";

/**
 * The share of examples whose class has the greatest prediction; of yes-or-no questions, the share of right answers,
 * each question by itself where examples have several.
 */
export const accuracy: Metric = {
  summary: "the share of right predictions",
  better: "higher",
  tasks: ["classes", "questions"],
  create: (context) => shareOfHits(context, (scores, target) => greatest(scores) === target),
};
