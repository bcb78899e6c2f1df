import { logitsOf } from "./fusion.js";
import { likePrediction, type LossHead, reduced } from "./loss.js";

/**
 * −t·log σ(x) − (1 − t)·log(1 − σ(x)) of logits x and targets t from 0 to 1, as max(x, 0) − x·t + log(1 + e^−|x|),
 * which does not overflow; as torch.nn.functional.binary_cross_entropy_with_logits. A Sigmoid at the model's end is
 * fused with it.
 */
export const binaryCrossEntropyWithLogits: LossHead = {
  summary: "of logits against 0 and 1, for yes-or-no questions",
  options: [],
  targetType: likePrediction,
  predictionKind: ({ g, prediction }) => (logitsOf(g, prediction) === prediction ? "logits" : "probabilities"),
  loss: ({ g, prediction, target, options }) => {
    const logits = logitsOf(g, prediction);
    // softplus(x) = max(x, 0) + log(1 + e^−|x|): the runtime's kernel is stable.
    return reduced(g, g.sub(g.op("Softplus", [logits]), g.mul(logits, target)), options);
  },
  metrics: ({ g, prediction, target }) => {
    const isYes = g.greater(logitsOf(g, prediction), 0);
    const hits = g.cast(g.equal(isYes, g.greater(target, 0.5)), prediction.dataType);
    return { accuracy: reduced(g, hits, {}) };
  },
};
