import { whole } from "./duration.js";
import type { ScheduleHead } from "./schedule.js";

/**
 * A line from the learning rate to its final share f: lr·(1 − (1 − f)·s/T) at update s of T, and that share from then
 * on. As torch.optim.lr_scheduler.LinearLR from 1 to f.
 */
export const linear: ScheduleHead = {
  summary: "a line, down to a share of the learning rate",
  options: ["final", "epochs", "steps"],
  watches: "step",
  rateAt: (options, context) => {
    const { final = 0 } = options;
    const total = whole(options, context);
    return (step) => context.learningRate * (step < total ? 1 - ((1 - final) * step) / total : final);
  },
};
