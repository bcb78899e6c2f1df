import type { OptimizerSettings } from "./optimizer.js";

/** The numbers that an update is fed with at each step, by their roles; those that it does not have are left out. */
export interface StepNumbers {
  /** α_t. */
  readonly alpha: number;
  /** ε_t. */
  readonly epsilon?: number;
  /** What weights lose: learning rate · λ. */
  readonly decay?: number;
}

/** How many bits a number keeps: those of the type in which it is computed. */
type Rounding = (number: number) => number;

/**
 * α_t = η·√(1 − β₂ᵗ)/(1 − β₁ᵗ) for Adam, and ε_t = ε, or ε·√(1 − β₂ᵗ) where ε is placed as PyTorch has it; α_t = η for
 * gradient descent.
 * @param learningRate η, of this step
 * @param step t, from 1
 * @param precision of the parameters. With ε as Keras has it, α_t is rounded as Keras rounds it: after every operation
 *   to the type of the parameters, which at the first steps makes a relative difference of 1e-5. PyTorch takes float64.
 */
export function stepNumbers(
  settings: OptimizerSettings,
  learningRate: number,
  step: number,
  precision: "float32" | "float64" = "float64",
): StepNumbers {
  const decay = settings.weightDecay === undefined ? {} : { decay: learningRate * settings.weightDecay };
  if (settings.name === "sgd") return { alpha: learningRate, ...decay };
  const { beta1, beta2, epsilon, epsilonPlacement } = settings;
  const round: Rounding = precision === "float32" && epsilonPlacement === "keras" ? Math.fround : (number) => number;
  const correction1 = round(1 - round(round(beta1) ** step));
  const correction2 = round(Math.sqrt(round(1 - round(round(beta2) ** step))));
  return {
    alpha: round(round(round(learningRate) * correction2) / correction1),
    epsilon: epsilonPlacement === "torch" ? epsilon * correction2 : epsilon,
    ...decay,
  };
}
