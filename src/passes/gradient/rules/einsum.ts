import { einsumEquation, equationText, type Label } from "../../../graph/einsum-equation.js";
import type { Value } from "../../../graph/emitter.js";
import { type Operators, range } from "../../../graph/operators.js";
import { type GradientRules, rule } from "../rule.js";

/** Sums of products. */
export const einsums: GradientRules = {
  /**
   * Y = Σ A·B·..., labels say along what. dA is the Einsum of dY with the other operands that has A's labels: repeated
   * along those that only A has, and on the diagonal for those that A has twice.
   */
  Einsum: rule(1, ({ g, node, inputs, needs, dY }) => {
    const operands = inputs.filter((input) => input !== undefined);
    const equation = einsumEquation(
      node,
      operands.map((operand) => g.rank(operand)),
    );
    return operands.map((operand, index) => {
      if (!needs(index)) return undefined;
      const own = equation.operands[index] ?? [];
      const others = [dY, ...operands.toSpliced(index, 1)];
      const labels = [equation.output, ...equation.operands.toSpliced(index, 1)];
      const available = new Set(labels.flat());
      const common = [...new Set(own)].filter((label) => available.has(label));
      const sum = g.op("Einsum", others, { equation: equationText({ operands: labels, output: common }) });
      return fitted(g, onDiagonal(g, sum, common, own, operand), operand);
    });
  }),
};

/** Axes added for the labels that are missing; where a label comes a second time, all is 0 but the diagonal. */
function onDiagonal(g: Operators, sum: Value, common: readonly Label[], own: readonly Label[], operand: Value): Value {
  const isAdded = (label: Label, axis: number) => !common.includes(label) || own.indexOf(label) !== axis;
  const added = own.flatMap((label, axis) => (isAdded(label, axis) ? [axis] : []));
  const shaped = g.unsqueeze(sum, added);
  const second = own.flatMap((label, axis) => (own.indexOf(label) === axis ? [] : [axis]));
  return second.reduce((result, axis) => {
    const first = own.indexOf(own[axis] ?? "");
    return g.where(g.equal(positions(g, operand, first), positions(g, operand, axis)), result, 0);
  }, shaped);
}

/** 0, 1, 2 ... along an axis of a value. */
function positions(g: Operators, x: Value, axis: number): Value {
  const numbers = g.range(g.squeeze(g.extentsOf(x, axis, axis + 1), [0]));
  return g.unsqueeze(
    numbers,
    range(g.rank(x) - axis - 1).map((index) => index + 1),
  );
}

/**
 * In the shape of an operand: summed where the operand was repeated, and repeated where the sum over it left one
 * element.
 */
function fitted(g: Operators, gradient: Value, operand: Value): Value {
  const [from, to] = [g.shape(gradient), g.shape(operand)];
  const isRepeated = from.some((extent, axis) => extent === 1 && to[axis] !== 1);
  if (!isRepeated) return g.unbroadcast(gradient, operand);
  const summed = range(from.length).filter((axis) => to[axis] === 1 && from[axis] !== 1);
  return g.expandLike(g.reduceSum(gradient, summed), operand);
}
