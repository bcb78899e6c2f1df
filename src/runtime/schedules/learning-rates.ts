import { InputError } from "../../graph/errors.js";
import { schedules } from "./index.js";
import { refuseUnfit } from "./options.js";
import type { PlateauState } from "./plateau-state.js";
import type { RateAt, ScheduleContext, ScheduleSpecification } from "./schedule.js";
import { warmUpFactor, warmUpSteps } from "./warm-up.js";

/** The learning rates of one training. */
export interface LearningRates {
  /** Of an update, counted from 0. */
  readonly rateAt: RateAt;
  /** Tells what an epoch has come to. Returns whether that lowers the learning rate; only plateau's ever does. */
  readonly endEpoch: (monitored: number) => boolean;
  /** All that checkpoints must hold; plain JSON, and null for schedules that remember nothing. */
  readonly state: () => PlateauState | null;
}

/**
 * Starts a schedule, or goes on from the state of a checkpoint.
 * @throws InputError for an unknown name, options that do not fit, and a length of training that is not known
 */
export function startSchedule(
  specification: ScheduleSpecification,
  context: ScheduleContext,
  state: PlateauState | null = null,
): LearningRates {
  const head = schedules.get(specification.name);
  if (head === undefined) {
    throw new InputError(`--schedule ${specification.name}`, `is none of ${[...schedules.keys()].join(", ")}`);
  }
  refuseUnfit(specification, head);
  const warmUp = warmUpSteps(specification, context);
  if (head.watches === "step") {
    const totalSteps = context.totalSteps === null ? null : Math.max(context.totalSteps - warmUp, 0);
    const rateAt = head.rateAt(specification, { ...context, totalSteps });
    return {
      rateAt: (step) => rateAt(Math.max(step - warmUp, 0)) * warmUpFactor(step, warmUp, specification),
      endEpoch: () => false,
      state: () => null,
    };
  }
  let current = state ?? head.start(context);
  return {
    rateAt: (step) => current.learningRate * warmUpFactor(step, warmUp, specification),
    endEpoch: (monitored) => {
      const before = current.learningRate;
      current = head.next(current, monitored, specification, context);
      return current.learningRate < before;
    },
    state: () => current,
  };
}
