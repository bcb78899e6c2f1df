import { type GradientRule, type GradientRules, rule } from "../rule.js";

/**
 * Operators that combine several values element by element. Operands are broadcast, so their gradients are summed as
 * those of sums.
 */
export const combinations: GradientRules = {
  /** Y = Σ Xᵢ.  dXᵢ = dY. */
  Sum: rule(1, ({ g, inputs, needs, dY }) => inputs.map((x, index) => needs(index) && x && g.unbroadcast(dY, x))),

  /** Y = Σ Xᵢ / n.  dXᵢ = dY/n. */
  Mean: rule(1, ({ g, inputs, needs, dY }) => {
    const share = g.mul(dY, 1 / inputs.length);
    return inputs.map((x, index) => needs(index) && x && g.unbroadcast(share, x));
  }),

  Max: extreme(),
  Min: extreme(),

  /** Y = A where the condition holds, else B.  dA = dY where it holds, dB = dY elsewhere. */
  Where: rule(3, ({ g, inputs: [condition, a, b], needs, dY }) => [
    false,
    needs(1) && g.unbroadcast(g.where(condition, dY, 0), a),
    needs(2) && g.unbroadcast(g.where(condition, 0, dY), b),
  ]),

  /** Y = A − B·q, q = A/B without its fraction.  dA = dY, dB = −dY·q. */
  Mod: rule(2, ({ g, inputs: [a, b], needs, Y, dY }) => [
    needs(0) && g.unbroadcast(dY, a),
    needs(1) && g.neg(g.unbroadcast(g.mul(dY, g.div(g.sub(a, Y), b)), b)),
  ]),
};

/** Y = the greatest or least Xᵢ.  dXᵢ = dY where Xᵢ = Y, evenly shared where several are. */
function extreme(): GradientRule {
  return rule(1, ({ g, inputs, needs, Y, dY }) => {
    const hits = inputs.flatMap((x) => (x === undefined ? [] : [g.cast(g.equal(x, Y), Y.dataType)]));
    const share = g.div(dY, g.sum(hits));
    return inputs.map((x, index) => needs(index) && x && g.unbroadcast(g.where(g.equal(x, Y), share, 0), x));
  });
}
