import type { Value } from "../../../graph/emitter.js";
import { integerAttribute } from "../../../graph/model.js";
import { type Operators, range } from "../../../graph/operators.js";
import { convolve, transposedConvolve, weightExtents } from "../convolve.js";
import { type GradientRules, rule } from "../rule.js";
import { transposedWindowsOf, windowsOf } from "../../../graph/windows.js";
import { convolutionWeightGradient } from "./convolution-weight-gradient.js";

/** Convolutions of [N, C, spatial] in 1, 2, 3 dimensions. */
export const convolutions: GradientRules = {
  /** Y = X ∗ W + B.  dX = dY ∗ᵀ W, dW = X ∗ dY, dB = Σ dY over batch and positions. */
  Conv: rule(2, ({ g, node, inputs: [x, w, b], needs, channelBlock, Y, dY }) => {
    const extents = weightExtents(g, node, w);
    const windows = windowsOf(node, g.shape(x).slice(2), g.shape(Y).slice(2), extents.taps);
    const convolution = { weights: w, windows, group: integerAttribute(node, "group", 1) };
    return [
      needs(0) && transposedConvolve(g, dY, convolution),
      needs(1) && convolutionWeightGradient(g, { ...convolution, extents, input: x, output: dY, channelBlock }),
      needs(2) && b !== undefined && biasGradient(g, dY),
    ];
  }),

  /** Y = X ∗ᵀ W + B, the gradient of a convolution towards its input.  dX = dY ∗ W, dW = dY ∗ X, dB = Σ dY. */
  ConvTranspose: rule(2, ({ g, node, inputs: [x, w, b], needs, channelBlock, Y, dY }) => {
    const extents = weightExtents(g, node, w);
    const windows = transposedWindowsOf(node, g.shape(Y).slice(2), g.shape(x).slice(2), extents.taps);
    const convolution = { weights: w, windows, group: integerAttribute(node, "group", 1) };
    return [
      needs(0) && convolve(g, dY, convolution),
      needs(1) && convolutionWeightGradient(g, { ...convolution, extents, input: dY, output: x, channelBlock }),
      needs(2) && b !== undefined && biasGradient(g, dY),
    ];
  }),
};

function biasGradient(g: Operators, dY: Value): Value {
  return g.reduceSum(
    dY,
    range(g.rank(dY)).filter((axis) => axis !== 1),
    false,
  );
}
