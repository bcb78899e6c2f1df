import { likePrediction, type LossHead, reduced } from "./loss.js";

/** max(1 − t·p, 0), for targets t that are −1 or 1; as keras.losses.hinge. */
export const hinge: LossHead = {
  summary: "max(1 - t p, 0), for targets -1 and 1",
  options: [],
  targetType: likePrediction,
  loss: ({ g, prediction, target, options }) =>
    reduced(g, g.op("Relu", [g.sub(1, g.mul(target, prediction))]), options),
  metrics: ({ g, prediction, target }) => ({
    accuracy: reduced(g, g.cast(g.greater(g.mul(target, prediction), 0), prediction.dataType), {}),
  }),
};
