import { InputError } from "../graph/errors.js";
import type { RewriteOptions } from "../passes/training/rewrite.js";
import type { BatchStream, Dataset } from "./data/dataset.js";
import { nearestName } from "./nearest-name.js";
import type { EarlyStoppingOptions } from "./early-stopping.js";
import type { TrainingEvent } from "./events.js";
import type { HostTensor } from "./host-tensor.js";
import type { ScheduleSpecification } from "./schedules/schedule.js";
import type { SessionOptions } from "./session.js";

/** What is trained on. */
export interface TrainingData {
  /** Examples in any order, or batches as they come; a stream is asked anew for each epoch. */
  readonly training: Dataset | BatchStream;
  readonly validation?: Dataset;
  /** Facts about the data that a checkpoint keeps, and that must be the same where it is resumed: plain JSON. */
  readonly description?: unknown;
}

/** Where all state is saved. */
export interface CheckpointOptions {
  readonly folder: string;
  /** Besides the end of each epoch: after every so many updates. */
  readonly everySteps?: number;
  /** How many of the latest stay; default 3. The best stays, too. */
  readonly keep?: number;
  /** Go on from the latest, where there is one; default false. */
  readonly resume?: boolean;
}

/** How to train; the defaults are those of the command line. */
export interface TrainOptions extends Omit<RewriteOptions, "emit">, SessionOptions {
  /** Default 20. */
  readonly epochs?: number;
  /** Examples in a batch; default 32. A stream brings its own batches. */
  readonly batchSize?: number;
  /** Default 0.001; of sgd 0.01. */
  readonly learningRate?: number;
  /** Default constant. */
  readonly schedule?: ScheduleSpecification;
  /** What order, dropout and everything else that is random follow from, 0 to 2⁵³ − 1; default 0. */
  readonly seed?: number;
  /** Another order of the examples in each epoch; default true. */
  readonly shuffle?: boolean;
  /** How many batches make one update; default 1. */
  readonly accumulate?: number;
  /** Names of metrics of the validation examples; default those of the loss. */
  readonly metrics?: readonly string[];
  /** Default none. */
  readonly earlyStopping?: EarlyStoppingOptions;
  readonly checkpoints?: CheckpointOptions;
  /** What training starts from, by parameter and buffer; what is not there starts from the model. */
  readonly initial?: ReadonlyMap<string, HostTensor>;
  /** Report the norms of gradients and parameters after each epoch; default false. */
  readonly gradientNorms?: boolean;
  /** Ends training after the update that is running, with all state saved. */
  readonly signal?: AbortSignal;
  /** Called with everything that happens. */
  readonly onEvent?: (event: TrainingEvent) => void;
}

/** Every option, so that a misspelt one is not taken for none. */
const optionNames: Readonly<Record<keyof TrainOptions, true>> = {
  accumulate: true,
  amsgrad: true,
  averageMomentum: true,
  batchSize: true,
  beta1: true,
  beta2: true,
  checkpoints: true,
  clip: true,
  convention: true,
  earlyStopping: true,
  epochs: true,
  epsilon: true,
  epsilonPlacement: true,
  freeze: true,
  freezeBatchNorm: true,
  gamma: true,
  gradientNorms: true,
  initial: true,
  learningRate: true,
  loss: true,
  metrics: true,
  momentum: true,
  nesterov: true,
  noDropout: true,
  normalize: true,
  onEvent: true,
  optimizer: true,
  pack: true,
  schedule: true,
  seed: true,
  shuffle: true,
  signal: true,
  strategy: true,
  threads: true,
  train: true,
  weightDecay: true,
  withoutDecay: true,
};

/** @throws InputError for an option that there is not: programs in JavaScript may misspell one */
export function refuseUnknownOptions(options: TrainOptions): void {
  const names = Object.keys(optionNames);
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  const near = nearestName(names, unknown);
  throw new InputError(`option "${unknown}"`, "is none of training", near && `is "${near}" meant?`);
}
