import type { Value } from "../../graph/emitter.js";
import { likePrediction, type LossContext, type LossHead, reduced } from "./loss.js";

/** A loss that is a function of the difference between prediction and target, for each element. */
function ofDifference(
  summary: string,
  options: LossHead["options"],
  lossOf: (context: LossContext, difference: Value) => Value,
): LossHead {
  const difference = ({ g, prediction, target }: LossContext) => g.sub(prediction, target);
  return {
    summary,
    options,
    targetType: likePrediction,
    loss: (context) => reduced(context.g, lossOf(context, difference(context)), context.options),
    metrics: (context) => ({
      meanAbsoluteError: context.g.reduceMean(context.g.abs(difference(context)), undefined, false),
      meanSquaredError: context.g.reduceMean(context.g.square(difference(context)), undefined, false),
    }),
  };
}

/** Mean squared error: (p − t)². */
export const meanSquaredError = ofDifference("(p - t)^2, for regression", [], ({ g }, difference) =>
  g.square(difference),
);

/** Mean absolute error: |p − t|. */
export const meanAbsoluteError = ofDifference("|p - t|, for regression with outliers", [], ({ g }, difference) =>
  g.abs(difference),
);

/** Huber: d²/2 for |d| ≤ δ, else δ·(|d| − δ/2). */
export const huber = ofDifference("squared near 0, linear beyond delta", ["delta"], ({ g, options }, difference) => {
  const { delta = 1 } = options;
  const distance = g.abs(difference);
  // min(|d|, δ)·(|d| − min(|d|, δ)/2) is both, without a branch.
  const inner = g.min(distance, delta);
  return g.mul(inner, g.sub(distance, g.mul(inner, 0.5)));
});
