import { integerAttribute } from "../../../graph/model.js";
import { type GradientRules, rule } from "../rule.js";

/** Operators that choose elements by their size. */
export const ordering: GradientRules = {
  /** Y = the k greatest or least X along an axis, I = where they are.  dX = dY at I, 0 elsewhere. */
  TopK: rule(2, ({ g, node, inputs, dY }) => {
    const [x] = inputs;
    const [, indices] = g.ops(node.opType, inputs, 2, node.attributes);
    return [g.op("ScatterElements", [g.zerosLike(x), indices, dY], { axis: integerAttribute(node, "axis", -1) })];
  }),
};
