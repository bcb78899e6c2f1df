import type { ScheduleHead } from "./schedule.js";

/** The training's learning rate. */
export const constant: ScheduleHead = {
  summary: "one learning rate throughout",
  options: [],
  watches: "step",
  rateAt:
    (_, { learningRate }) =>
    () =>
      learningRate,
};
