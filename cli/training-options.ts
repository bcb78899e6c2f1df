import {
  type EarlyStoppingOptions,
  InputError,
  metrics,
  parseSchedule,
  schedules,
  type TrainOptions,
} from "../src/index.js";
import {
  type GivenLosses,
  type GivenTrainingMode,
  givenTrainingMode,
  lossOptions,
  lossSpecifications,
  trainingModeOptions,
} from "./loss-options.js";
import {
  type GivenOptimizer,
  givenOptimizerOptions,
  type GivenScales,
  givenScaleOptions,
  namesIn,
  number,
  optimizerOptions,
  scaleOptions,
  summaries,
  trainabilityOptions,
} from "./options.js";

/** How to train, as people say it. */
export interface GivenTraining extends GivenLosses, GivenTrainingMode {
  readonly freeze: readonly string[];
  readonly train: readonly string[];
  readonly epochs: number | undefined;
  readonly "batch-size": number | undefined;
  readonly "learning-rate": number | undefined;
  readonly schedule: string | undefined;
  readonly accumulate: number | undefined;
  readonly metrics: string | undefined;
  readonly "early-stopping": number | undefined;
  readonly monitor: string | undefined;
  readonly "min-delta": number | undefined;
  readonly "start-from-epoch": number | undefined;
  readonly "keep-last": boolean;
  readonly threads: number | undefined;
}

/** The options of {@link GivenTraining}. */
export const trainingOptions = {
  ...lossOptions,
  epochs: { ...number("epochs", "How often all examples are seen"), defaultDescription: "20" },
  "batch-size": { ...number("batch-size", "Examples for one gradient"), defaultDescription: "32" },
  "learning-rate": { ...number("learning-rate", "How far a step goes"), defaultDescription: "0.001; 0.01 of sgd" },
  schedule: {
    type: "string",
    requiresArg: true,
    defaultDescription: "constant",
    describe: `name[:option=value,...], as cosine:warmup-epochs=2\n${summaries(schedules)}`,
  },
  accumulate: { ...number("accumulate", "How many batches make one step"), defaultDescription: "1" },
  metrics: {
    type: "string",
    requiresArg: true,
    defaultDescription: "those of the loss",
    describe: `What is measured of the validation examples, with commas between: ${[...metrics.keys()].join(", ")}`,
  },
  "early-stopping": number(
    "early-stopping",
    "End after so many epochs without improvement, with the weights of the best epoch",
  ),
  monitor: { type: "string", requiresArg: true, defaultDescription: "loss", describe: "What early stopping looks at" },
  "min-delta": { ...number("min-delta", "What an improvement is more than"), defaultDescription: "0" },
  "start-from-epoch": {
    ...number("start-from-epoch", "How many epochs count nothing for early stopping"),
    defaultDescription: "0",
  },
  "keep-last": { type: "boolean", default: false, describe: "Keep the weights of the last epoch, not of the best" },
  threads: {
    ...number("threads", "Threads for one operator"),
    defaultDescription: "one for each core, 1 for small networks",
  },
  ...trainabilityOptions,
  ...trainingModeOptions,
} as const;

/** The options that were given, as the library takes them. @throws InputError for those that contradict each other */
export function givenTrainingOptions(given: GivenTraining): TrainOptions {
  const { epochs, schedule, accumulate, metrics: named, threads, freeze, train } = given;
  const { "batch-size": batchSize, "learning-rate": learningRate } = given;
  const earlyStopping = givenEarlyStopping(given);
  return {
    loss: lossSpecifications(given),
    freeze,
    train,
    ...givenTrainingMode(given),
    ...(epochs === undefined ? {} : { epochs }),
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(learningRate === undefined ? {} : { learningRate }),
    ...(schedule === undefined ? {} : { schedule: parseSchedule(schedule) }),
    ...(accumulate === undefined ? {} : { accumulate }),
    ...(named === undefined ? {} : { metrics: namesIn(named) }),
    ...(earlyStopping === undefined ? {} : { earlyStopping }),
    ...(threads === undefined ? {} : { threads }),
  };
}

function givenEarlyStopping(given: GivenTraining): EarlyStoppingOptions | undefined {
  const { "early-stopping": patience, monitor, "min-delta": minDelta, "start-from-epoch": startFromEpoch } = given;
  const keepLast = given["keep-last"] ? true : undefined;
  const others = { monitor, "min-delta": minDelta, "start-from-epoch": startFromEpoch, "keep-last": keepLast };
  if (patience === undefined) {
    const [lonely] = Object.entries(others).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    if (lonely !== undefined) throw new InputError(`--${lonely}`, "means nothing without --early-stopping");
    return undefined;
  }
  return {
    patience,
    restoreBest: !given["keep-last"],
    ...(monitor === undefined ? {} : { monitor }),
    ...(minDelta === undefined ? {} : { minDelta }),
    ...(startFromEpoch === undefined ? {} : { startFromEpoch }),
  };
}

/** The optimizer of a training, as people say it. */
export type GivenUpdates = GivenOptimizer & GivenScales;

/** The options of {@link GivenUpdates}. */
export const updateOptions = { ...optimizerOptions, ...scaleOptions } as const;

/** The options that were given, as the library takes them. */
export function givenUpdateOptions(given: GivenUpdates): Partial<TrainOptions> {
  return { ...givenOptimizerOptions(given), ...givenScaleOptions(given) };
}
