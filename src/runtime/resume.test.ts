import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Model } from "../graph/model.js";
import type { EpochEvent } from "./events.js";
import type { TrainingData, TrainOptions } from "./train-options.js";
import { regression, smallMlp, trained } from "./testing/small-training.js";

const root = mkdtempSync(join(tmpdir(), "caadam-resume-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
const newFolder = () => join(root, String(folders++));

interface Case {
  readonly name: string;
  readonly model?: Model;
  readonly data?: TrainingData;
  readonly options?: Partial<TrainOptions>;
}

const validation = regression(7, 9);
/** 5 batches of 8, the last one smaller. */
const training = regression(37);
const mse: TrainOptions = { loss: { name: "mse" }, epochs: 3, batchSize: 8, learningRate: 0.01, seed: 5 };

const cases: readonly Case[] = [
  { name: "caadam" },
  { name: "accumulation with a partial last group", options: { accumulate: 2 } },
  { name: "averaged weights", options: { averageMomentum: 0.7 } },
  {
    name: "sgd with momentum, and clipping",
    options: { optimizer: "sgd", momentum: 0.9, clip: { by: "norm", limit: 1 } },
  },
  { name: "AMSGrad with weight decay", options: { optimizer: "adamw", amsgrad: true } },
  { name: "dropout", model: smallMlp({ dropout: 0.4 }) },
  { name: "dropout with accumulation", model: smallMlp({ dropout: 0.4 }), options: { accumulate: 3 } },
  { name: "batch normalization", model: smallMlp({ batchNorm: true }), data: { training, validation } },
  { name: "validation", data: { training, validation }, options: { metrics: ["mae", "r2"] } },
  {
    name: "reduce on plateau",
    data: { training, validation },
    options: { schedule: { name: "plateau", patience: 1, factor: 0.5, minDelta: 10 }, epochs: 4 },
  },
  {
    name: "early stopping with the best restored",
    data: { training, validation },
    // Too fast to get better with each epoch.
    options: { learningRate: 0.5, earlyStopping: { patience: 2 }, epochs: 8 },
  },
  {
    name: "early stopping with averaged weights and batch normalization",
    model: smallMlp({ batchNorm: true }),
    data: { training, validation },
    options: { learningRate: 0.5, averageMomentum: 0.5, earlyStopping: { patience: 2 }, epochs: 6 },
  },
  { name: "a one-cycle schedule", options: { schedule: { name: "one-cycle" } } },
  { name: "a stream", data: { training: () => streamed() } },
];

function* streamed() {
  for (let start = 0; start < 37; start += 8) {
    const examples = Uint32Array.from({ length: Math.min(8, 37 - start) }, (_, index) => start + index);
    const batch = training.read(examples);
    if (batch instanceof Promise) throw new Error("arrays are read at once");
    yield batch;
  }
}

describe("aborted after every step and resumed, a training ends as one that nobody disturbed", () => {
  it.each(cases)("with $name", async ({ model = smallMlp(), data = { training }, options = {} }) => {
    const settings = { ...mse, ...options };
    const whole = await trained(model, data, settings);
    const broken = await inPieces(model, data, { ...settings, checkpoints: { folder: newFolder() } }, 1);
    expect(broken.values).toEqual(whole.values);
    expect(broken.history.map(timeless)).toEqual(whole.history.map(timeless));
    expect(broken.pieces).toBeGreaterThan(whole.step - 1);
    const facts = ({ reason, epoch, step, restoredEpoch }: typeof whole) => ({ reason, epoch, step, restoredEpoch });
    expect(facts(broken)).toEqual(facts(whole));
  });
});

it("the best epoch comes back from its checkpoint, long after", async () => {
  const data = { training, validation };
  const options = { ...mse, learningRate: 0.5, earlyStopping: { patience: 3 }, epochs: 12 };
  const whole = await trained(smallMlp(), data, options);
  expect(whole.restoredEpoch).toBeLessThan(whole.epoch);
  const folder = newFolder();
  await trained(smallMlp(), data, { ...options, checkpoints: { folder, keep: 1 } });
  const again = await trained(smallMlp(), data, { ...options, checkpoints: { folder, keep: 1, resume: true } });
  expect([again.reason, again.step, again.restoredEpoch]).toEqual([whole.reason, whole.step, whole.restoredEpoch]);
  expect(again.values).toEqual(whole.values);
});

/** Trains in as many calls as it takes, each aborted after so many steps. */
async function inPieces(
  model: Model,
  data: TrainingData,
  { checkpoints, ...options }: TrainOptions & Required<Pick<TrainOptions, "checkpoints">>,
  steps: number,
) {
  for (let pieces = 1; pieces < 200; pieces++) {
    const controller = new AbortController();
    const before = stepsIn(checkpoints.folder).at(-1) ?? 0;
    const result = await trained(model, data, {
      ...options,
      checkpoints: { ...checkpoints, everySteps: steps, resume: true },
      signal: controller.signal,
      onEvent: (event) => {
        if (event.event === "checkpoint" && event.step >= before + steps) controller.abort();
      },
    });
    if (result.reason !== "aborted") return { ...result, pieces };
  }
  throw new Error("it does not end");
}

/** Without what only a clock tells. */
function timeless(event: EpochEvent): EpochEvent {
  return { ...event, seconds: 0 };
}

function stepsIn(folder: string): readonly number[] {
  try {
    return readdirSync(folder)
      .flatMap((name) => /^step-(\d+)\.safetensors$/.exec(name)?.[1] ?? [])
      .map(Number)
      .toSorted((a, b) => a - b);
  } catch {
    return [];
  }
}
