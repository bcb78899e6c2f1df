import { InputError } from "../../graph/errors.js";
import { ascending, permutation } from "./order.js";
import { randomOf } from "./random.js";

/** Which examples are set apart. */
export interface SplitOptions {
  /** For validation: a share below 1, or a number of examples from 1; 0, the default, is none (as in Keras). */
  readonly validation?: number;
  /** For a test after training, of which training learns nothing: as `validation`. */
  readonly test?: number;
  /** By default 0. */
  readonly seed?: number;
  /** By default true: drawn by seed. Otherwise the last examples are set apart, those for the test behind all others. */
  readonly shuffle?: boolean;
}

/** Numbers of examples, each part in ascending order; together all of them, each once. */
export interface Split {
  readonly training: Uint32Array;
  readonly validation: Uint32Array;
  readonly test: Uint32Array;
}

/**
 * Splits examples. A share s of n leaves ⌊n·(1 − s)⌋, as in Keras.
 * @param label the data, for messages
 * @throws InputError where a part that is wanted, or that for training, would be empty
 */
export function split(count: number, options: SplitOptions, label: string): Split {
  const test = partSize(count, options.test ?? 0, "--test-split", label);
  const validation = partSize(count, options.validation ?? 0, "--validation-split", label);
  const training = count - validation - test;
  if (training <= 0) {
    const what = `leaves none of the ${examples(count)} in ${label} for training`;
    const [option, share] =
      validation > 0 ? ["--validation-split", options.validation] : ["--test-split", options.test];
    throw new InputError(`${option} ${share}`, what, "take less");
  }
  const order = (options.shuffle ?? true) ? permutation(count, randomOf(options.seed ?? 0, "split")) : ascending(count);
  return {
    training: order.slice(0, training).toSorted(),
    validation: order.slice(training, training + validation).toSorted(),
    test: order.slice(training + validation).toSorted(),
  };
}

function partSize(count: number, part: number, option: string, label: string): number {
  if (part === 0) return 0;
  const isCount = Number.isInteger(part) && part > 0;
  if (!isCount && !(part > 0 && part < 1)) {
    throw new InputError(`${option} ${part}`, "is neither a share between 0 and 1 nor a number of examples");
  }
  // What is missing to a whole number by rounding is no example: 10·(1 − 0.9) is 0.9999999999999998.
  const size = isCount ? part : count - Math.floor(count * (1 - part) + 1e-6);
  if (size === 0)
    throw new InputError(`${option} ${part}`, `is none of the ${examples(count)} in ${label}`, "take more");
  if (size >= count) {
    throw new InputError(
      `${option} ${part}`,
      `leaves none of the ${examples(count)} in ${label} for training`,
      "take less",
    );
  }
  return size;
}

function examples(count: number): string {
  return count === 1 ? "1 example" : `${count} examples`;
}
