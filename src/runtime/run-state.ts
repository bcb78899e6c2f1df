import { z } from "zod";
import { InputError } from "../graph/errors.js";
import { earlyStoppingState, noEpochs } from "./early-stopping.js";
import type { EpochEvent } from "./events.js";
import { plateauState } from "./schedules/plateau-state.js";

/** JSON has no numbers that are not finite: they are null in it, and NaN when they come back. */
const number = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);

const epochEvent = z.object({
  event: z.literal("epoch"),
  epoch: z.number(),
  step: z.number(),
  loss: number,
  validationLoss: number.optional(),
  metrics: z.record(z.string(), number),
  learningRate: z.number(),
  seconds: z.number(),
  isBest: z.boolean(),
});

const runState = z.object({
  /** The epoch that is running, or comes next, from 1. */
  epoch: z.number().int().min(1),
  /** Batches of that epoch that are done. */
  batch: z.number().int().min(0),
  /** Updates since training began. */
  step: z.number().int().min(0),
  /** Examples in a full batch; of a stream, whose batches have sizes of their own, in the first. 0 before that. */
  fullBatch: z.number().int().min(0).default(0),
  /** The losses of that epoch so far, each times its weight, and the weights. */
  lossSum: z.number(),
  weightSum: z.number(),
  /** What the schedule remembers. */
  schedule: plateauState.nullable(),
  stopping: earlyStoppingState,
  /** Whether early stopping has ended the training. */
  isStopped: z.boolean(),
});

/** Where a training is: all that a checkpoint needs besides tensors. Plain JSON. */
export type RunState = Readonly<z.infer<typeof runState>>;

/** Before the first step. */
export const startOfRun: RunState = {
  epoch: 1,
  batch: 0,
  step: 0,
  fullBatch: 0,
  lossSum: 0,
  weightSum: 0,
  schedule: null,
  stopping: noEpochs,
  isStopped: false,
};

/** Where a training is, and the epochs that it has behind it. */
export interface RunRecord {
  readonly state: RunState;
  readonly history: readonly EpochEvent[];
}

/** The texts that a checkpoint keeps of a run. */
export function encodeRun({ state, history }: RunRecord): Readonly<Record<string, string>> {
  return { state: JSON.stringify(state), history: JSON.stringify(history) };
}

/** @throws InputError for texts that are none of a run */
export function decodeRun(metadata: Readonly<Record<string, string>>, label: string): RunRecord {
  const history = parsed(z.array(epochEvent), metadata["history"], label);
  return {
    state: parsed(runState, metadata["state"], label),
    history: history.map(({ validationLoss, ...event }) => ({
      ...event,
      ...(validationLoss === undefined ? {} : { validationLoss }),
    })),
  };
}

function parsed<Schema extends z.ZodType>(schema: Schema, text: string | undefined, label: string): z.infer<Schema> {
  const result = schema.safeParse(jsonOf(text));
  if (result.success) return result.data;
  throw new InputError(label, "does not hold the state of a training", "is it a checkpoint of caadam-onnx?");
}

function jsonOf(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
