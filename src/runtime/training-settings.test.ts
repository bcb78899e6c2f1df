import { describe, expect, it } from "vitest";
import { classes, dense, numbers, ofFour, refusalOf, trained } from "./testing/small-trainings.js";
import type { TrainingData, TrainOptions } from "./train-options.js";

const model = dense([4, 6, 1]);
const mse = { loss: { name: "mse" } } as const;
const both = { training: numbers(10), validation: numbers(5) };

const refused = (options: Partial<TrainOptions>, data: TrainingData = both, of = model) =>
  refusalOf(trained(of, data, { ...mse, ...options }));

describe("options are refused", () => {
  it.each<[Partial<TrainOptions>, RegExp]>([
    [{ epochs: 0 }, /^--epochs 0: is out of range: it takes a whole number from 1$/],
    [{ epochs: 1.5 }, /^--epochs 1\.5: /],
    [{ batchSize: 0 }, /^--batch-size 0: is out of range/],
    [{ batchSize: 11 }, /^--batch-size 11: is more than the 10 examples for training; take 10 or less$/],
    [{ seed: -1 }, /^--seed -1: is out of range/],
    [{ seed: 2 ** 53 }, /^--seed 9007199254740992: is out of range/],
    [{ learningRate: -1 }, /^--learning-rate -1: is out of range/],
    [{ learningRate: NaN }, /^--learning-rate NaN: is out of range/],
    [{ metrics: ["acuracy"] }, /^--metrics acuracy: is none of /],
    [{ metrics: ["accuracy"] }, /^--metrics accuracy: does not fit the loss mse/],
    [{ earlyStopping: { monitor: "rmse" } }, /^monitor rmse: is not measured; what can be monitored is loss, mae, r2$/],
    [{ earlyStopping: { patience: -1 } }, /^early stopping with a patience of -1: is not possible/],
    [{ earlyStopping: { minDelta: NaN } }, /^early stopping with a least improvement of NaN/],
    [{ schedule: { name: "plateau", monitor: "auc" } }, /^monitor auc: is not measured/],
    [{ schedule: { name: "step" } }, /^--schedule/],
    [{ schedule: { name: "cosine", patience: 3 } }, /^--schedule cosine: has no option "patience"/],
    [{ freeze: ["w*", "b*"] }, /./],
  ])("%j", async (options, message) => {
    expect(await refused(options)).toMatch(message);
  });

  it("that monitor what only a validation measures", async () => {
    expect(await refused({ earlyStopping: { monitor: "r2" } }, { training: numbers(3) })).toMatch(
      /what can be monitored is loss$/,
    );
  });

  it("that need to know how long a stream is", async () => {
    const training = () => [];
    expect(await refused({ schedule: { name: "cosine" } }, { training })).toMatch(/needs the length of the training/);
    expect(await refused({ schedule: { name: "step", epochs: 2 } }, { training })).toMatch(/cannot be counted/);
  });
});

it("metrics without a validation are warned of", async () => {
  const { events } = await trained(model, { training: numbers(3) }, { ...mse, epochs: 1, metrics: ["mae"] });
  expect(events[0]).toEqual({
    event: "warning",
    message: "metrics are measured on validation examples, and there are none",
  });
});

it("who looks at the training loss for want of a validation is warned of", async () => {
  const messages = async (options: Partial<TrainOptions>, validation = {}) => {
    const data = { training: numbers(3), ...validation };
    const { events } = await trained(model, data, { ...mse, epochs: 1, ...options });
    return events.flatMap((event) => (event.event === "warning" ? [event.message] : []));
  };
  const watchers = { earlyStopping: { patience: 1 }, schedule: { name: "plateau" } } as const;
  const what = "at the training loss, as there are no validation examples";
  expect(await messages(watchers)).toEqual([`early stopping and the schedule look ${what}`]);
  expect(await messages({ earlyStopping: watchers.earlyStopping })).toEqual([`early stopping looks ${what}`]);
  expect(await messages(watchers, { validation: numbers(3) })).toEqual([]);
});

describe("a better metric", () => {
  it("is a higher or a lower one, as the metric has it", async () => {
    const data = { training: classes(30), validation: classes(20, 9) };
    const loss = { name: "softmax-cross-entropy" } as const;
    const common = { loss, epochs: 6, learningRate: 0.05, batchSize: 10 };
    const best = async (monitor: string) => {
      const { result } = await trained(dense([4, 3]), data, {
        ...common,
        metrics: ["accuracy", "f1"],
        earlyStopping: { monitor },
      });
      return { result, values: result.history.map(({ metrics }) => metrics[monitor] ?? NaN) };
    };
    for (const monitor of ["accuracy", "f1"]) {
      const { result, values } = await best(monitor);
      expect(values[0]).toBeLessThan(Math.max(...values));
      expect(result.restoredEpoch ?? result.epoch).toBe(values.indexOf(Math.max(...values)) + 1);
    }
    const errors = await trained(model, both, { ...mse, epochs: 5, earlyStopping: { monitor: "mae" } });
    const maes = errors.result.history.map(({ metrics }) => metrics["mae"] ?? NaN);
    expect(errors.result.restoredEpoch ?? 5).toBe(maes.indexOf(Math.min(...maes)) + 1);
  });
});

describe("a model that takes batches of one size alone", () => {
  const fixed = ofFour();

  it("gets them, and what is left over is told and left out", async () => {
    const { events, result } = await trained(
      fixed,
      { training: numbers(11), validation: numbers(9) },
      { ...mse, epochs: 2 },
    );
    expect(events.slice(0, 4).flatMap((event) => (event.event === "warning" ? [event.message] : []))).toEqual(
      expect.arrayContaining([
        "the last 3 examples of each epoch fill no batch of 4 and are left out",
        "the last 1 examples of the validation fill no batch of 4 and are left out",
      ]),
    );
    expect(events.find(({ event }) => event === "start")).toMatchObject({ stepsPerEpoch: 2 });
    expect(result.step).toBe(4);
  });

  it("refuses others", async () => {
    expect(await refused({ batchSize: 2 }, both, fixed)).toMatch(
      /^--batch-size 2: does not fit a model that takes batches of 4 alone; leave --batch-size out/,
    );
    expect((await trained(fixed, both, { ...mse, epochs: 1, batchSize: 4, accumulate: 2 })).result.step).toBe(1);
  });

  it("refuses data that do not fill one", async () => {
    expect(await refused({}, { training: numbers(3) }, fixed)).toMatch(
      /^the training data: fill no batch of 4, which the model takes alone; give more/,
    );
    expect(await refused({}, { training: numbers(4), validation: numbers(3) }, fixed)).toMatch(
      /^the validation data: fill no batch of 4/,
    );
  });
});
