import { InputError } from "../../graph/errors.js";
import { duration } from "./duration.js";
import type { ScheduleHead } from "./schedule.js";

/** lr·factorᵏ after k times the given epochs or steps. As torch.optim.lr_scheduler.StepLR. */
export const step: ScheduleHead = {
  summary: "multiplied by a factor every so many epochs or steps",
  options: ["factor", "epochs", "steps"],
  watches: "step",
  rateAt: (options, context) => {
    const { factor = 0.1 } = options;
    const every = duration(options, context);
    if (every === undefined) {
      throw new InputError("--schedule step", "does not say how often", "as in step:epochs=10,factor=0.5");
    }
    return (at) => context.learningRate * factor ** Math.floor(at / every);
  },
};
