import { inSteps } from "./duration.js";
import type { ScheduleContext, ScheduleOption, ScheduleOptions } from "./schedule.js";

/** The options of the warm-up, which every schedule knows. */
export const warmUpOptions: readonly ScheduleOption[] = ["warmupSteps", "warmupEpochs", "warmupFrom"];

/** The updates of the warm-up; 0 for none. @throws InputError for epochs whose length is not known */
export function warmUpSteps({ warmupSteps, warmupEpochs }: ScheduleOptions, context: ScheduleContext): number {
  if (warmupSteps !== undefined) return warmupSteps;
  return warmupEpochs === undefined ? 0 : Math.round(inSteps(warmupEpochs, context, "warmup-epochs", "warmup-steps"));
}

/**
 * What the learning rate is multiplied by at update s of n that warm up: f + (1 − f)·s/n, with f the share that it
 * begins with. As keras.optimizers.schedules.CosineDecay has it from 0, and torch.optim.lr_scheduler.LinearLR.
 */
export function warmUpFactor(step: number, steps: number, { warmupFrom = 0 }: ScheduleOptions): number {
  return step < steps ? warmupFrom + ((1 - warmupFrom) * step) / steps : 1;
}
