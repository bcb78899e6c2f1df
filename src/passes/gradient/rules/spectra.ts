import type { Value } from "../../../graph/emitter.js";
import { InputError } from "../../../graph/errors.js";
import { describeNode, integerAttribute } from "../../../graph/model.js";
import { type Operators, range } from "../../../graph/operators.js";
import { type Extent, subtract } from "../../../graph/shapes/extent.js";
import { knownNumbers } from "../../../graph/shapes/facts.js";
import { type GradientContext, type GradientRules, noGradient, rule } from "../rule.js";

/** Discrete Fourier transforms. Complex numbers are pairs of real ones, and the gradient is towards each of the two. */
export const spectra: GradientRules = {
  /**
   * Y = F·X with F = (e^(−2πi·jk/L)), X cut or padded with zeros to the length L; the inverse is F̄·X / L. For complex
   * X the gradient is that of Y with the matrix transposed and conjugate: dX = F̄·dY, of the inverse F·dY / L. Real X
   * is the real part of a complex one.
   */
  DFT: rule(1, (context) => {
    const { g, node, inputs, dY } = context;
    const [x] = inputs;
    const axis = transformedAxis(context);
    const length = transformLength(context, axis);
    const isInverse = integerAttribute(node, "inverse", 0) === 1;
    if (integerAttribute(node, "onesided", 0) === 1 && isInverse) {
      return [fitted(g, towardsHalf(g, dY, axis, length), x, axis)];
    }
    // Of a spectrum's first half the other one has no gradient: zeros, which the transform adds.
    const back = transformed(g, dY, axis, { inverse: isInverse ? 0 : 1, onesided: 0 }, length);
    const scale = g.cast(length, dY.dataType);
    const scaled = isInverse ? g.div(back, scale) : g.mul(back, scale);
    const parts = g.shape(x).at(-1);
    if (typeof parts !== "number") {
      throw new InputError(describeNode(node), "transforms a signal of which it is not known whether it is complex");
    }
    return [fitted(g, parts === 1 ? g.slice(scaled, -1, 0, 1) : scaled, x, axis)];
  }),

  /** A constant: nobody trains the frequencies that it is made for. */
  MelWeightMatrix: noGradient,
};

/**
 * Y = the real signal of length L whose spectrum begins with X: each element of X counts twice, with its mirror image,
 * but for those that are their own.  dX = c/L·F·dY with c = 2, for those 1.
 */
function towardsHalf(g: Operators, dY: Value, axis: number, length: Value): Value {
  const spectrum = transformed(g, dY, axis, { inverse: 0, onesided: 1 }, length);
  const bins = g.range(g.shape(spectrum)[axis] ?? 1);
  const isOwnMirror = g.equal(g.op("Mod", [g.mul(bins, 2), length]), 0);
  const counts = g.reshape(g.where(isOwnMirror, 1, 2, dY.dataType), [-1, ...range(g.rank(dY) - axis - 1).map(() => 1)]);
  return g.mul(spectrum, g.div(counts, g.cast(length, dY.dataType)));
}

function transformed(
  g: Operators,
  x: Value,
  axis: number,
  attributes: { readonly inverse: number; readonly onesided: number },
  length: Value,
): Value {
  return g.op("DFT", [x, length, g.scalar(axis, "int64")], attributes);
}

function transformedAxis({ g, node, inputs: [x, , axis] }: GradientContext<1>): number {
  const number = axis === undefined ? -2 : knownNumbers(axis)?.[0];
  if (number === undefined) throw new InputError(describeNode(node), "transforms an axis that is not known");
  return g.axis(x, number);
}

/** L, a scalar of int64: as given, or by X. */
function transformLength({ g, inputs: [x, length], Y, node }: GradientContext<1>, axis: number): Value {
  if (length !== undefined) return g.reshape(g.cast(length, "int64"), []);
  const isOneSided = integerAttribute(node, "onesided", 0) === 1 && integerAttribute(node, "inverse", 0) === 0;
  return g.reshape(g.extent(g.shape(isOneSided ? x : Y)[axis] ?? 1), []);
}

/** Cut or padded with zeros, at the end of an axis, to the extent of another value. */
function fitted(g: Operators, x: Value, like: Value, axis: number): Value {
  const missing: Extent = subtract(g.shape(like)[axis] ?? 1, g.shape(x)[axis] ?? 1);
  return g.op("Pad", [x, g.extents([0, missing]), undefined, g.integers([axis])]);
}
