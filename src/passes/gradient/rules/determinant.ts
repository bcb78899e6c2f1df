import type { Value } from "../../../graph/emitter.js";
import type { Operators } from "../../../graph/operators.js";
import { inverse } from "../../../graph/matrix-inverse.js";
import { type GradientRules, rule } from "../rule.js";

/** Larger matrices are inverted: their cofactors are the determinants of n² matrices. */
const mostRows = 16;

/** Determinants of square matrices. */
export const determinants: GradientRules = {
  /**
   * Y = det X.  dX = dY·C with the cofactors C. Of large matrices C = det X·X⁻ᵀ, which is not finite where X is
   * singular.
   */
  Det: rule(1, ({ g, inputs: [x], Y, dY }) => {
    const size = g.shape(x).at(-1);
    if (typeof size !== "number" || size <= mostRows) return [g.mul(g.unsqueeze(dY, [-2, -1]), cofactors(g, x))];
    return [g.mul(g.unsqueeze(g.mul(dY, Y), [-2, -1]), g.transposeLast(inverse(g, x)))];
  }),
};

/** C_ij = (−1)^(i+j)·det(X without row i and column j). */
function cofactors(g: Operators, x: Value): Value {
  const rank = g.rank(x);
  if (g.shape(x).at(-1) === 1) return g.onesLike(x);
  const size = g.squeeze(g.extentsOf(x, rank - 1), [0]);
  const [all, rest] = [g.range(size), g.range(g.sub(size, 1))];
  // Row i holds all numbers but i.
  const others = g.add(rest, g.cast(g.greaterOrEqual(rest, g.unsqueeze(all, [1])), "int64"));
  const minors = g.gather(g.gather(x, others, rank - 2), others, rank);
  const batch = g
    .shape(x)
    .slice(0, -2)
    .map((_, axis) => axis);
  const determinant = g.op("Det", [g.transpose(minors, [...batch, rank - 2, rank, rank - 1, rank + 1])]);
  const parity = g.op("Mod", [g.add(all, g.unsqueeze(all, [1])), g.scalar(2, "int64")]);
  return g.mul(determinant, g.cast(g.sub(1, g.mul(parity, 2)), x.dataType));
}
