import type { Value } from "../../../graph/emitter.js";
import { integerAttribute } from "../../../graph/model.js";
import { type Operators, range } from "../../../graph/operators.js";
import { multiply, subtract } from "../../../graph/shapes/extent.js";
import { type GradientRules, noGradient, rule } from "../rule.js";

/** Numbers as bytes and back. */
export const quantization: GradientRules = {
  DynamicQuantizeLinear: noGradient,

  /**
   * Y = (X − zero)·scale.  dScale = Σ dY·(X − zero) = Σ dY·Y / scale, over the elements that share the scale: all,
   * those of an axis, a block.
   */
  DequantizeLinear: rule(2, ({ g, node, inputs: [, scale], needs, Y, dY }) => {
    if (!needs(1)) return [];
    const products = g.cast(g.mul(dY, Y), scale.dataType);
    const axis = g.axis(Y, integerAttribute(node, "axis", 1));
    const block = integerAttribute(node, "block_size", 0);
    if (block !== 0) return [false, g.div(blockSums(g, products, scale, axis, block), scale)];
    const isPerAxis = g.rank(scale) === 1 && g.shape(scale)[0] !== 1;
    const others = range(g.rank(Y)).filter((other) => !isPerAxis || other !== axis);
    return [false, g.div(g.reshapeLike(g.reduceSum(products, others, false), scale), scale)];
  }),

  QuantizeLinear: noGradient,
};

/** Sums over the blocks of an axis, of which the last one may be shorter. @param like has one element for each block */
function blockSums(g: Operators, x: Value, like: Value, axis: number, block: number): Value {
  const blocks = g.shape(like)[axis] ?? 1;
  const missing = subtract(multiply(blocks, block), g.shape(x)[axis] ?? 1);
  const whole = missing === 0 ? x : g.op("Pad", [x, g.extents([0, missing]), undefined, g.integers([axis])]);
  return g.reduceSum(g.reshape(whole, g.shape(like).toSpliced(axis, 1, blocks, block)), [axis + 1], false);
}
