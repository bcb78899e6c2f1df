import type { Value } from "../../../graph/emitter.js";
import { integerAttribute } from "../../../graph/model.js";
import { type GradientRules, rule } from "../rule.js";

/** Sums and products up to each element along an axis, from either end, with the element or without it. */
export const cumulations: GradientRules = {
  /** yⱼ = Σᵢ≤ⱼ xᵢ.  dXᵢ = Σⱼ≥ᵢ dYⱼ: the same sum from the other end. */
  CumSum: rule(2, ({ g, node, inputs: [, axis], dY }) => {
    const exclusive = integerAttribute(node, "exclusive", 0);
    return [g.op("CumSum", [dY, axis], { exclusive, reverse: 1 - integerAttribute(node, "reverse", 0) })];
  }),

  /**
   * yⱼ = ∏ᵢ≤ⱼ xᵢ.  dXᵢ = Σⱼ≥ᵢ dYⱼ·yⱼ / xᵢ before the first 0 among the xᵢ. At that 0 it is Σⱼ≥ᵢ dYⱼ·y'ⱼ with y' the
   * product without that factor; after it, as it is a factor of all that follows, 0.
   */
  CumProd: rule(2, ({ g, node, inputs: [x, axis], Y, dY }) => {
    const [exclusive, reverse] = [integerAttribute(node, "exclusive", 0), integerAttribute(node, "reverse", 0)];
    const sumOfFollowing = (value: Value) => g.op("CumSum", [value, axis], { exclusive, reverse: 1 - reverse });
    const isZero = g.equal(x, 0);
    const zeros = g.op("CumSum", [g.cast(isZero, x.dataType), axis], { reverse });
    const isFirstZero = g.and(isZero, g.equal(zeros, 1));
    const others = g.where(isFirstZero, 1, x);
    const withoutFirstZero = g.op("CumProd", [others, axis], { exclusive, reverse });
    const before = g.where(g.equal(zeros, 0), g.div(sumOfFollowing(g.mul(dY, Y)), g.where(isZero, 1, x)), 0);
    return [g.where(isFirstZero, sumOfFollowing(g.mul(dY, withoutFirstZero)), before)];
  }),
};
