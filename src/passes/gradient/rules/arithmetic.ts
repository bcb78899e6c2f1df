import type { Value } from "../../../graph/emitter.js";
import type { Operators } from "../../../graph/operators.js";
import { scalarOf } from "../../../graph/shapes/tensor-facts.js";
import { type GradientRules, rule } from "../rule.js";
import { rootSlope } from "./elementary.js";

/**
 * Element-wise arithmetic. Operands are broadcast, so their gradients are summed over the axes along which they were
 * repeated.
 */
export const arithmetic: GradientRules = {
  /** Y = A + B.  dA = dY, dB = dY. */
  Add: rule(2, ({ g, inputs: [a, b], needs, dY }) => [
    needs(0) && g.unbroadcast(dY, a),
    needs(1) && g.unbroadcast(dY, b),
  ]),

  /** Y = A − B.  dA = dY, dB = −dY. */
  Sub: rule(2, ({ g, inputs: [a, b], needs, dY }) => [
    needs(0) && g.unbroadcast(dY, a),
    needs(1) && g.neg(g.unbroadcast(dY, b)),
  ]),

  /** Y = A·B.  dA = dY·B, dB = dY·A. Of Y = A·σ(A), the activation SiLU, A gets all of the gradient, and σ(A) none. */
  Mul: rule(2, ({ g, inputs: [a, b], needs, Y, dY }) => {
    if (isSigmoidOf(g, b, a)) return [g.mul(dY, siluSlope(g, b, Y))];
    if (isSigmoidOf(g, a, b)) return [false, g.mul(dY, siluSlope(g, a, Y))];
    return [needs(0) && g.unbroadcast(g.mul(dY, b), a), needs(1) && g.unbroadcast(g.mul(dY, a), b)];
  }),

  /** Y = A / B.  dA = dY / B, dB = −dY / B·Y. */
  Div: rule(2, ({ g, inputs: [a, b], needs, Y, dY }) => {
    const quotient = g.div(dY, b);
    return [needs(0) && g.unbroadcast(quotient, a), needs(1) && g.neg(g.unbroadcast(g.mul(quotient, Y), b))];
  }),

  /** Y = Aᴮ.  dA = dY·B·Aᴮ⁻¹, dB = dY·Y·ln A, 0 where A = 0. */
  Pow: rule(2, ({ g, inputs: [a, b], needs, Y, dY }) => [
    needs(0) && g.unbroadcast(g.mul(dY, powerSlope(g, a, b, Y)), a),
    needs(1) && g.unbroadcast(g.cast(g.mul(dY, g.where(g.equal(a, 0), 0, g.mul(Y, g.log(a)))), b.dataType), b),
  ]),
};

function isSigmoidOf(g: Operators, value: Value, x: Value): boolean {
  const { node, inputs } = g.emitter.emissionOf(value) ?? {};
  return node?.domain === "" && node.opType === "Sigmoid" && inputs?.[0]?.name === x.name;
}

/** y = x·s, s = σ(x).  y' = s + x·s·(1 − s) = s + y·(1 − s). */
function siluSlope(g: Operators, s: Value, Y: Value): Value {
  return g.add(s, g.mul(Y, g.sub(1, s)));
}

/** B·Aᴮ⁻¹; 0 for B = 0 also where A is 0. Without a power, which is slow, for frequent exponents. */
function powerSlope(g: Operators, a: Value, b: Value, Y: Value): Value {
  const exponent = scalarOf(b);
  switch (exponent) {
    case 0:
      return g.scalar(0, a.dataType);
    case 0.5:
      return rootSlope(g, Y);
    case 2:
      return g.mul(a, 2);
    case 3:
      return g.mul(g.square(a), 3);
    case undefined:
      break;
    default:
      return g.mul(g.pow(a, exponent - 1), exponent);
  }
  const power = g.cast(b, a.dataType);
  return g.where(g.equal(power, 0), 0, g.mul(g.pow(a, g.sub(power, 1)), power));
}
