import type { Value } from "../../graph/emitter.js";
import type { Operators } from "../../graph/operators.js";

/** What an optimizer is called, on the command line and in contracts. */
export type OptimizerName = "caadam" | "adam" | "adamw" | "sgd";

/**
 * What an optimizer keeps of each parameter: the mean of its gradients, that of their squares, and the greatest of the
 * latter so far (AMSGrad).
 */
export type MomentRole = "moment1" | "moment2" | "moment2max";

/** How gradients are kept from being too large. */
export interface GradientClip {
  /**
   * `value`: each element between −limit and limit. `norm`: the gradient of each parameter to a Euclidean norm of at
   * most the limit; `global-norm`: all of them together.
   */
  readonly by: "value" | "norm" | "global-norm";
  readonly limit: number;
}

/** What every optimizer can do besides. */
interface CommonSettings {
  /**
   * Decoupled weight decay λ: before each update, w ← w − learning rate · λ · w. The scale S has no part in it, as in
   * the base class of Keras' optimizers.
   */
  readonly weightDecay?: number;
  /** Patterns of names of parameters that do not decay. */
  readonly withoutDecay?: readonly string[];
  readonly clip?: GradientClip;
  /**
   * An average of the weights, a ← μ·a + (1 − μ)·w after each update, with this μ. It begins as the weights after the
   * first update, as in Keras (`use_ema`) and PyTorch (`AveragedModel`): who drives the graphs sets it there.
   */
  readonly averageMomentum?: number;
}

/** Adam and what is made of it (Kingma & Ba 2015; Loshchilov & Hutter 2019; Reddi et al. 2018; Genet & Inzirillo 2024). */
export interface AdamSettings extends CommonSettings {
  readonly name: "caadam" | "adam" | "adamw";
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** `keras`: ε beside √v; `torch`: ε beside √v as it is after the correction of its bias. */
  readonly epsilonPlacement: "keras" | "torch";
  readonly amsgrad: boolean;
}

/** Gradient descent, with momentum as PyTorch has it. */
export interface SgdSettings extends CommonSettings {
  readonly name: "sgd";
  readonly momentum: number;
  readonly nesterov: boolean;
}

/** An optimizer with all of its numbers. */
export type OptimizerSettings = AdamSettings | SgdSettings;

/** One parameter on its way through an update. */
export interface UpdateContext<Settings extends OptimizerSettings = OptimizerSettings> {
  readonly g: Operators;
  readonly settings: Settings;
  readonly parameter: Value;
  readonly gradient: Value;
  /** In the order in which the optimizer names them. */
  readonly moments: readonly Value[];
  /** α_t·S, or α_t where there is no S. */
  readonly rate: Value;
  /** ε_t, for optimizers that have one. */
  readonly epsilon: Value | undefined;
}

/** What a parameter and its moments become. */
export interface Updated {
  readonly parameter: Value;
  readonly moments: readonly Value[];
}

/** What an optimizer is to those who apply it: what it keeps, and how it moves a parameter. */
export interface UpdateRule {
  readonly moments: readonly MomentRole[];
  readonly hasEpsilon: boolean;
  readonly update: (context: Omit<UpdateContext, "settings">) => Updated;
}
