import type { Value } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import type { Operators } from "../../graph/operators.js";
import { givenLogProbabilities, kindBySoftmax, logProbabilities } from "./fusion.js";
import {
  classAxisOf,
  IGNORED_CLASS,
  knownShape,
  likePrediction,
  type LossContext,
  type LossHead,
  type LossOptions,
  reduced,
  type TargetType,
  withoutAxis,
} from "./loss.js";

/** One class number for each example, or for each position of it. @throws InputError for a single class */
function classNumbers(prediction: Value, options: LossOptions): TargetType {
  requireClasses(prediction, options);
  return { dataType: "int64", shape: withoutAxis(knownShape(prediction), classAxisOf(prediction, options)) };
}

/**
 * −w·log p of the class that the target names, with p = softmax(prediction); with label smoothing ε, (1 − ε) times that
 * plus ε times the mean of −w·log p over all classes. Targets that are probabilities t give −Σ t·w·log p. As
 * torch.nn.functional.cross_entropy.
 */
export const softmaxCrossEntropy: LossHead = {
  summary: "of logits against class numbers or probabilities, for classification",
  options: ["labels", "classAxis", "labelSmoothing", "ignoreIndex", "classWeights"],
  targetType: (prediction, options) => {
    requireClasses(prediction, options);
    return options.labels === "probabilities" ? likePrediction(prediction) : classNumbers(prediction, options);
  },
  predictionKind: ({ g, prediction, options }) => kindBySoftmax(g, prediction, classAxisOf(prediction, options)),
  loss: (context) => {
    const { g, prediction, target, options } = context;
    const axis = classAxisOf(prediction, options);
    const logarithms = logProbabilities(g, prediction, axis);
    if (options.labels !== "probabilities") return lossOfClass(context, logarithms, axis);
    const { labelSmoothing = 0, ignoreIndex } = options;
    if (ignoreIndex !== undefined) {
      throw new InputError("--ignore-index", "is a class number, and the targets are to be probabilities");
    }
    const weighted = weightedByClass(g, logarithms, axis, options);
    const smooth = labelSmoothing === 0 ? target : smoothed(context, axis);
    return reduced(g, g.neg(g.reduceSum(g.mul(smooth, weighted), [axis], false)), options);
  },
  metrics: accuracy,
};

/**
 * −w·p of the class that the target names, for predictions p that are log-probabilities; as
 * torch.nn.functional.nll_loss.
 */
export const negativeLogLikelihood: LossHead = {
  summary: "of log-probabilities against class numbers",
  options: ["classAxis", "ignoreIndex", "classWeights"],
  targetType: classNumbers,
  loss: (context) => {
    const axis = classAxisOf(context.prediction, context.options);
    return lossOfClass(context, givenLogProbabilities(context.g, context.prediction, axis), axis);
  },
  metrics: accuracy,
};

function lossOfClass({ g, prediction, target, options }: LossContext, logarithms: Value, axis: number): Value {
  const { ignoreIndex = IGNORED_CLASS, labelSmoothing = 0, classWeights, reduction = "mean" } = options;
  const counts = g.not(g.equal(target, ignoreIndex));
  // Targets that do not count name any class that exists.
  const classes = g.where(counts, target, 0);
  const ofClass = (values: Value) =>
    g.squeeze(g.op("GatherElements", [values, g.unsqueeze(classes, [axis])], { axis }), [axis]);
  const isCounted = g.cast(counts, prediction.dataType);
  const weights =
    classWeights === undefined
      ? isCounted
      : g.mul(g.gather(weightVector(g, prediction, axis, options), classes, 0), isCounted);
  const losses = g.neg(ofClass(logarithms));
  if (labelSmoothing === 0) return reduced(g, losses, options, weights);
  // The smooth part has the weights of all classes, and only what does not count is left out of it; the mean divides
  // both by one sum.
  const spread = g.neg(g.reduceSum(weightedByClass(g, logarithms, axis, options), [axis], false));
  const share = labelSmoothing / classCount(prediction, axis, options);
  const both = g.add(g.mul(g.mul(losses, weights), 1 - labelSmoothing), g.mul(g.mul(spread, isCounted), share));
  if (reduction !== "mean") return reduced(g, both, options);
  return g.div(g.reduceSum(both, undefined, false), g.reduceSum(weights, undefined, false));
}

/** Probabilities, a share of which is spread over all classes. */
function smoothed({ g, prediction, target, options }: LossContext, axis: number): Value {
  const { labelSmoothing = 0 } = options;
  return g.add(g.mul(target, 1 - labelSmoothing), labelSmoothing / classCount(prediction, axis, options));
}

function requireClasses(prediction: Value, options: LossOptions): void {
  if (knownShape(prediction)[classAxisOf(prediction, options)] !== 1) return;
  throw new InputError(
    `output "${prediction.name}"`,
    "has one class, of which every loss is 0",
    "for yes-or-no questions take binary-cross-entropy-with-logits; for other axes --class-axis",
  );
}

/** Values with a weight for each class along an axis. */
function weightedByClass(g: Operators, values: Value, axis: number, options: LossOptions): Value {
  if (options.classWeights === undefined) return values;
  const after = g.rank(values) - axis - 1;
  const weights = weightVector(g, values, axis, options);
  return g.mul(
    values,
    after === 0 ? weights : g.reshape(weights, [options.classWeights.length, ...Array<number>(after).fill(1)]),
  );
}

function weightVector(g: Operators, prediction: Value, axis: number, { classWeights = [] }: LossOptions): Value {
  const classes = knownShape(prediction)[axis];
  if (typeof classes === "number" && classes !== classWeights.length) {
    throw new InputError(
      "--class-weights",
      `names ${classWeights.length} weights, but "${prediction.name}" has ${classes} classes`,
    );
  }
  return g.tensor(prediction.dataType, [classWeights.length], classWeights);
}

function classCount(prediction: Value, axis: number, { classWeights }: LossOptions): number {
  const classes = knownShape(prediction)[axis];
  if (typeof classes === "number") return classes;
  if (classWeights !== undefined) return classWeights.length;
  throw new InputError("--label-smoothing", `needs the number of classes, which "${prediction.name}" does not declare`);
}

/** The share of targets that count whose class has the greatest prediction. */
function accuracy({ g, prediction, target, options }: LossContext): Readonly<Record<string, Value>> {
  const axis = classAxisOf(prediction, options);
  const classOf = (values: Value) => g.op("ArgMax", [values], { axis, keepdims: 0 });
  const isProbabilities = options.labels === "probabilities";
  const hits = g.cast(g.equal(classOf(prediction), isProbabilities ? classOf(target) : target), prediction.dataType);
  if (isProbabilities) return { accuracy: reduced(g, hits, {}) };
  const counts = g.cast(g.not(g.equal(target, options.ignoreIndex ?? IGNORED_CLASS)), prediction.dataType);
  return { accuracy: reduced(g, hits, {}, counts) };
}
