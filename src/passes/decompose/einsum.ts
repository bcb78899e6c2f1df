import { einsumEquation, type Label } from "../../graph/einsum-equation.js";
import type { Value } from "../../graph/emitter.js";
import { type Operators, range } from "../../graph/operators.js";
import { type Extent, product } from "../../graph/shapes/extent.js";
import { decomposition, type Decompositions } from "./decomposition.js";

/** Sums of products. */
export const einsums: Decompositions = {
  /**
   * Of two operands: a matrix product, up to twice as fast as the operator. Diagonals, and axes that broadcast where
   * they are summed over, stay.
   */
  Einsum: decomposition(1, ({ g, node, inputs }) => {
    const [a, b, ...others] = inputs;
    if (b === undefined || others.length > 0 || a.shape === undefined || b.shape === undefined) return undefined;
    const { operands, output } = einsumEquation(node, [a.shape.length, b.shape.length]);
    const [left = [], right = []] = operands;
    const isRepeating = [left, right, output].some((labels) => new Set(labels).size < labels.length);
    const summed = left.filter((label) => right.includes(label) && !output.includes(label));
    const hasOther = summed.some((label) => extentOf(g, a, left, label) !== extentOf(g, b, right, label));
    if (isRepeating || hasOther) return undefined;
    // The operand whose own axes come last in the output goes to the right.
    const lastOwn = output.findLast((label) => left.includes(label) !== right.includes(label)) ?? "";
    return left.includes(lastOwn)
      ? [productOf(g, { value: b, labels: right }, { value: a, labels: left }, output)]
      : [productOf(g, { value: a, labels: left }, { value: b, labels: right }, output)];
  }),
};

interface Labelled {
  readonly value: Value;
  readonly labels: readonly Label[];
}

/** A [batch, left, summed] · B [batch, summed, right], brought into the order of the output. */
function productOf(g: Operators, a: Labelled, b: Labelled, output: readonly Label[]): Value {
  const isIn = (labels: readonly Label[]) => (label: Label) => labels.includes(label);
  const batch = output.filter((label) => isIn(a.labels)(label) && isIn(b.labels)(label));
  const own = ({ labels }: Labelled) => output.filter((label) => isIn(labels)(label) && !batch.includes(label));
  const [left, right] = [own(a), own(b)];
  const summed = a.labels.filter((label) => isIn(b.labels)(label) && !batch.includes(label));
  if (left.length + right.length === 0) {
    const products = g.mul(grouped(g, a, [...batch, ...summed]), grouped(g, b, [...batch, ...summed]));
    const axes = range(summed.length).map((axis) => axis + batch.length);
    return g.reduceSum(products, axes, false);
  }
  // Without a batch the rows may keep their axes: a product with one matrix.
  const rows = batch.length === 0 ? left : [left];
  const factors = [grouped(g, a, [...batch, ...rows, summed]), grouped(g, b, [...batch, summed, right])] as const;
  const result = summed.length === 0 ? g.mul(...factors) : g.matMul(...factors);
  const batchShape = g.shape(result).slice(0, batch.length);
  const leftShape = left.map((label) => extentOf(g, a.value, a.labels, label));
  const rightShape = right.map((label) => extentOf(g, b.value, b.labels, label));
  const order = [...batch, ...left, ...right];
  const permutation = output.map((label) => order.indexOf(label));
  return g.transpose(g.reshape(result, [...batchShape, ...leftShape, ...rightShape]), permutation);
}

/** Axes in this order, those of a group as one; all others summed over. */
function grouped(g: Operators, { value, labels }: Labelled, groups: readonly (Label | readonly Label[])[]): Value {
  const order = groups.flat();
  const kept = labels.filter((label) => order.includes(label));
  const others = range(labels.length).filter((axis) => !order.includes(labels[axis] ?? ""));
  const permutation = order.map((label) => kept.indexOf(label));
  const extents = groups.map((group) => product([group].flat().map((label) => extentOf(g, value, labels, label))));
  return g.reshape(g.transpose(g.reduceSum(value, others, false), permutation), extents);
}

function extentOf(g: Operators, value: Value, labels: readonly Label[], label: Label): Extent {
  return g.shape(value)[labels.indexOf(label)] ?? 1;
}
