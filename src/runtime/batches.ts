import { InputError } from "../graph/errors.js";
import { epochOrder } from "./data/order.js";
import type { Batch, BatchStream, Dataset } from "./data/dataset.js";
import type { TrainingData } from "./train-options.js";

/** A batch with the number of its examples. */
export interface CountedBatch {
  readonly batch: Batch;
  readonly examples: number;
}

/** Which batches of an epoch. */
export interface EpochOptions {
  /** From 1. */
  readonly epoch: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly shuffle: boolean;
  /** Batches at the start that are not wanted. */
  readonly skip: number;
  /** Whether all batches must have the same size: the rest that would be smaller is left out. */
  readonly isFixed: boolean;
  /** The input whose first axis has the examples of a stream's batch. */
  readonly countedBy: string;
  /** How many batches are in use at a time: what is read from a dataset before them is overwritten. */
  readonly inUse: number;
}

/** Whether examples can be read in any order. */
export function isDataset(data: TrainingData["training"]): data is Dataset {
  return typeof data === "object";
}

/** How many batches an epoch has; null for streams. */
export function batchCount(data: TrainingData["training"], batchSize: number, isFixed: boolean): number | null {
  if (!isDataset(data)) return null;
  return isFixed ? Math.floor(data.count / batchSize) : Math.ceil(data.count / batchSize);
}

/** The batches of one epoch. Which examples each has follows from the options alone. */
export function epochBatches(data: TrainingData["training"], options: EpochOptions): AsyncIterable<CountedBatch> {
  return isDataset(data) ? batchesOf(data, options) : streamed(data, options);
}

/** All examples in their order, one batch in use at a time. */
export function inOrder(data: Dataset, batchSize: number, isFixed: boolean): AsyncIterable<CountedBatch> {
  return batchesOf(data, { epoch: 1, batchSize, seed: 0, shuffle: false, skip: 0, isFixed, inUse: 1 });
}

async function* batchesOf(data: Dataset, options: Omit<EpochOptions, "countedBy">): AsyncGenerator<CountedBatch> {
  const { epoch, batchSize, seed, shuffle, skip, isFixed, inUse } = options;
  const order = epochOrder(data.count, { seed, epoch, shuffle });
  const end = isFixed ? data.count - (data.count % batchSize) : data.count;
  // New arrays for every batch would make V8 collect all of its memory again and again.
  const recent: Batch[] = [];
  for (let start = skip * batchSize; start < end; start += batchSize) {
    const examples = order.subarray(start, Math.min(start + batchSize, end));
    const spare = recent.length === inUse && examples.length === batchSize ? recent.shift() : undefined;
    const batch = await data.read(examples, spare);
    recent.push(batch);
    yield { batch, examples: examples.length };
  }
}

async function* streamed(stream: BatchStream, { skip, countedBy }: EpochOptions): AsyncGenerator<CountedBatch> {
  let passed = 0;
  for await (const batch of stream()) {
    if (passed++ < skip) continue;
    const examples = batch[countedBy]?.dims[0] ?? 1;
    if (examples === 0) throw new InputError(`batch ${passed} of the training data`, "has no examples");
    yield { batch, examples };
  }
}

/** Batches in groups of `size`, the last one with what is left. */
export async function* grouped<Item>(items: AsyncIterable<Item>, size: number): AsyncGenerator<readonly Item[]> {
  let group: Item[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
