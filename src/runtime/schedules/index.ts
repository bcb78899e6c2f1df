import { constant } from "./constant.js";
import { cosine } from "./cosine.js";
import { exponential } from "./exponential.js";
import { linear } from "./linear.js";
import { oneCycle } from "./one-cycle.js";
import { plateau } from "./plateau.js";
import type { ScheduleHead, ScheduleName } from "./schedule.js";
import { step } from "./step.js";

/** All schedules of learning rates, by name. */
export const schedules: ReadonlyMap<ScheduleName, ScheduleHead> = new Map<ScheduleName, ScheduleHead>([
  ["constant", constant],
  ["cosine", cosine],
  ["linear", linear],
  ["step", step],
  ["exponential", exponential],
  ["one-cycle", oneCycle],
  ["plateau", plateau],
]);
