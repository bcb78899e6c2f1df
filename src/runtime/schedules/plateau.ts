import type { PlateauState } from "./plateau-state.js";
import type { ScheduleContext, ScheduleHead, ScheduleOptions } from "./schedule.js";

/**
 * Multiplies the learning rate by a factor where what is monitored has not improved by more than minDelta for some
 * epochs. As keras.callbacks.ReduceLROnPlateau, except that only finite numbers are improvements: Keras takes a first
 * NaN for the best value there is.
 */
export const plateau: ScheduleHead = {
  summary: "multiplied by a factor where the loss or a metric no longer improves",
  options: ["factor", "patience", "minDelta", "cooldown", "minRate", "monitor", "mode"],
  watches: "epoch",
  start: ({ learningRate }) => ({ learningRate, best: null, wait: 0, cooldown: 0 }),
  next: (state, monitored, options, context) => {
    // The epoch that ends a cooldown is waited for again.
    const cooled: PlateauState = state.cooldown > 0 ? { ...state, cooldown: state.cooldown - 1, wait: 0 } : state;
    if (isImprovement(monitored, cooled.best, options, context)) return { ...cooled, best: monitored, wait: 0 };
    if (cooled.cooldown > 0) return cooled;
    return afterWait({ ...cooled, wait: cooled.wait + 1 }, options);
  },
};

function afterWait(state: PlateauState, options: ScheduleOptions): PlateauState {
  const { factor = 0.1, patience = 10, cooldown = 0, minRate = 0 } = options;
  if (state.wait < patience || state.learningRate <= minRate) return state;
  return { ...state, learningRate: Math.max(state.learningRate * factor, minRate), cooldown, wait: 0 };
}

function isImprovement(
  value: number,
  best: number | null,
  { minDelta = 1e-4, mode }: ScheduleOptions,
  context: ScheduleContext,
): boolean {
  if (!Number.isFinite(value)) return false;
  if (best === null) return true;
  return (mode ?? context.mode) === "max" ? value - minDelta > best : value + minDelta < best;
}
