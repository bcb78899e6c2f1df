import { shareOfHits } from "./hits.js";
import type { Metric } from "./metric.js";

/**
 * The share of examples whose class is among the k with the greatest predictions; of equal predictions the first
 * classes come first, so that top-1 is accuracy. 1 where there are no more than k classes.
 */
export function topK(k: number): Metric {
  return {
    summary: `the share of examples whose class is among the ${k} of the greatest predictions`,
    better: "higher",
    tasks: ["classes"],
    create: (context) => shareOfHits(context, (scores, target) => rank(scores, target) < k),
  };
}

/** How many classes come before one. */
function rank(scores: Float64Array, target: number): number {
  const own = scores[target] ?? 0;
  return scores.reduce((before, score, index) => before + Number(score > own || (score === own && index < target)), 0);
}
