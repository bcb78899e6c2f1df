import { whole } from "./duration.js";
import type { ScheduleHead } from "./schedule.js";

/**
 * Half a cosine from the learning rate to its final share f: lr·(f + (1 − f)·(1 + cos(π·s/T))/2) at update s of T, and
 * that share from then on. As keras.optimizers.schedules.CosineDecay and torch.optim.lr_scheduler.CosineAnnealingLR.
 */
export const cosine: ScheduleHead = {
  summary: "half a cosine, down to a share of the learning rate",
  options: ["final", "epochs", "steps"],
  watches: "step",
  rateAt: (options, context) => {
    const { final = 0 } = options;
    const total = whole(options, context);
    return (step) => {
      const done = step < total ? step / total : 1;
      return context.learningRate * (final + ((1 - final) * (1 + Math.cos(Math.PI * done))) / 2);
    };
  },
};
