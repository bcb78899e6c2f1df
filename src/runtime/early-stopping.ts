import { z } from "zod";
import { InputError } from "../graph/errors.js";
import type { MonitorMode } from "./schedules/schedule.js";

/** When training ends before its last epoch. */
export interface EarlyStoppingOptions {
  /** "loss" or the name of a metric; by default the loss. Of the validation split, if there is one. */
  readonly monitor?: string;
  /** After how many epochs without improvement training ends; by default 10. 0 is as 1. */
  readonly patience?: number;
  /** What an improvement is more than; by default 0. */
  readonly minDelta?: number;
  /** How many epochs at the start count nothing; by default 0. */
  readonly startFromEpoch?: number;
  /** Whether less of the monitored is better or more; by default "min". */
  readonly mode?: MonitorMode;
  /** Whether training ends with the weights of the best epoch; by default true. */
  readonly restoreBest?: boolean;
}

/** @throws InputError for options out of range */
export function refuseUnfitStopping({ patience = 0, minDelta = 0, startFromEpoch = 0 }: EarlyStoppingOptions): void {
  const refuse = (option: string, value: number, range: string) => {
    throw new InputError(`early stopping with ${option} ${value}`, `is not possible: it takes ${range}`);
  };
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0;
  if (!isCount(patience)) refuse("a patience of", patience, "a whole number");
  if (!isCount(startFromEpoch)) refuse("a start after epoch", startFromEpoch, "a whole number");
  if (!(minDelta >= 0 && minDelta < Infinity))
    refuse("a least improvement of", minDelta, "a number that is not negative");
}

/** What early stopping remembers; plain JSON. */
export const earlyStoppingState = z.strictObject({
  /** The best value so far, and its epoch, from 1; null before the first that is a number. */
  best: z.number().nullable(),
  bestEpoch: z.number().nullable(),
  /** Epochs since then. */
  wait: z.number(),
});

/** What early stopping remembers; plain JSON. */
export type EarlyStoppingState = Readonly<z.infer<typeof earlyStoppingState>>;

/** Before the first epoch. */
export const noEpochs: EarlyStoppingState = { best: null, bestEpoch: null, wait: 0 };

/** What an epoch means. */
export interface Verdict {
  readonly state: EarlyStoppingState;
  /** Whether its weights are the best so far. */
  readonly isBest: boolean;
  readonly shouldStop: boolean;
}

/**
 * Judges an epoch, counted from 1, by what is monitored. As keras.callbacks.EarlyStopping, except that only finite
 * numbers are improvements: Keras takes a first NaN for the best value there is.
 */
export function judgeEpoch(
  state: EarlyStoppingState,
  epoch: number,
  monitored: number,
  options: EarlyStoppingOptions = {},
): Verdict {
  const { patience = 10, startFromEpoch = 0 } = options;
  if (epoch <= startFromEpoch) return { state, isBest: false, shouldStop: false };
  if (isImprovement(monitored, state.best, options)) {
    return { state: { best: monitored, bestEpoch: epoch, wait: 0 }, isBest: true, shouldStop: false };
  }
  const wait = state.wait + 1;
  return { state: { ...state, wait }, isBest: false, shouldStop: wait >= patience && epoch > 1 };
}

function isImprovement(
  value: number,
  best: number | null,
  { minDelta = 0, mode = "min" }: EarlyStoppingOptions,
): boolean {
  if (!Number.isFinite(value)) return false;
  if (best === null) return true;
  return mode === "max" ? value - minDelta > best : value + minDelta < best;
}
