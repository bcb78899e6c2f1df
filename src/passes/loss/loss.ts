import type { DataType } from "../../graph/data-type.js";
import type { Value } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import type { Operators } from "../../graph/operators.js";
import type { Extent, Shape } from "../../graph/shapes/extent.js";

/** What a loss is called, on the command line and in contracts. */
export type LossName =
  | "mse"
  | "mae"
  | "huber"
  | "softmax-cross-entropy"
  | "binary-cross-entropy-with-logits"
  | "nll"
  | "kl-divergence"
  | "hinge"
  | "cosine";

/** How the losses of all elements or examples become the loss. */
export type Reduction = "mean" | "sum" | "none";

/** PyTorch's number for targets that do not count. */
export const IGNORED_CLASS = -100;

/** What a loss can be told; each says which options it knows. */
export interface LossOptions {
  /** By default mean. Weighted losses are divided by the sum of their weights, as in PyTorch. */
  readonly reduction?: Reduction;
  /**
   * softmax-cross-entropy: what targets are: class numbers (default), or probabilities of all classes (one-hot among
   * them).
   */
  readonly labels?: "index" | "probabilities";
  /**
   * softmax-cross-entropy, nll, kl-divergence: the axis of the classes; by default the last one of sequences (rank 3),
   * else axis 1, as PyTorch has it.
   */
  readonly classAxis?: number;
  /** softmax-cross-entropy: the share of the target that is spread over all classes, 0 to 1; by default 0. */
  readonly labelSmoothing?: number;
  /** softmax-cross-entropy, nll: targets with this number count nothing; by default −100, as in PyTorch. */
  readonly ignoreIndex?: number;
  /** softmax-cross-entropy, nll: a weight for each class. */
  readonly classWeights?: readonly number[];
  /** huber: where the square ends and the line begins; by default 1. */
  readonly delta?: number;
}

/** The name of an option of losses. */
export type LossOption = keyof LossOptions;

/** What a loss works with. */
export interface LossContext {
  readonly g: Operators;
  /** The model's output. */
  readonly prediction: Value;
  readonly target: Value;
  readonly options: LossOptions;
}

/** What targets look like. */
export interface TargetType {
  readonly dataType: DataType;
  readonly shape: Shape;
}

/** What the numbers of a model's output are. */
export type PredictionKind = "logits" | "log-probabilities" | "probabilities";

/** A loss, as a function of a model's output and of targets. */
export interface LossHead {
  /** For help texts. */
  readonly summary: string;
  /** The options that it knows beside `reduction`. */
  readonly options: readonly LossOption[];
  readonly targetType: (prediction: Value, options: LossOptions) => TargetType;
  /** What this prediction is to the loss, where that depends on how the model ends. */
  readonly predictionKind?: (context: Omit<LossContext, "target">) => PredictionKind;
  /** The loss, reduced as the options say. */
  readonly loss: (context: LossContext) => Value;
  /** Further numbers for an evaluation, by name: each a mean over the examples. */
  readonly metrics: (context: LossContext) => Readonly<Record<string, Value>>;
}

/** Reduces one loss for each element or example; without weights each counts the same. */
export function reduced(g: Operators, losses: Value, { reduction = "mean" }: LossOptions, weights?: Value): Value {
  const weighted = weights === undefined ? losses : g.mul(losses, weights);
  if (reduction === "none") return weighted;
  if (reduction === "sum") return g.reduceSum(weighted, undefined, false);
  if (weights === undefined) return g.reduceMean(losses, undefined, false);
  return g.div(g.reduceSum(weighted, undefined, false), g.reduceSum(weights, undefined, false));
}

/** Targets of the prediction's own type and shape. */
export function likePrediction(prediction: Value): TargetType {
  return { dataType: prediction.dataType, shape: knownShape(prediction) };
}

/** The prediction's shape. @throws InputError where the model does not tell it */
export function knownShape(prediction: Value): Shape {
  if (prediction.shape === undefined) {
    throw new InputError(
      `output "${prediction.name}"`,
      "has an unknown rank",
      "declare the shapes of the model's inputs",
    );
  }
  return prediction.shape;
}

/** The axis of the classes, counted from the front. @throws InputError where the prediction has no such axis */
export function classAxisOf(prediction: Value, { classAxis }: LossOptions): number {
  const rank = knownShape(prediction).length;
  const axis = classAxis ?? (rank === 3 ? -1 : 1);
  const fromFront = axis < 0 ? axis + rank : axis;
  if (fromFront < 0 || fromFront >= rank) {
    throw new InputError(
      `output "${prediction.name}"`,
      `has rank ${rank}, so that it has no classes on axis ${axis}`,
      "name their axis with --class-axis, or choose another loss",
    );
  }
  return fromFront;
}

/** The prediction's shape without the axis of the classes. */
export function withoutAxis(shape: Shape, axis: number): readonly Extent[] {
  return shape.filter((_, index) => index !== axis);
}
