import { binaryCrossEntropyWithLogits } from "./binary-cross-entropy.js";
import { cosine } from "./cosine.js";
import { negativeLogLikelihood, softmaxCrossEntropy } from "./cross-entropy.js";
import { hinge } from "./hinge.js";
import { klDivergence } from "./kl-divergence.js";
import type { LossHead, LossName } from "./loss.js";
import { huber, meanAbsoluteError, meanSquaredError } from "./regression.js";

/** All losses, by name. */
export const losses: ReadonlyMap<LossName, LossHead> = new Map<LossName, LossHead>([
  ["mse", meanSquaredError],
  ["mae", meanAbsoluteError],
  ["huber", huber],
  ["softmax-cross-entropy", softmaxCrossEntropy],
  ["binary-cross-entropy-with-logits", binaryCrossEntropyWithLogits],
  ["nll", negativeLogLikelihood],
  ["kl-divergence", klDivergence],
  ["hinge", hinge],
  ["cosine", cosine],
]);
