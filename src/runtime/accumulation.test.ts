import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../graph/testing/files.js";
import type { LossSpecification } from "../passes/training/losses.js";
import { datasetFrom } from "./data/arrays.js";
import type { Batch } from "./data/dataset.js";
import { batchesOf, classes, dense, greatestDifference, numbers, trained } from "./testing/small-trainings.js";
import type { TrainOptions } from "./train-options.js";

const regressor = dense([4, 6, 1]);
const classifier = dense([4, 6, 3]);

/** Trains on batches of these sizes, so many of them for an update. */
async function weights(loss: LossSpecification, sizes: readonly number[], accumulate: number, more: object = {}) {
  const [model, data] = loss.name === "mse" ? [regressor, numbers(16)] : [classifier, ignoring()];
  const options: TrainOptions = { loss, accumulate, optimizer: "sgd", learningRate: 0.3, epochs: 4, ...more };
  const { result } = await trained(model, { training: () => batchesOf(data, ...sizes) }, options);
  return result;
}

/** Classes of which every fifth does not count. */
function ignoring() {
  const all = classes(16);
  return {
    ...all,
    count: all.count,
    fields: all.fields,
    describe: (example: number) => all.describe(example),
    read: (examples: Uint32Array): Batch => {
      const batch = all.read(examples);
      if (batch instanceof Promise) throw new Error("these data are in memory");
      const target = batch["target"];
      if (target?.type !== "int64") throw new Error("classes are numbered");
      const data = target.data.map((named, index) => ((examples[index] ?? 0) % 5 === 0 ? -100n : named));
      return { ...batch, target: { ...target, data } };
    },
  };
}

describe("batches added up are one that is as large", () => {
  const losses: readonly [string, LossSpecification][] = [
    ["mean", { name: "mse" }],
    ["sum", { name: "mse", reduction: "sum" }],
    ["mean over the classes that count", { name: "softmax-cross-entropy" }],
    ["sum over the classes that count", { name: "softmax-cross-entropy", reduction: "sum" }],
    ["mean with weights of classes", { name: "softmax-cross-entropy", classWeights: [0.2, 3, 1] }],
    ["mean of smoothed labels", { name: "softmax-cross-entropy", classWeights: [0.2, 3, 1], labelSmoothing: 0.1 }],
  ];
  it.each(losses)("%s", async (_, loss) => {
    const learningRate = loss.name !== "model" && loss.reduction === "sum" ? 0.02 : 0.3;
    const whole = await weights(loss, [8, 8], 1, { learningRate });
    const parts = await weights(loss, [2, 2, 2, 2, 2, 2, 2, 2], 4, { learningRate });
    expect(parts.step).toBe(whole.step);
    expect(greatestDifference(parts.values, whole.values)).toBeLessThan(1e-6);
    for (const [epoch, { loss: mean }] of parts.history.entries()) {
      expect(mean / (whole.history[epoch]?.loss ?? NaN)).toBeCloseTo(1, 6);
    }
    const uneven = await weights(loss, [1, 4, 3, 6, 2], 3, { learningRate });
    expect(greatestDifference(uneven.values, whole.values)).toBeLessThan(1e-6);
  });

  it.each(losses)("%s, also where the last ones are fewer", async (_, loss) => {
    const learningRate = loss.name !== "model" && loss.reduction === "sum" ? 0.02 : 0.3;
    const whole = await weights(loss, [9, 7], 1, { learningRate });
    const parts = await weights(loss, [3, 3, 3, 3, 4], 3, { learningRate });
    expect(parts.step).toBe(whole.step);
    expect(greatestDifference(parts.values, whole.values)).toBeLessThan(1e-6);
  });

  it("for every optimizer, with what they clip", async () => {
    for (const more of [
      { optimizer: "caadam", learningRate: 0.01, amsgrad: true, weightDecay: 0.1 },
      { optimizer: "sgd", momentum: 0.9, nesterov: true, clip: { by: "norm", limit: 0.1 } },
      { optimizer: "sgd", clip: { by: "global-norm", limit: 0.1 } },
    ]) {
      const whole = await weights({ name: "mse" }, [8, 8], 1, more);
      const parts = await weights({ name: "mse" }, [4, 4, 4, 4], 2, more);
      expect(greatestDifference(parts.values, whole.values)).toBeLessThan(1e-5);
    }
  });

  it("and those in which nothing counts are left out", async () => {
    const loss = { name: "softmax-cross-entropy", ignoreIndex: 0 } as const;
    const { result } = await trained(
      classifier,
      { training: () => batchesOf(classes(6), 1, 1, 1, 1, 1, 1) },
      { loss, epochs: 1 },
    );
    const named = batchesOf(classes(6), 6)[0]?.["target"]?.data ?? [];
    expect(result.step).toBe([...named].filter((name) => name !== 0n).length);
    expect(result.step).toBeLessThan(6);
  });

  it("and an epoch of those alone is an error, before anything of it is saved", async () => {
    const loss = { name: "softmax-cross-entropy", ignoreIndex: 0 } as const;
    const data = datasetFrom({ x: [[1, 2, 3, 4]], target: { data: BigInt64Array.of(0n) } });
    const checkpoints = { folder: temporaryFolder(), everySteps: 1 };
    await expect(trained(classifier, { training: data }, { loss, epochs: 2, checkpoints })).rejects.toThrow(
      /^the training data: have no example that counts in epoch 1; look at the target, the ignored class/,
    );
    expect(readdirSync(checkpoints.folder)).toEqual([]);
  });

  it("of one batch each is no accumulation", async () => {
    const one = await weights({ name: "mse" }, [8, 8], 1);
    const last = await weights({ name: "mse" }, [8, 8], 7);
    expect([one.step, last.step]).toEqual([8, 4]);
  });
});

it("is refused for numbers of batches that are none", async () => {
  for (const accumulate of [0, 1.5, -1]) {
    await expect(weights({ name: "mse" }, [8], accumulate)).rejects.toThrow(
      `--accumulate ${accumulate}: is out of range`,
    );
  }
});
