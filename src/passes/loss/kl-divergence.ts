import { givenLogProbabilities } from "./fusion.js";
import { classAxisOf, likePrediction, type LossHead, reduced } from "./loss.js";

/**
 * KL(t ‖ p) = Σ t·(log t − log p) over the classes, for predictions log p and targets t that are probabilities. A model
 * that ends in Softmax predicts p, and is fused. As torch.nn.functional.kl_div with reduction "batchmean" where that is
 * one distribution an example.
 */
export const klDivergence: LossHead = {
  summary: "of log-probabilities from probabilities, for distillation",
  options: ["classAxis"],
  targetType: likePrediction,
  loss: ({ g, prediction, target, options }) => {
    const axis = classAxisOf(prediction, options);
    const logarithms = givenLogProbabilities(g, prediction, axis);
    // 0·log 0 = 0
    const entropy = g.where(g.greater(target, 0), g.mul(target, g.log(target)), 0);
    const terms = g.sub(entropy, g.mul(target, logarithms));
    return reduced(g, g.reduceSum(terms, [axis], false), options);
  },
  metrics: () => ({}),
};
