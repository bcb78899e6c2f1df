import { InputError } from "../../graph/errors.js";
import { duration, inSteps } from "./duration.js";
import type { ScheduleHead } from "./schedule.js";

/**
 * lr·factor^(s/n) at update s, where n is the given time in updates: an epoch, if nothing is said. As
 * keras.optimizers.schedules.ExponentialDecay, and at the ends of epochs torch.optim.lr_scheduler.ExponentialLR.
 */
export const exponential: ScheduleHead = {
  summary: "multiplied by a factor over every epoch, or so many epochs or steps, a little at each update",
  options: ["factor", "epochs", "steps"],
  watches: "step",
  rateAt: (options, context) => {
    const { factor } = options;
    if (factor === undefined) {
      throw new InputError("--schedule exponential", "does not say by what", "as in exponential:factor=0.95");
    }
    const over = duration(options, context) ?? inSteps(1, context, "epochs", "steps");
    return (step) => context.learningRate * factor ** (step / over);
  },
};
