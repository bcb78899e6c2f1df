import type { Value } from "../../../graph/emitter.js";
import { floatAttribute, stringAttribute } from "../../../graph/model.js";
import type { Operators } from "../../../graph/operators.js";
import { type GradientRules, rule } from "../rule.js";
import { elementWise } from "./elementary.js";

/** Smooth activations. */
export const activations: GradientRules = {
  /** y = σ(x).  dX = dY·y·(1 − y). */
  Sigmoid: elementWise((g, _, Y) => g.mul(Y, g.sub(1, Y))),

  /** y = ln(1 + eˣ).  dX = dY·σ(x). */
  Softplus: elementWise((g, x) => g.sigmoid(x)),

  /** y = x/(1 + |x|).  dX = dY/(1 + |x|)². */
  Softsign: rule(1, ({ g, inputs: [x], dY }) => [g.div(dY, g.square(g.add(g.abs(x), 1)))]),

  /** y = x·Φ(x).  dX = dY·(Φ(x) + x·φ(x)), or that of the approximation by tanh. */
  Gelu: rule(1, ({ g, node, inputs: [x], Y, dY }) => [
    g.mul(dY, stringAttribute(node, "approximate") === "tanh" ? tanhGeluSlope(g, x, Y) : geluSlope(g, x)),
  ]),

  /** y = x for x > 0, else α(eˣ − 1).  dX = dY for x > 0, else dY·(y + α). */
  Elu: rule(1, ({ g, node, inputs: [x], Y, dY }) => [
    g.mul(dY, g.where(g.greater(x, 0), 1, g.add(Y, floatAttribute(node, "alpha", 1)))),
  ]),

  /** y = x for x > 0, else α(exp(x/α) − 1).  dX = dY for x > 0, else dY·(y/α + 1). */
  Celu: rule(1, ({ g, node, inputs: [x], Y, dY }) => [
    g.mul(dY, g.where(g.greater(x, 0), 1, g.add(g.div(Y, floatAttribute(node, "alpha", 1)), 1))),
  ]),

  /** y = γx for x > 0, else γα(eˣ − 1).  dX = dY·γ for x > 0, else dY·(y + γα). */
  Selu: rule(1, ({ g, node, inputs: [x], Y, dY }) => {
    const alpha = floatAttribute(node, "alpha", 1.6732632);
    const gamma = floatAttribute(node, "gamma", 1.050701);
    return [g.mul(dY, g.where(g.greater(x, 0), gamma, g.add(Y, gamma * alpha)))];
  }),
};

/** Φ(x) + x·φ(x), Φ(x) = ½(1 + erf(x/√2)), φ(x) = exp(−x²/2)/√(2π). */
function geluSlope(g: Operators, x: Value): Value {
  const distribution = g.mul(g.add(g.op("Erf", [g.mul(x, Math.SQRT1_2)]), 1), 0.5);
  const density = g.exp(g.mul(g.square(x), -0.5));
  return g.add(distribution, g.mul(g.mul(x, density), 1 / Math.sqrt(2 * Math.PI)));
}

/**
 * y = ½x(1 + tanh u) = x·s, s = σ(2u), u = √(2/π)·(x + cx³), c = 0.044715.  y' = s + 2x·s·(1 − s)·u' = s + y·(1 −
 * s)·2u', u' = √(2/π)·(1 + 3cx²).
 */
function tanhGeluSlope(g: Operators, x: Value, Y: Value): Value {
  const root = Math.sqrt(2 / Math.PI);
  const squared = g.square(x);
  const s = g.sigmoid(g.mul(x, g.add(g.mul(squared, 2 * root * 0.044715), 2 * root)));
  const slope = g.add(g.mul(squared, 6 * root * 0.044715), 2 * root);
  return g.add(s, g.mul(g.mul(Y, g.sub(1, s)), slope));
}
