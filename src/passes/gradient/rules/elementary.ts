import type { Value } from "../../../graph/emitter.js";
import type { Operators } from "../../../graph/operators.js";
import { type GradientRule, type GradientRules, noGradient, rule } from "../rule.js";

/** y = f(x), element by element: dX = dY·f'(x). @param slope f'(x), by x or by y */
export function elementWise(slope: (g: Operators, x: Value, Y: Value) => Value): GradientRule {
  return rule(1, ({ g, inputs: [x], Y, dY }) => [g.mul(dY, slope(g, x, Y))]);
}

/** y = f(x), element by element, where 1/f'(x) is simpler: dX = dY / (1/f'(x)). */
function elementWiseInverse(inverseSlope: (g: Operators, x: Value, Y: Value) => Value): GradientRule {
  return rule(1, ({ g, inputs: [x], Y, dY }) => [g.div(dY, inverseSlope(g, x, Y))]);
}

/** Less than the root of any positive number of float32. */
const LEAST_ROOT = 1e-24;

/**
 * 1/(2y), y = √x. At 0 it is large instead of infinite: what stops the gradient there (the Relu of √max(x, 0))
 * multiplies it by 0.
 */
export function rootSlope(g: Operators, Y: Value): Value {
  return g.div(0.5, g.op("Clip", [Y, g.scalar(LEAST_ROOT, Y.dataType)]));
}

/** Elementary functions. */
export const elementary: GradientRules = {
  /** |x|' = sign x, 0 at 0. */
  Abs: elementWise((g, x) => g.sign(x)),

  /** (arccos x)' = −1/√(1 − x²). */
  Acos: elementWiseInverse((g, x) => g.neg(g.sqrt(g.sub(1, g.square(x))))),

  /** (arcosh x)' = 1/√(x² − 1). */
  Acosh: elementWiseInverse((g, x) => g.sqrt(g.sub(g.square(x), 1))),

  /** (arcsin x)' = 1/√(1 − x²). */
  Asin: elementWiseInverse((g, x) => g.sqrt(g.sub(1, g.square(x)))),

  /** (arsinh x)' = 1/√(x² + 1). */
  Asinh: elementWiseInverse((g, x) => g.sqrt(g.add(g.square(x), 1))),

  /** (arctan x)' = 1/(1 + x²). */
  Atan: elementWiseInverse((g, x) => g.add(g.square(x), 1)),

  /** (artanh x)' = 1/(1 − x²). */
  Atanh: elementWiseInverse((g, x) => g.sub(1, g.square(x))),

  /** The same number in another type: dX = dY in the type of x. */
  Cast: rule(1, ({ g, inputs: [x], dY }) => [g.cast(dY, x.dataType)]),

  /** The same number in the type of the second input: dX = dY in the type of x. */
  CastLike: rule(1, ({ g, inputs: [x], dY }) => [g.cast(dY, x.dataType)]),

  Ceil: noGradient,

  /** (cos x)' = −sin x. */
  Cos: rule(1, ({ g, inputs: [x], dY }) => [g.neg(g.mul(dY, g.op("Sin", [x])))]),

  /** (cosh x)' = sinh x. */
  Cosh: elementWise((g, x) => g.op("Sinh", [x])),

  /** (erf x)' = 2/√π · exp(−x²). */
  Erf: elementWise((g, x) => g.mul(g.exp(g.neg(g.square(x))), 2 / Math.sqrt(Math.PI))),

  /** (eˣ)' = y. */
  Exp: elementWise((_, __, Y) => Y),

  Floor: noGradient,

  /** (ln x)' = 1/x. */
  Log: elementWiseInverse((_, x) => x),

  /** (−x)' = −1. */
  Neg: rule(1, ({ g, dY }) => [g.neg(dY)]),

  /** (1/x)' = −y². */
  Reciprocal: rule(1, ({ g, Y, dY }) => [g.neg(g.mul(dY, g.square(Y)))]),

  Round: noGradient,

  Sign: noGradient,

  /** (sin x)' = cos x. */
  Sin: elementWise((g, x) => g.op("Cos", [x])),

  /** (sinh x)' = cosh x. */
  Sinh: elementWise((g, x) => g.op("Cosh", [x])),

  /** (√x)' = 1/(2y), see {@link rootSlope}. */
  Sqrt: elementWise((g, _, Y) => rootSlope(g, Y)),

  /** (tan x)' = 1 + y². */
  Tan: elementWise((g, _, Y) => g.add(g.square(Y), 1)),

  /** (tanh x)' = 1 − y². */
  Tanh: elementWise((g, _, Y) => g.sub(1, g.square(Y))),
};
