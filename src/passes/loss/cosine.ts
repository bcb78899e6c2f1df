import type { Value } from "../../graph/emitter.js";
import type { Operators } from "../../graph/operators.js";
import { InputError } from "../../graph/errors.js";
import { knownShape, likePrediction, type LossHead, reduced } from "./loss.js";

/** Lengths are taken to be at least this, as in torch.nn.functional.cosine_similarity. */
const SHORTEST = 1e-8;

/** 1 − p·t / (|p|·|t|) along the last axis: 0 where prediction and target have one direction. */
export const cosine: LossHead = {
  summary: "1 - cosine similarity along the last axis, for embeddings",
  options: [],
  targetType: (prediction) => {
    if (knownShape(prediction).length > 0) return likePrediction(prediction);
    throw new InputError(`output "${prediction.name}"`, "is one number, and a cosine is that of vectors");
  },
  loss: ({ g, prediction, target, options }) => reduced(g, g.sub(1, similarity(g, prediction, target)), options),
  metrics: () => ({}),
};

function similarity(g: Operators, a: Value, b: Value): Value {
  const length = (x: Value) => g.max(g.reduce("ReduceL2", x, [-1], false), SHORTEST);
  return g.div(g.reduceSum(g.mul(a, b), [-1], false), g.mul(length(a), length(b)));
}
