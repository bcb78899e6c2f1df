import { createHash } from "node:crypto";
import { encodeModel } from "../graph/encode-model.js";
import { InputError } from "../graph/errors.js";
import { externalWeights } from "../graph/external-weights.js";
import { standardModel } from "../graph/standard-model.js";
import { optimizerKind } from "../passes/optimizer/index.js";
import type { Artifact } from "../passes/training/artifact.js";
import { type ContractArtifact, type ContractTensor, lossesOf } from "../passes/training/contract.js";
import type { TrainingPlan } from "../passes/training/rewrite.js";
import { batchCount, isDataset } from "./batches.js";
import { checkData } from "./check-data.js";
import { checkBatchSize } from "./data/split.js";
import { type EarlyStoppingOptions, refuseUnfitStopping } from "./early-stopping.js";
import type { Fingerprint } from "./fingerprint.js";
import { startSchedule } from "./schedules/learning-rates.js";
import type { ScheduleContext, ScheduleSpecification } from "./schedules/schedule.js";
import type { TrainingData, TrainOptions } from "./train-options.js";
import { type Measures, measuresOf } from "./validate.js";

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
  readonly evaluation: { readonly batchSize: number; readonly isFixed: boolean };
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
  const fixed = fixedBatch(contract);
  const batchSize = batchSizeOf(data, options.batchSize, fixed);
  const isFixed = fixed !== undefined;
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
    evaluation: { batchSize, isFixed },
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
    warnings: warningsOf(data, options, batchSize, isFixed),
  };
}

/** The only size of batches that a model takes; undefined where it takes any. */
export function fixedBatch(contract: ContractArtifact): number | undefined {
  const extents = examplesOf(contract).map(({ shape }) => shape?.[0]);
  const [first] = extents;
  return typeof first === "number" && extents.every((extent) => extent === first) ? first : undefined;
}

/** The inputs whose first axis has the examples: targets, where there are any. */
function examplesOf({ inputs }: ContractArtifact): readonly ContractTensor[] {
  const targets = inputs.filter(({ role }) => role === "target");
  return targets.length > 0 ? targets : inputs.filter(({ role }) => role === "feature");
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

function batchSizeOf(data: TrainingData, wanted: number | undefined, fixed: number | undefined): number {
  if (wanted !== undefined) requireWhole("--batch-size", wanted, 1);
  if (fixed !== undefined && wanted !== undefined && wanted !== fixed) {
    const remedy = "leave --batch-size out, add batches up with --accumulate, or export the model with a dynamic batch";
    throw new InputError(`--batch-size ${wanted}`, `does not fit a model that takes batches of ${fixed} alone`, remedy);
  }
  for (const [label, set] of Object.entries({ training: data.training, validation: data.validation })) {
    if (fixed === undefined || set === undefined || !isDataset(set) || set.count >= fixed) continue;
    const remedy = "give more, or export the model with a dynamic batch";
    throw new InputError(`the ${label} data`, `fill no batch of ${fixed}, which the model takes alone`, remedy);
  }
  if (!isDataset(data.training)) return wanted ?? fixed ?? 32;
  const size = wanted ?? fixed ?? Math.max(Math.min(32, data.training.count), 1);
  if (data.training.count > 0) checkBatchSize(size, data.training.count);
  return size;
}

function warningsOf(
  data: TrainingData,
  { metrics = [], earlyStopping, schedule }: TrainOptions,
  batchSize: number,
  isFixed: boolean,
): readonly string[] {
  const rest = (set: { readonly count: number } | undefined, what: string) => {
    const left = isFixed && set !== undefined ? set.count % batchSize : 0;
    return left === 0 ? [] : [`the last ${left} examples of ${what} fill no batch of ${batchSize} and are left out`];
  };
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
  return [...rest(training, "each epoch"), ...rest(data.validation, "the validation"), ...unmeasured, ...unseen];
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

function requireWhole(option: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new InputError(`${option} ${value}`, `is out of range: it takes a whole number from ${least}`);
  }
}
