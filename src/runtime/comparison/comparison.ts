import type { InitializationOptions } from "../../passes/initialization/initialize.js";
import type { Dataset } from "../data/dataset.js";
import type { EpochEvent, TrainingEvent } from "../events.js";
import type { PairedTTest } from "../statistics.js";
import type { TrainingData, TrainOptions } from "../train-options.js";
import type { Variant } from "./variant.js";

/** What is compared, and how often. */
export interface CompareOptions extends Omit<TrainOptions, "checkpoints" | "onEvent" | "seed" | "initial"> {
  /** Compared with plain Adam, which is always the first. */
  readonly variants: readonly Variant[];
  /** Besides, Adam with its learning rate multiplied by the mean scale of each variant; default false. */
  readonly withLargerSteps?: boolean;
  /** Each variant is trained once with each; default 0 to 4. */
  readonly seeds?: readonly number[];
  /** Draw initial weights, for each seed its own; by default all start from the weights of the model. */
  readonly initialization?: Omit<InitializationOptions, "seed">;
  /** What is compared: "loss" (default), or a metric; of several outputs that have it, one's: "boxes.mae". */
  readonly measure?: string;
  /** A validation loss, and how soon each comes to it; by default the mean of what Adam's runs come to at best. */
  readonly targetLoss?: number;
  /** Called with everything that happens in each run. */
  readonly onEvent?: (event: TrainingEvent, run: RunPlace) => void;
}

/** Which of all runs. */
export interface RunPlace {
  readonly variant: string;
  readonly seed: number;
  /** From 1. */
  readonly run: number;
  readonly runs: number;
}

/** Data to compare on. */
export interface ComparisonData extends TrainingData {
  readonly validation: Dataset;
  /** What the measure is of, if there is one; otherwise it is of the validation. */
  readonly test?: Dataset;
}

/** One training. */
export interface ComparedRun {
  readonly seed: number;
  /** The measure with the weights that were kept; NaN where the loss became NaN or infinite. */
  readonly value: number;
  readonly epochs: number;
  readonly steps: number;
  readonly seconds: number;
  readonly history: readonly EpochEvent[];
}

/** How soon runs come to the target loss. */
export interface TimeToTarget {
  /** How many runs come to it. */
  readonly runs: number;
  /** Of those, the mean of updates and of seconds; NaN where there is none. */
  readonly steps: number;
  readonly seconds: number;
}

/** All runs of a variant. */
export interface VariantSummary {
  readonly name: string;
  /** Where it is Adam with larger steps: the variant whose mean scale it has. */
  readonly largerStepsOf?: string;
  /** The element-weighted geometric mean of its scales. */
  readonly meanScale: number;
  readonly runs: readonly ComparedRun[];
  readonly mean: number;
  /** Of the sample. */
  readonly deviation: number;
  readonly meanEpochs: number;
  readonly meanSteps: number;
  readonly meanSeconds: number;
  readonly toTarget: TimeToTarget;
  /** From Adam; undefined for Adam itself. */
  readonly difference?: Difference;
  /** From Adam with the mean scale of this variant, where that was trained, too. */
  readonly fromLargerSteps?: Difference;
}

/**
 * Two variants seed by seed, of the seeds with which both came to a number. p is NaN where it cannot be told: of fewer
 * than two seeds, and where the difference is the same with each.
 */
export interface Difference extends PairedTTest {
  /** How many. */
  readonly seeds: number;
  /** By how many percent of the other's mean it is better; negative where it is worse. */
  readonly improvement: number;
  /**
   * p after Holm's correction for all that answer the same question: which variants differ from Adam, which larger steps
   * alone do, and which variants differ from larger steps alone.
   */
  readonly correctedP: number;
}

/** What a comparison has found. */
export interface ComparisonResult {
  /** What is compared: "test loss", "validation accuracy". */
  readonly measure: string;
  readonly better: "lower" | "higher";
  readonly seeds: readonly number[];
  readonly targetLoss: number;
  /** Adam first. */
  readonly variants: readonly VariantSummary[];
  /** In words, a sentence each. */
  readonly verdict: readonly string[];
}
