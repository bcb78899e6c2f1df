import type { Value } from "../../../graph/emitter.js";
import { integerAttribute, stringAttribute } from "../../../graph/model.js";
import type { Operators } from "../../../graph/operators.js";
import { isSameShape } from "../../../graph/shapes/shape-math.js";
import { readNumbers } from "../../../graph/tensor.js";
import { type GradientRules, noGradient, rule } from "../rule.js";

/** Functions that normalize along an axis. */
export const softmaxes: GradientRules = {
  /** y = softmax x.  dX = y·(dY − Σ y·dY). */
  Softmax: rule(1, ({ g, node, Y, dY }) => {
    const axis = integerAttribute(node, "axis", -1);
    return [g.mul(Y, g.sub(dY, g.reduceSum(g.mul(dY, Y), [axis])))];
  }),

  /**
   * y = x − ln Σ eˣ.  dX = dY − eʸ·Σ dY. Where dY is 0 but at a few places, as behind a loss by class, it is added
   * there alone.
   */
  LogSoftmax: rule(1, ({ g, node, Y, dY }) => {
    const axis = g.axis(Y, integerAttribute(node, "axis", -1));
    const few = scatteredAlong(g, axis, dY);
    if (few === undefined) return [g.sub(dY, g.mul(g.exp(Y), g.reduceSum(dY, [axis])))];
    const { indices, updates } = few;
    return [g.scatterAdd(g.mul(g.exp(Y), g.neg(g.reduceSum(updates, [axis]))), indices, updates, axis)];
  }),

  Hardmax: noGradient,

  /** y = x/‖x‖.  dX = (dY − ‖x‖'·Σ y·dY)/‖x‖, with ‖x‖' = y for p = 2, sign x for p = 1; 0 where ‖x‖ = 0. */
  LpNormalization: rule(1, ({ g, node, inputs: [x], Y, dY }) => {
    const axes = [integerAttribute(node, "axis", -1)];
    const isSumOfAbsolutes = integerAttribute(node, "p", 2) === 1;
    const norm = g.reduce(isSumOfAbsolutes ? "ReduceL1" : "ReduceL2", x, axes);
    const towardsNorm = g.mul(isSumOfAbsolutes ? g.sign(x) : Y, g.reduceSum(g.mul(dY, Y), axes));
    const factor = g.where(g.equal(norm, 0), 0, g.reciprocal(norm));
    return [g.mul(g.sub(dY, towardsNorm), factor)];
  }),
};

/**
 * What was added to zeros at indices along this axis, if that is how the value came about and its sum along the axis is
 * that of the updates.
 */
function scatteredAlong(
  g: Operators,
  axis: number,
  value: Value,
): { readonly indices: Value; readonly updates: Value } | undefined {
  const { node, inputs: [to, indices, updates] = [] } = g.emitter.emissionOf(value) ?? {};
  if (node?.opType !== "ScatterElements" || stringAttribute(node, "reduction") !== "add") return undefined;
  if (to === undefined || indices === undefined || updates === undefined || !isZeros(g, to)) return undefined;
  const isAlongAxis = g.axis(value, integerAttribute(node, "axis", 0)) === axis;
  const isWhole = isSameShape(updates.shape?.toSpliced(axis, 1), value.shape?.toSpliced(axis, 1));
  return isAlongAxis && isWhole ? { indices, updates } : undefined;
}

function isZeros(g: Operators, value: Value): boolean {
  const { node } = g.emitter.emissionOf(value) ?? {};
  const filling = node?.attributes.get("value");
  if (node?.opType !== "ConstantOfShape") return false;
  return filling === undefined || (filling.kind === "tensor" && readNumbers(filling.value)?.[0] === 0);
}
