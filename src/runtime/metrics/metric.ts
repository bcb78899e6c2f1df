import type { LossName, PredictionKind } from "../../passes/loss/loss.js";
import type { ContractLoss } from "../../passes/training/contract.js";
import type { HostTensor } from "../host-tensor.js";

/** What predictions and targets mean. */
export interface MetricContext {
  /** With the axis of the classes, the targets that do not count, and the rest of its options. */
  readonly loss: ContractLoss;
  /**
   * Of softmax-cross-entropy and binary-cross-entropy-with-logits, whose graphs give the model's own output: by default
   * logits; "probabilities" for a model that ends in Softmax or Sigmoid, "log-probabilities" in LogSoftmax.
   */
  readonly predictions?: PredictionKind;
}

/** A metric being measured, batch by batch; how examples are batched makes no difference, not in the last bit. */
export interface Measurement {
  /** A batch of the loss's output and of its targets. @throws InputError for those that do not fit each other */
  readonly add: (prediction: HostTensor, target: HostTensor) => void;
  /** Over all that was added; NaN where that is not defined, and where a prediction is not a number. */
  readonly value: () => number;
}

/** A number that says how good predictions are. */
export interface Metric {
  /** For help texts. */
  readonly summary: string;
  readonly better: "higher" | "lower";
  /** Whether it has the unit of the targets, and scales as they do. */
  readonly isInTargetUnit?: boolean;
  /** The losses that it fits. */
  readonly tasks: readonly Task[];
  readonly create: (context: MetricContext) => Measurement;
}

/**
 * What a loss is for: "classes", one of several; "questions", each yes or no; "numbers", to be hit; "other", which
 * these metrics do not measure.
 */
export type Task = "classes" | "questions" | "numbers" | "other";

const tasks: Readonly<Record<LossName | "model", Task>> = {
  mse: "numbers",
  mae: "numbers",
  huber: "numbers",
  "softmax-cross-entropy": "classes",
  nll: "classes",
  "kl-divergence": "classes",
  "binary-cross-entropy-with-logits": "questions",
  hinge: "questions",
  cosine: "other",
  model: "other",
};

/** What a loss is for. */
export function taskOf(loss: ContractLoss): Task {
  return tasks[loss.name];
}
