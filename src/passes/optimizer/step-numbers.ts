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

/**
 * α_t = η·√(1 − β₂ᵗ)/(1 − β₁ᵗ) for Adam, and ε_t = ε, or ε·√(1 − β₂ᵗ) where ε is placed as PyTorch has it; α_t = η for
 * gradient descent.
 * @param learningRate η, of this step
 * @param step t, from 1
 */
export function stepNumbers(settings: OptimizerSettings, learningRate: number, step: number): StepNumbers {
  const decay = settings.weightDecay === undefined ? {} : { decay: learningRate * settings.weightDecay };
  if (settings.name === "sgd") return { alpha: learningRate, ...decay };
  const { beta1, beta2, epsilon, epsilonPlacement } = settings;
  const correction2 = Math.sqrt(1 - beta2 ** step);
  return {
    alpha: (learningRate * correction2) / (1 - beta1 ** step),
    epsilon: epsilonPlacement === "torch" ? epsilon * correction2 : epsilon,
    ...decay,
  };
}
