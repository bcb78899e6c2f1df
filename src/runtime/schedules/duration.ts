import { InputError } from "../../graph/errors.js";
import type { ScheduleContext, ScheduleOptions } from "./schedule.js";

/**
 * A time in updates, said in them or in epochs; undefined where nothing is said.
 * @throws InputError for epochs whose length is not known
 */
export function duration({ steps, epochs }: ScheduleOptions, context: ScheduleContext): number | undefined {
  if (steps !== undefined) return steps;
  return epochs === undefined ? undefined : inSteps(epochs, context, "epochs", "steps");
}

/** Epochs in updates. @throws InputError where their length is not known; `instead` names the option to take */
export function inSteps(epochs: number, { stepsPerEpoch }: ScheduleContext, option: string, instead: string): number {
  if (stepsPerEpoch !== null) return epochs * stepsPerEpoch;
  throw new InputError(
    `--schedule ${option}=${epochs}`,
    "cannot be counted, as the data do not tell how long an epoch is",
    `say ${instead}=...`,
  );
}

/**
 * For how many updates a schedule runs: as it is told, or until training ends.
 * @throws InputError where that is not known
 */
export function whole(options: ScheduleOptions, context: ScheduleContext): number {
  const steps = duration(options, context) ?? context.totalSteps;
  if (steps !== null) return steps;
  throw new InputError(
    "--schedule",
    "needs the length of the training, which the data do not tell",
    "say steps=..., or take another schedule",
  );
}
