import type { Value } from "../../../graph/emitter.js";
import { InputError } from "../../../graph/errors.js";
import { describeNode, integerAttribute, integersAttribute, type Node } from "../../../graph/model.js";
import { type Operators, range } from "../../../graph/operators.js";
import { knownNumbers } from "../../../graph/shapes/facts.js";
import { type GradientRules, rule } from "../rule.js";
import { fittingWindowsOf, overhang, padded, tapSlices, type Windows, windowsOf } from "../../../graph/windows.js";
import { meanOfWindows, windowSums } from "./window-sums.js";

/** Poolings of [N, C, spatial] in 1, 2, 3 dimensions. */
export const poolings: GradientRules = {
  /** Y = max over each window.  dX is the sum of dY over the windows that an element is the (first) maximum of. */
  MaxPool: rule(1, ({ g, node, inputs: [x], Y, dY }) => {
    const attributes = new Map(node.attributes);
    attributes.delete("storage_order");
    const [, indices] = g.ops(
      "MaxPool",
      [x],
      2,
      integerAttribute(node, "storage_order", 0) === 0 ? node.attributes : attributes,
    );
    if (indices === undefined) return g.unreachable(node.opType);
    const windows = poolingWindows(g, node, x, Y);
    if (x.dataType === "float32" && windows.every(isPartition)) {
      const steps = { kernel_shape: windows.map(({ taps }) => taps), strides: windows.map(({ stride }) => stride) };
      return [g.op("MaxUnpool", [dY, indices, g.shapeOf(x)], steps)];
    }
    const flat = (value: Value) => g.reshape(value, g.integers([-1]));
    return [g.reshapeLike(g.scatterAdd(flat(g.zerosLike(x)), flat(indices), flat(dY), 0), x)];
  }),

  /** Y = Σ X over each window / its number of elements.  dX = Σ dY / number over the windows that an element is in. */
  AveragePool: rule(1, ({ g, node, inputs: [x], Y, dY }) => {
    const isPaddingCounted = integerAttribute(node, "count_include_pad", 0) !== 0;
    return [meanOfWindows(g, dY, x, poolingWindows(g, node, x, Y), isPaddingCounted)];
  }),

  /**
   * Y = (Σ |X|ᵖ)^(1/p) over each window.  dX = sign(X)·|X|ᵖ⁻¹·Σ dY·Y¹⁻ᵖ over the windows that an element is in; 0 where
   * Y is 0.
   */
  LpPool: rule(1, ({ g, node, inputs: [x], Y, dY }) => {
    const p = integerAttribute(node, "p", 2);
    const windows = poolingWindows(g, node, x, Y);
    if (p === 1) return [g.mul(windowSums(g, dY, x, windows), g.sign(x))];
    const divisor = p === 2 ? Y : g.pow(Y, p - 1);
    const share = g.where(g.equal(Y, 0), 0, g.div(dY, divisor));
    const slope = p === 2 ? x : g.mul(g.sign(x), g.pow(g.abs(x), p - 1));
    return [g.mul(windowSums(g, share, x, windows), slope)];
  }),

  /** Y = mean over all positions.  dX = dY / number of positions. */
  GlobalAveragePool: rule(1, ({ g, inputs: [x], dY }) => [
    g.expandLike(g.div(dY, g.count(x, range(g.rank(x)).slice(2))), x),
  ]),

  /** Y = max over all positions.  dX = dY at the first maximum, else 0. */
  GlobalMaxPool: rule(1, ({ g, inputs: [x], dY }) => {
    const rows = (value: Value) => g.reshape(value, g.integers([0, 0, -1]));
    const first = g.op("ArgMax", [rows(x)], { axis: 2 });
    return [g.reshapeLike(g.scatterAdd(rows(g.zerosLike(x)), first, rows(dY), 2), x)];
  }),

  /** Y[I] = X, else 0.  dX = dY[I]; indices count through all of Y. */
  MaxUnpool: rule(2, ({ g, inputs: [, indices], dY }) => [g.gather(g.reshape(dY, g.integers([-1])), indices, 0)]),

  /** Y = sum of the blocks at their places, X [N, C·taps, blocks].  dX = the blocks of dY. */
  Col2Im: rule(3, ({ g, node, inputs: [x, , blockShape], Y, dY }) => {
    const block = knownNumbers(blockShape);
    if (block === undefined) {
      throw new InputError(describeNode(node), "has a block shape that is computed", "make it a constant");
    }
    const windows = fittingWindowsOf(node, g.shape(Y).slice(2), block);
    const slices = tapSlices(g, padded(g, dY, windows), windows);
    const blocks = g.concat(
      slices.map((slice) => g.unsqueeze(slice, [2])),
      2,
    );
    return [g.reshapeLike(blocks, x)];
  }),
};

function poolingWindows(g: Operators, node: Node, x: Value, y: Value): readonly Windows[] {
  const kernel = integersAttribute(node, "kernel_shape") ?? [];
  return windowsOf(node, g.shape(x).slice(2), g.shape(y).slice(2), kernel);
}

/** Whether each element is in one window at most, and all windows lie inside: MaxUnpool reverses such a pooling. */
function isPartition(windows: Windows): boolean {
  const { stride, taps, dilation, begin } = windows;
  const beyond = overhang(windows);
  return dilation === 1 && stride >= taps && begin === 0 && typeof beyond === "number" && beyond <= 0;
}
