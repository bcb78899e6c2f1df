import { type GradientRules, noGradient } from "../rule.js";

/** Values that do not follow the numbers in their inputs: random ones, and constants in a given shape. */
export const generated: GradientRules = {
  Bernoulli: noGradient,
  ConstantOfShape: noGradient,
  EyeLike: noGradient,
  RandomNormalLike: noGradient,
  RandomUniformLike: noGradient,
  Range: noGradient,
};
