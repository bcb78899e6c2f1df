import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Model } from "../graph/model.js";
import { type MlpOptions, newMlp } from "../passes/new-model/mlp.js";
import type { TrainingData, TrainOptions } from "./train-options.js";
import { batchesOf, bitsOf, numbers, timeless, trained } from "./testing/small-trainings.js";

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

const validation = numbers(7, 9);
/** 5 batches of 8, the last one smaller. */
const training = numbers(37);
const mse: TrainOptions = { loss: { name: "mse" }, epochs: 3, batchSize: 8, learningRate: 0.01, seed: 5 };

/** 4 features, 6 hidden units, an output, tanh between. */
function mlp(options: Partial<MlpOptions> = {}): Model {
  return newMlp({ sizes: [4, 6, 1], activation: "tanh", ...options });
}

const cases: readonly Case[] = [
  { name: "caadam" },
  { name: "accumulation with a partial last group", options: { accumulate: 2 } },
  { name: "averaged weights", options: { averageMomentum: 0.7 } },
  {
    name: "sgd with momentum, and clipping",
    options: { optimizer: "sgd", momentum: 0.9, clip: { by: "norm", limit: 1 } },
  },
  { name: "AMSGrad with weight decay", options: { optimizer: "adamw", amsgrad: true } },
  { name: "dropout", model: mlp({ dropout: 0.4 }) },
  { name: "dropout with accumulation", model: mlp({ dropout: 0.4 }), options: { accumulate: 3 } },
  { name: "batch normalization", model: mlp({ batchNorm: true }), data: { training, validation } },
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
    model: mlp({ batchNorm: true }),
    data: { training, validation },
    options: { learningRate: 0.5, averageMomentum: 0.5, earlyStopping: { patience: 2 }, epochs: 6 },
  },
  { name: "a one-cycle schedule", options: { schedule: { name: "one-cycle" } } },
  { name: "a stream", data: { training: () => batchesOf(training, 8, 8, 8, 8, 5) } },
];

describe("aborted after every step and resumed, a training ends as one that nobody disturbed", () => {
  it.each(cases)("with $name", async ({ model = mlp(), data = { training }, options = {} }) => {
    const settings = { ...mse, ...options };
    const { result: whole } = await trained(model, data, settings);
    const { result, pieces } = await inPieces(model, data, { ...settings, checkpoints: { folder: newFolder() } }, 1);
    expect(bitsOf(result.values)).toEqual(bitsOf(whole.values));
    expect(timeless(result.history)).toEqual(timeless(whole.history));
    expect(pieces).toBeGreaterThan(whole.step - 1);
    const facts = ({ reason, epoch, step, restoredEpoch }: typeof whole) => ({ reason, epoch, step, restoredEpoch });
    expect(facts(result)).toEqual(facts(whole));
  });
});

it("the best epoch comes back from its checkpoint, long after", async () => {
  const data = { training, validation };
  const options = { ...mse, learningRate: 0.5, earlyStopping: { patience: 3 }, epochs: 12 };
  const { result: whole } = await trained(mlp(), data, options);
  expect(whole.restoredEpoch).toBeLessThan(whole.epoch);
  const folder = newFolder();
  await trained(mlp(), data, { ...options, checkpoints: { folder, keep: 1 } });
  const checkpoints = { folder, keep: 1, resume: true };
  const { result: again } = await trained(mlp(), data, { ...options, checkpoints });
  expect([again.reason, again.step, again.restoredEpoch]).toEqual([whole.reason, whole.step, whole.restoredEpoch]);
  expect(bitsOf(again.values)).toEqual(bitsOf(whole.values));
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
    const { result } = await trained(model, data, {
      ...options,
      checkpoints: { ...checkpoints, everySteps: steps, resume: true },
      signal: controller.signal,
      onEvent: (event) => {
        if (event.event === "checkpoint" && event.step >= before + steps) controller.abort();
      },
    });
    if (result.reason !== "aborted") return { result, pieces };
  }
  throw new Error("it does not end");
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
