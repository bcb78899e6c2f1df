import { InputError } from "../graph/errors.js";
import type { EpochEvent } from "./events.js";

/** The loss, or what is trained by it, became NaN or infinite. */
export class NotFiniteError extends InputError {
  /**
   * @param what became so, in words
   * @param step the update in which it did, from 1
   * @param history the epochs before it
   */
  constructor(
    what: string,
    readonly epoch: number,
    readonly step: number,
    readonly history: readonly EpochEvent[],
  ) {
    super(
      `step ${step} (epoch ${epoch})`,
      what,
      "lower --learning-rate, clip gradients with --clip-global-norm 1, or look at the data",
    );
  }
}
