import type { Value } from "../../../graph/emitter.js";
import { describeNode, integerAttribute } from "../../../graph/model.js";
import { type Operators, range } from "../../../graph/operators.js";
import { addRows, rowsOfTuples } from "../../../graph/rows.js";
import { add, product, subtract } from "../../../graph/shapes/extent.js";
import { knownNumbers } from "../../../graph/shapes/facts.js";
import { type GradientRules, rule } from "../rule.js";

/** Elements read at indices: their gradients are added up where they were read. */
export const gatherings: GradientRules = {
  /** Y = slices of X at indices along an axis.  dX = zeros, with the slices of dY added at the indices. */
  Gather: rule(2, ({ g, node, inputs: [x, indices], dY }) => {
    const axis = g.axis(x, integerAttribute(node, "axis", 0));
    const [index, ...others] = knownNumbers(indices) ?? [];
    if (index !== undefined && others.length === 0) return [sliceAt(g, x, axis, index, dY)];
    if (index !== undefined && axis > 0) {
      const sum = sumOfReaders(g, x, axis, [index, ...others], dY);
      if (sum !== undefined) return [sum];
    }
    if (axis > 0) return [addSlices(g, x, axis, indices, dY)];
    return [addRows(g, x, { rows: indices, width: product(g.shape(x).slice(1)) }, dY)];
  }),

  /** Y = elements of X at indices along an axis.  dX = zeros, with dY added at the indices. */
  GatherElements: rule(2, ({ g, node, inputs: [x, indices], dY }) => [
    g.scatterAdd(g.zerosLike(x), indices, dY, integerAttribute(node, "axis", 0)),
  ]),

  /** Y = slices of X that index tuples name.  dX = zeros, with the slices of dY added at the tuples. */
  GatherND: rule(2, ({ g, node, inputs: [x, indices], dY }) => {
    const batchAxes = integerAttribute(node, "batch_dims", 0);
    return [addRows(g, x, rowsOfTuples(g, x, indices, batchAxes, describeNode(node)), dY)];
  }),

  /**
   * Y = the second value at the index, the first one elsewhere.  Each value's gradient is the sum of dY where Y is that
   * value.
   */
  OneHot: rule(3, ({ g, node, inputs: [indices, depth, values], needs, dY }) => {
    const axis = integerAttribute(node, "axis", -1);
    const mask = g.op("OneHot", [indices, depth, g.tensor(values.dataType, [2], [0, 1])], { axis });
    const total = (part: Value) => g.reshape(g.reduceSum(part, undefined, false), [1]);
    const on = total(g.mul(dY, mask));
    return [false, false, needs(2) && g.concat([g.sub(total(dY), on), on], 0)];
  }),
};

/** dX of a single slice: dY with zeros before and after. */
function sliceAt(g: Operators, x: Value, axis: number, index: number, dY: Value): Value {
  const extent = g.shape(x)[axis] ?? 1;
  const before = index < 0 ? add(extent, index) : index;
  const slice = g.reshape(dY, g.shape(x).with(axis, 1));
  const pads = g.extents([before, subtract(subtract(extent, 1), before)]);
  return g.op("Pad", [slice, pads, undefined, g.integers([axis])]);
}

/**
 * Where it is known who reads what: each slice of dX is the sum of those slices of dY that were read from it, or zeros.
 * A Gather and a ReduceSum on all threads, where adding at indices is element by element on one.
 * @returns undefined where the extent is unknown, or where some slices have far more readers than others
 */
function sumOfReaders(g: Operators, x: Value, axis: number, indices: readonly number[], dY: Value): Value | undefined {
  const extent = g.shape(x)[axis];
  if (typeof extent !== "number") return undefined;
  const readers = range(extent).map((position) =>
    range(indices.length).filter((place) => indices[place] === position || indices[place] === position - extent),
  );
  const most = Math.max(...readers.map(({ length }) => length));
  if (most * extent > 4 * indices.length) return undefined;
  const slices = g.reshape(dY, g.shape(x).with(axis, indices.length));
  const isEven = readers.every(({ length }) => length === most);
  const zerosBehind = [slices, g.integers([0, 1]), undefined, g.integers([axis])];
  const table = range(most).flatMap((turn) => readers.map((places) => places[turn] ?? indices.length));
  const read = g.gather(isEven ? slices : g.op("Pad", zerosBehind), g.tensor("int64", [most, extent], table), axis);
  return g.reduceSum(read, [axis], false);
}

/** Zeros like x with slices added at indices along an axis. */
function addSlices(g: Operators, x: Value, axis: number, indices: Value, dY: Value): Value {
  const slices = g.reshape(dY, g.shape(x).with(axis, product(g.shape(indices))));
  const aligned = g.reshape(indices, [-1, ...range(g.rank(x) - axis - 1).map(() => 1)]);
  return g.scatterAdd(g.zerosLike(x), g.expandLike(aligned, slices), slices, axis);
}
