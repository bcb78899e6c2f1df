import { floatAttribute } from "../../graph/model.js";
import { decomposition, type Decompositions } from "./decomposition.js";

/** Activations that the runtime computes slowly or not at all. */
export const activations: Decompositions = {
  /**
   * y = x·tanh(ln(1 + eˣ)) = x·n/(n + 2), n = (1 + eˣ)² − 1 = eˣ·(eˣ + 2): without the logarithm, which is by far the
   * slowest part. Where x > 20 the quotient rounds to 1.
   */
  Mish: decomposition(1, ({ g, inputs: [x] }) => {
    const exponential = g.exp(g.op("Clip", [x, undefined, g.scalar(20, x.dataType)]));
    const n = g.mul(exponential, g.add(exponential, 2));
    return [g.mul(x, g.div(n, g.add(n, 2)))];
  }),

  /** y = x·σ(αx). */
  Swish: decomposition(1, ({ g, node, inputs: [x] }) => [
    g.mul(x, g.sigmoid(g.mul(x, floatAttribute(node, "alpha", 1)))),
  ]),
};
