import { createHash } from "node:crypto";
import { encodeModel } from "../graph/encode-model.js";
import { InputError } from "../graph/errors.js";
import { externalWeights } from "../graph/external-weights.js";
import { standardModel } from "../graph/standard-model.js";
import { optimizerKind } from "../passes/optimizer/index.js";
import type { Artifact } from "../passes/training/artifact.js";
import { type ContractArtifact, lossesOf } from "../passes/training/contract.js";
import type { TrainingPlan } from "../passes/training/rewrite.js";
import { batchCount, isDataset } from "./batches.js";
import { type Batching, batchingOf, examplesOf, leftOut } from "./batching.js";
import { checkData } from "./check-data.js";
import { type EarlyStoppingOptions, refuseUnfitStopping } from "./early-stopping.js";
import type { Fingerprint } from "./fingerprint.js";
import { startSchedule } from "./schedules/learning-rates.js";
import type { ScheduleContext, ScheduleSpecification } from "./schedules/schedule.js";
import type { TrainingData, TrainOptions } from "./train-options.js";
import { type Measures, measuresOf } from "./validate.js";
import { requireWhole } from "./whole-number.js";

/** The options of a training, with everything decided that they leave open. */
export interface TrainingSettings {
  readonly epochs: number;
  readonly batchSize: number;
  /** Whether the model takes batches of one size alone. */
  readonly isFixed: boolean;
  /** The input whose first axis has the examples of a batch. */
  readonly countedBy: string;
  /** null for streams. */
  readonly examples: number | null;
  /** Updates; null for streams. */
  readonly stepsPerEpoch: number | null;
  readonly seed: number;
  readonly shuffle: boolean;
  readonly accumulate: number;
  readonly everySteps: number | undefined;
  readonly schedule: ScheduleSpecification;
  readonly scheduleContext: ScheduleContext;
  readonly stopping: EarlyStoppingOptions & { readonly monitor: string; readonly restoreBest: boolean };
  readonly measures: Measures;
  readonly evaluation: Batching;
  readonly fingerprint: Fingerprint;
  /** What checkpoints keep besides, for people and other programs. */
  readonly kept: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/** Schedules whose rates depend on how long the training is, unless they are told how long they run. */
const untilTheEnd: ReadonlySet<string> = new Set(["cosine", "linear", "one-cycle"]);

/** @throws InputError for options that are out of range, and for data that cannot be trained on */
export function trainingSettings(plan: TrainingPlan, data: TrainingData, options: TrainOptions): TrainingSettings {
  const { gradient } = plan;
  if (gradient === undefined) throw new Error("training needs the graph of the gradient");
  const { contract } = gradient;
  const { sha256 } = plan.table.model;
  const { epochs = 20, seed = 0, shuffle = true, accumulate = 1, schedule = { name: "constant" } } = options;
  requireWhole("--epochs", epochs, 1);
  requireWhole("--accumulate", accumulate, 1);
  requireWhole("--seed", seed, 0);
  const { everySteps } = options.checkpoints ?? {};
  if (everySteps !== undefined) requireWhole("--checkpoint-steps", everySteps, 1);
  const learningRate = options.learningRate ?? optimizerKind(plan.optimizer.name).defaultLearningRate;
  if (!(learningRate >= 0 && learningRate < Infinity)) {
    throw new InputError(
      `--learning-rate ${learningRate}`,
      "is out of range: it takes a finite number that is not negative",
    );
  }
  const evaluation = batchingFor(data, options.batchSize, contract);
  const { batchSize, isFixed } = evaluation;
  const batches = batchCount(data.training, batchSize, isFixed);
  const stepsPerEpoch = batches === null ? null : Math.ceil(batches / accumulate);
  const losses = lossesOf(plan.loss);
  checkData(data, contract, batchSize);
  const measures = measuresOf(losses, data.validation === undefined ? [] : options.metrics);
  const better = (monitor: string) => betterOf(monitor, measures);
  const monitor = options.earlyStopping?.monitor ?? "loss";
  const examples = isDataset(data.training) ? data.training.count : null;
  refuseUnfitStopping(options.earlyStopping ?? {});
  const scheduleContext = {
    learningRate,
    totalSteps: stepsPerEpoch === null ? null : stepsPerEpoch * epochs,
    stepsPerEpoch,
    mode: better(schedule.monitor ?? "loss"),
  };
  // Before anything is computed, for what it refuses.
  startSchedule(schedule, scheduleContext);
  return {
    epochs,
    batchSize,
    isFixed,
    countedBy: examplesOf(contract)[0]?.name ?? "",
    examples,
    stepsPerEpoch,
    seed,
    shuffle,
    accumulate,
    everySteps,
    schedule,
    scheduleContext,
    stopping: {
      ...(options.earlyStopping === undefined ? { patience: Infinity } : {}),
      mode: better(monitor),
      ...options.earlyStopping,
      monitor,
      restoreBest: options.earlyStopping !== undefined && (options.earlyStopping.restoreBest ?? true),
    },
    measures,
    evaluation,
    fingerprint: {
      ...(sha256 === null ? {} : { model: sha256 }),
      "set of parameters": plan.parameters.map(({ name, shape }) => [name, ...shape]),
      loss: plan.loss,
      optimizer: plan.optimizer,
      strategy: plan.table.strategy,
      "learning rate": learningRate,
      schedule,
      ...(spansTraining(schedule) ? { "number of epochs": epochs } : {}),
      "batch size": batchSize,
      "number of batches for an update": accumulate,
      seed,
      "order of examples": shuffle ? "shuffled" : "their own",
      "mode of batch normalization": options.freezeBatchNorm ?? false,
      "mode of dropout": !(options.noDropout ?? false),
      "early stopping": options.earlyStopping ?? null,
      "number of examples": [examples, data.validation?.count ?? 0],
      data: data.description ?? null,
      // Last, as it tells nothing of what the difference is.
      ...(sha256 === null && options.checkpoints !== undefined ? { model: hashOf(gradient) } : {}),
    },
    kept: {
      scale_table: JSON.stringify(plan.table),
      ...(data.description === undefined ? {} : { data: JSON.stringify(data.description) }),
    },
    warnings: warningsOf(data, options, evaluation),
  };
}

function spansTraining({ name, steps, epochs }: ScheduleSpecification): boolean {
  return untilTheEnd.has(name) && steps === undefined && epochs === undefined;
}

/** Of all that is computed, for models that come from no file. */
function hashOf({ graph }: Artifact): string {
  const model = standardModel(graph, "");
  const weights = externalWeights([model], "");
  const hash = createHash("sha256").update(encodeModel(model, weights?.locationOf));
  for (const bytes of weights?.content ?? []) hash.update(bytes);
  return hash.digest("hex");
}

function batchingFor({ training, validation }: TrainingData, wanted: number | undefined, contract: ContractArtifact) {
  const examples = isDataset(training) ? training.count : undefined;
  const sets = { "the training data": examples, "the validation data": validation?.count };
  const batching = batchingOf(contract, wanted, sets, Math.max(Math.min(32, examples ?? 32), 1));
  const { batchSize } = batching;
  if (examples !== undefined && examples > 0 && batchSize > examples) {
    const many = examples === 1 ? "1 example" : `${examples} examples`;
    throw new InputError(
      `--batch-size ${batchSize}`,
      `is more than the ${many} for training`,
      `take ${examples} or less`,
    );
  }
  return batching;
}

function warningsOf(
  data: TrainingData,
  { metrics = [], earlyStopping, schedule }: TrainOptions,
  batching: Batching,
): readonly string[] {
  const training = isDataset(data.training) ? data.training : undefined;
  const unmeasured =
    metrics.length > 0 && data.validation === undefined
      ? ["metrics are measured on validation examples, and there are none"]
      : [];
  const watching = [
    ...(earlyStopping ? ["early stopping"] : []),
    ...(schedule?.name === "plateau" ? ["the schedule"] : []),
  ];
  const unseen =
    watching.length > 0 && data.validation === undefined
      ? [
          `${watching.join(" and ")} ${watching.length > 1 ? "look" : "looks"} at the training loss, as there are no validation examples`,
        ]
      : [];
  return [
    ...leftOut(training?.count ?? 0, batching, "each epoch"),
    ...leftOut(data.validation?.count ?? 0, batching, "the validation"),
    ...unmeasured,
    ...unseen,
  ];
}

/** Whether less or more of a monitored number is better. @throws InputError for one that is not measured */
function betterOf(monitor: string, { metrics }: Measures): "min" | "max" {
  if (monitor === "loss") return "min";
  const metric = metrics.find(({ name }) => name === monitor);
  if (metric === undefined) {
    const known = ["loss", ...metrics.map(({ name }) => name)].join(", ");
    throw new InputError(`monitor ${monitor}`, "is not measured", `what can be monitored is ${known}`);
  }
  return metric.metric.better === "higher" ? "max" : "min";
}
