import type { PlateauState } from "./plateau-state.js";

/** How a learning rate changes while training runs. */
export type ScheduleName = "constant" | "cosine" | "linear" | "step" | "exponential" | "one-cycle" | "plateau";

/** What a schedule can be told; each says which options it knows. */
export interface ScheduleOptions {
  /** cosine, linear: the learning rate at the end, as a share of that at the start; by default 0. */
  readonly final?: number;
  /** step (0.1), exponential (must be given), plateau (0.1): what the learning rate is multiplied by. */
  readonly factor?: number;
  /**
   * cosine, linear, one-cycle: for how long they run, without the warm-up; by default until training ends. step: how
   * often (must be given). exponential: over what time it is multiplied; by default 1 epoch.
   */
  readonly epochs?: number;
  /** The same in updates. */
  readonly steps?: number;
  /** one-cycle: the greatest learning rate; by default that of the training. */
  readonly peak?: number;
  /** one-cycle: the share of the updates in which the learning rate rises; by default 0.3. */
  readonly pctStart?: number;
  /** one-cycle: it starts at the peak divided by this; by default 25. */
  readonly divFactor?: number;
  /** one-cycle: it ends at its start divided by this; by default 10000. */
  readonly finalDivFactor?: number;
  /** plateau: after how many epochs without improvement the learning rate falls; by default 10. */
  readonly patience?: number;
  /** plateau: what an improvement is more than; by default 0.0001. */
  readonly minDelta?: number;
  /** plateau: epochs after a fall in which it does not wait; by default 0. */
  readonly cooldown?: number;
  /** plateau: the least learning rate; by default 0. */
  readonly minRate?: number;
  /** plateau: what it watches, "loss" or a metric; by default the loss. Of the validation split, if there is one. */
  readonly monitor?: string;
  /** plateau: whether less is better or more; by default what is so for the monitored. */
  readonly mode?: MonitorMode;
  /** All: updates in which the learning rate rises linearly to where the schedule starts; it starts after them. */
  readonly warmupSteps?: number;
  /** All: the same in epochs. */
  readonly warmupEpochs?: number;
  /** All: where the warm-up begins, as a share of where it ends; by default 0: the first update changes nothing. */
  readonly warmupFrom?: number;
}

/** The name of an option of schedules. */
export type ScheduleOption = keyof ScheduleOptions;

/** Whether less ("min") or more ("max") of a monitored value is better. */
export type MonitorMode = "min" | "max";

/** A schedule with its options. */
export interface ScheduleSpecification extends ScheduleOptions {
  readonly name: ScheduleName;
}

/** What a schedule needs to know of the training. */
export interface ScheduleContext {
  readonly learningRate: number;
  /** Updates of the whole training; null where its length is not known. */
  readonly totalSteps: number | null;
  /** Updates of one epoch; null where its length is not known. */
  readonly stepsPerEpoch: number | null;
  /** What is better for what plateau monitors, unless it is told; by default "min". */
  readonly mode?: MonitorMode;
}

/** The learning rate of an update, counted from 0. */
export type RateAt = (step: number) => number;

/** A schedule. */
export type ScheduleHead = ScheduleHeadOfSteps | ScheduleHeadOfEpochs;

interface CommonHead {
  /** For help texts. */
  readonly summary: string;
  /** The options that it knows beside those of the warm-up. */
  readonly options: readonly ScheduleOption[];
}

/** A pure function of the step. */
export interface ScheduleHeadOfSteps extends CommonHead {
  readonly watches: "step";
  /** @param context with the total without the warm-up */
  readonly rateAt: (options: ScheduleOptions, context: ScheduleContext) => RateAt;
}

/** A state that changes with what is monitored, once an epoch. */
export interface ScheduleHeadOfEpochs extends CommonHead {
  readonly watches: "epoch";
  readonly start: (context: ScheduleContext) => PlateauState;
  readonly next: (
    state: PlateauState,
    monitored: number,
    options: ScheduleOptions,
    context: ScheduleContext,
  ) => PlateauState;
}
