import type { HostTensor } from "../host-tensor.js";
import { type BoundInput } from "./bound.js";
import type { Batch, Dataset, Field } from "./dataset.js";
import { type Encoder, encoderOf } from "./encode.js";
import type { Store } from "./store.js";

/** Examples that are made, batch by batch, from some rows of stored files. */
export class StoredDataset implements Dataset {
  readonly count: number;
  readonly fields: readonly Field[];
  readonly #stores: readonly Store[];
  readonly #rows: Uint32Array;
  readonly #encoders: readonly Encoder[];

  /** @param rows of each example, the same in all files */
  constructor(inputs: readonly BoundInput[], stores: readonly Store[], rows: Uint32Array) {
    this.count = rows.length;
    this.#stores = stores;
    this.#rows = rows;
    this.#encoders = inputs.map(encoderOf);
    this.fields = this.#encoders.map(({ field }) => field);
  }

  read(examples: Uint32Array, spare?: Batch): Batch {
    const rows = new Uint32Array(examples.length);
    for (let index = 0; index < rows.length; index++) rows[index] = this.#rows[examples[index] ?? 0] ?? 0;
    const blocks = this.#stores.map((store) => store.block(rows));
    const batch: Record<string, HostTensor> = {};
    for (const encoder of this.#encoders) {
      const { name } = encoder.field;
      batch[name] = encoder.read(blocks, rows.length, spare?.[name]);
    }
    return batch;
  }

  describe(example: number): string {
    const row = this.#rows[example] ?? 0;
    return this.#stores.map((store) => store.describe(row)).join("; ");
  }
}
