import type { Value } from "../../graph/emitter.js";
import type { Operators } from "../../graph/operators.js";
import type { GradientClip } from "./optimizer.js";

/** The gradients, none of them too large. (Keras' clipvalue, clipnorm and global_clipnorm) */
export function clipped(g: Operators, gradients: readonly Value[], clip: GradientClip | undefined): readonly Value[] {
  if (clip === undefined) return gradients;
  const { by, limit } = clip;
  switch (by) {
    case "value":
      return gradients.map((gradient) => g.max(g.min(gradient, limit), -limit));
    case "norm":
      return gradients.map((gradient) => scaledTo(g, gradient, g.sqrt(sumOfSquares(g, gradient)), limit));
    case "global-norm": {
      // Summed in float64: over millions of elements float32 would lose digits, and a model may hold both types.
      const norm = g.sqrt(g.sum(gradients.map((gradient) => g.cast(sumOfSquares(g, gradient), "float64"))));
      return gradients.map((gradient) => scaledTo(g, gradient, g.cast(norm, gradient.dataType), limit));
    }
  }
}

/** g·limit/max(norm, limit): what is short enough stays. */
function scaledTo(g: Operators, gradient: Value, norm: Value, limit: number): Value {
  return g.mul(gradient, g.div(g.scalar(limit, gradient.dataType), g.max(norm, limit)));
}

function sumOfSquares(g: Operators, gradient: Value): Value {
  return g.reduce("ReduceSumSquare", gradient, undefined, false);
}
