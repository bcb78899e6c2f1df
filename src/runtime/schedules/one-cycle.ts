import { whole } from "./duration.js";
import type { ScheduleHead } from "./schedule.js";

/**
 * Half a cosine up from peak/25 to the peak in the first 30% of the updates, and one down to peak/250000. As
 * torch.optim.lr_scheduler.OneCycleLR with its defaults, without its cycle of momentum: that stays as it is.
 */
export const oneCycle: ScheduleHead = {
  summary: "up to a peak and down to almost nothing, by half cosines",
  options: ["peak", "pctStart", "divFactor", "finalDivFactor", "epochs", "steps"],
  watches: "step",
  rateAt: (options, context) => {
    const { peak = context.learningRate, pctStart = 0.3, divFactor = 25, finalDivFactor = 10000 } = options;
    const total = whole(options, context);
    const start = peak / divFactor;
    const end = start / finalDivFactor;
    // As PyTorch counts: the peak is at the last update of the rise, the end at the last of all.
    const summit = pctStart * total - 1;
    const last = total - 1;
    return (step) => {
      if (step < summit) return between(start, peak, step / summit);
      if (step === summit) return peak;
      return step < last ? between(peak, end, (step - summit) / (last - summit)) : end;
    };
  },
};

/** Half a cosine from one value to another. @param done 0 to 1 */
function between(from: number, to: number, done: number): number {
  return to + ((from - to) / 2) * (Math.cos(Math.PI * done) + 1);
}
