import type { HostTensor, HostType } from "../host-tensor.js";

/** Several examples, by name of what they are: the first axis of each tensor is the example. */
export type Batch = Readonly<Record<string, HostTensor>>;

/** What each example of a dataset has. */
export interface Field {
  /** The input of the training graph that it is for. */
  readonly name: string;
  readonly type: HostType;
  /** Of one example: [] for a number. */
  readonly shape: readonly number[];
}

/** Examples that can be read in any order. */
export interface Dataset {
  /** How many examples. */
  readonly count: number;
  readonly fields: readonly Field[];
  /**
   * The examples with these numbers (from 0), in this order.
   * @param spare a batch of as many that was read before and is of no use any more: its memory may be used again
   */
  read(examples: Uint32Array, spare?: Batch): Batch | Promise<Batch>;
  /** Where an example comes from, for messages: "houses.csv, row 17". */
  describe(example: number): string;
}

/** Examples that come once, in their own order, as batches; asked anew for each epoch. */
export type BatchStream = () => AsyncIterable<Batch> | Iterable<Batch>;
