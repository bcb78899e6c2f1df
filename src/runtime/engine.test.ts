import type { LossOptions } from "../passes/loss/loss.js";
import { describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, modelOf } from "../graph/builder.js";
import type { Model } from "../graph/model.js";
import { numberTensor } from "../graph/tensor.js";
import { datasetFrom } from "./data/arrays.js";
import type { EpochEvent } from "./events.js";
import type { ScheduleSpecification } from "./schedules/schedule.js";
import {
  batchesOf,
  bitsOf,
  classes,
  dense,
  drawn,
  normalizing,
  numbers,
  numbersOf,
  refusalOf,
  trained,
} from "./testing/small-trainings.js";
import type { TrainOptions } from "./train-options.js";
import type { Values } from "./training-state.js";

const sgd = { optimizer: "sgd", shuffle: false, epochs: 1 } as const;
const mse = { loss: { name: "mse" } } as const;

/** Its loss is the mean of x·w, "loss", of which w has the slope x. @param shape of the loss, of one element */
function slope(shape: readonly number[] = []): Model {
  const builder = graphBuilder("slope");
  const x = builder.input("x", "float32", ["batch", 1]);
  const weight = builder.initializer(float32Tensor("w", [1, 1], [5]));
  const mean = builder.node("ReduceMean", [builder.node("MatMul", [x, weight])], { keepdims: 0 });
  const extents = builder.initializer(numberTensor("shape", "int64", [shape.length], shape));
  builder.node("Reshape", [mean, extents], {}, { outputs: ["loss"] });
  builder.output("loss", "float32", shape);
  return modelOf(builder.graph());
}

const ones = { training: datasetFrom({ x: [[1], [1], [1], [1]] }) };
const ownLoss = { loss: { name: "model", output: "loss" } } as const;

it.each([[[]], [[1]], [[1, 1]]])("a loss of the model's own has one element, whatever its shape: %j", async (shape) => {
  const { result } = await trained(slope(shape), ones, { ...ownLoss, ...sgd, epochs: 1, learningRate: 0.5 });
  expect(numbersOf(result.values, "w")).toEqual([4.5]);
  expect(result.history[0]?.loss).toBe(5);
});

describe("what is frozen does not move by a bit", () => {
  const data = { training: numbers(12), validation: numbers(4, 9) };
  const initialOf = async (model: Model) =>
    bitsOf((await trained(model, data, { ...mse, signal: AbortSignal.abort() })).result.values);

  it.each<[string, TrainOptions]>([
    ["with weight decay", { ...mse, optimizer: "adamw", weightDecay: 0.5 }],
    ["with averages", { ...mse, averageMomentum: 0.9 }],
    ["with accumulation", { ...mse, accumulate: 2, clip: { by: "global-norm", limit: 0.1 } }],
  ])("%s", async (_, options) => {
    const { result } = await trained(normalizing(), data, {
      ...options,
      epochs: 2,
      batchSize: 4,
      freeze: ["w0", "b0"],
    });
    expect([...result.values.keys()].toSorted()).toEqual(["b1", "mean", "scale", "shift", "variance", "w1"]);
    const initial = await initialOf(normalizing());
    for (const [name, bits] of Object.entries(bitsOf(result.values)))
      expect([name, bits]).not.toEqual([name, initial[name]]);
  });

  it("and a parameter that the loss does not reach is said to stay", async () => {
    const two = graphBuilder("two");
    const x = two.input("x", "float32", ["batch", 4]);
    for (const name of ["y", "z"]) {
      const weight = two.initializer(float32Tensor(`${name}.w`, [4, 1], drawn(4)));
      two.node("MatMul", [x, weight], {}, { outputs: [name] });
      two.output(name, "float32", ["batch", 1]);
    }
    const { events, result } = await trained(modelOf(two.graph()), data, { ...mse, epochs: 1 });
    expect(events[0]).toEqual({ event: "warning", message: 'the loss does not reach "z.w": they stay as they are' });
    expect([...result.values.keys()]).toEqual(["y.w"]);
  });

  it("and statistics of batch normalization move or stay as it is asked", async () => {
    const moving = await trained(normalizing(), data, { ...mse, epochs: 1 });
    expect(numbersOf(moving.result.values, "mean").every((value) => value !== 0)).toBe(true);
    expect(numbersOf(moving.result.values, "variance").every((value) => value !== 1 && value > 0)).toBe(true);
    const still = await trained(normalizing(), data, { ...mse, epochs: 1, freezeBatchNorm: true });
    expect([...still.result.values.keys()]).not.toContain("mean");
  });
});

it("running statistics are those of the batches, by hand", async () => {
  const data = numbers(10);
  const { result } = await trained(
    normalizing(),
    { training: data },
    { ...mse, ...sgd, learningRate: 0, batchSize: 4 },
  );
  const initial = (await trained(normalizing(), { training: data }, { ...mse, signal: AbortSignal.abort() })).result
    .values;
  const [weight, bias] = [numbersOf(initial, "w0"), numbersOf(initial, "b0")];
  const [mean, variance] = [Array<number>(6).fill(0), Array<number>(6).fill(1)];
  for (const batch of batchesOf(data, 4, 4, 2)) {
    const x = batch["x"] ?? expect.fail();
    const rows = x.dims[0] ?? 0;
    for (let unit = 0; unit < 6; unit++) {
      const hidden = Array.from({ length: rows }, (_, row) =>
        [0, 1, 2, 3].reduce(
          (sum, input) => sum + Number(x.data[row * 4 + input]) * (weight[input * 6 + unit] ?? NaN),
          bias[unit] ?? NaN,
        ),
      );
      const own = hidden.reduce((sum, value) => sum + value, 0) / rows;
      const spread = hidden.reduce((sum, value) => sum + (value - own) ** 2, 0) / rows;
      // ONNX BatchNormalization, momentum 0.9, the variance over the whole batch.
      mean[unit] = 0.9 * (mean[unit] ?? NaN) + 0.1 * own;
      variance[unit] = 0.9 * (variance[unit] ?? NaN) + 0.1 * spread;
    }
  }
  for (const [name, expected] of [["mean", mean] as const, ["variance", variance] as const]) {
    for (const [unit, value] of numbersOf(result.values, name).entries())
      expect(value).toBeCloseTo(expected[unit] ?? NaN, 6);
  }
});

describe("averages of weights", () => {
  const options = { ...mse, learningRate: 0.3, optimizer: "sgd", batchSize: 8 } as const;
  const data = { training: numbers(8), validation: numbers(5, 9) };
  const model = dense([4, 3, 1]);

  it("are those of hand computation, from the weights after the first step", async () => {
    const weights: Values[] = [];
    for (let epochs = 1; epochs <= 5; epochs++)
      weights.push((await trained(model, data, { ...options, epochs })).result.values);
    const { result } = await trained(model, data, { ...options, epochs: 5, averageMomentum: 0.75 });
    for (const name of result.values.keys()) {
      const steps = weights.map((values) => numbersOf(values, name));
      for (const [index, average] of numbersOf(result.values, name).entries()) {
        const expected = steps.map((values) => values[index] ?? NaN).reduce((a, w) => 0.75 * a + 0.25 * w);
        expect(average).toBeCloseTo(expected, 6);
      }
    }
  });

  it("are what is validated, and leave the training as it is", async () => {
    const plain = await trained(model, data, { ...options, epochs: 4 });
    const averaged = await trained(model, data, { ...options, epochs: 4, averageMomentum: 0.75 });
    const losses = (of: typeof plain) => of.result.history.map(({ loss }) => loss);
    expect(losses(averaged)).toEqual(losses(plain));
    const validated = await trained(model, data, {
      ...options,
      epochs: 1,
      learningRate: 0,
      initial: averaged.result.values,
    });
    const last = averaged.result.history.at(-1);
    expect(last?.validationLoss).toBeCloseTo(validated.result.history[0]?.validationLoss ?? NaN, 6);
    expect(last?.validationLoss).not.toBeCloseTo(plain.result.history.at(-1)?.validationLoss ?? NaN, 6);
  });
});

describe("the learning rate", () => {
  const of = async (schedule: ScheduleSpecification, epochs: number, more: Partial<TrainOptions> = {}) => {
    const options = {
      ...ownLoss,
      optimizer: "sgd",
      learningRate: 0.5,
      batchSize: 2,
      epochs,
      schedule,
      ...more,
    } as const;
    const { events, result } = await trained(slope(), ones, options);
    return {
      rates: events.flatMap((event) => (event.event === "epoch" ? [event.learningRate] : [])),
      weight: numbersOf(result.values, "w")[0] ?? NaN,
      events,
    };
  };
  const sum = (rates: readonly number[]) => rates.reduce((total, rate) => total + rate, 0);

  // Two steps in each epoch, each of which takes the rate from w, which starts at 5.
  it.each<[string, ScheduleSpecification, (step: number) => number]>([
    ["constant", { name: "constant" }, () => 0.5],
    ["cosine", { name: "cosine" }, (step) => 0.25 * (1 + Math.cos((Math.PI * step) / 8))],
    ["linear", { name: "linear", final: 0.1 }, (step) => 0.5 * (1 - (0.9 * step) / 8)],
    ["step", { name: "step", epochs: 2, factor: 0.1 }, (step) => (step < 4 ? 0.5 : 0.05)],
    ["exponential", { name: "exponential", factor: 0.25 }, (step) => 0.5 * 0.25 ** (step / 2)],
    [
      "warm-up",
      { name: "constant", warmupEpochs: 2, warmupFrom: 0.2 },
      (step) => 0.5 * Math.min(0.2 + (0.8 * step) / 4, 1),
    ],
  ])("of %s is told, and taken", async (_, schedule, rateAt) => {
    const { rates, weight } = await of(schedule, 4);
    for (const [epoch, rate] of rates.entries()) expect(rate).toBeCloseTo(rateAt(2 * epoch + 1), 12);
    expect(weight).toBeCloseTo(5 - sum(Array.from({ length: 8 }, (__, step) => rateAt(step))), 5);
  });

  it("falls where the loss no longer does, and says so", async () => {
    // The loss falls by the rate at each step, which becomes less than minDelta.
    const schedule = { name: "plateau", patience: 2, factor: 0.1, minDelta: 2 } as const;
    const { rates, events } = await of(schedule, 8);
    const lowered = events.flatMap((event) => (event.event === "learning-rate" ? [event] : []));
    expect(lowered.length).toBeGreaterThan(0);
    for (const { epoch, step, learningRate } of lowered) {
      expect(step).toBe(2 * epoch);
      if (epoch < 8) expect(rates[epoch]).toBe(learningRate);
      expect(learningRate / (rates[epoch - 1] ?? NaN)).toBeCloseTo(0.1, 12);
    }
  });

  it("of 0 moves nothing", async () => {
    expect((await of({ name: "constant" }, 2, { learningRate: 0 })).weight).toBe(5);
  });

  it("has the scale of each parameter for a factor", async () => {
    const model = dense([4, 6, 2, 1]);
    const move = async (more: Partial<TrainOptions>) => {
      const { result } = await trained(model, { training: numbers(8) }, { ...mse, ...sgd, learningRate: 1, ...more });
      return result;
    };
    const [none, plain, scaled] = [
      await move({ learningRate: 0 }),
      await move({}),
      await move({ strategy: "multiplicative" }),
    ];
    for (const { name, scale } of scaled.table.parameters) {
      const [start, one, other] = [none, plain, scaled].map(({ values }) => numbersOf(values, name));
      for (const [index, value] of (other ?? []).entries()) {
        const step = (one?.[index] ?? NaN) - (start?.[index] ?? NaN);
        expect(value).toBeCloseTo((start?.[index] ?? NaN) + scale * step, 5);
      }
    }
    expect(new Set(scaled.table.parameters.map(({ scale }) => scale)).size).toBeGreaterThan(1);
  });
});

describe("a loss that is the model's own", () => {
  it("needs no targets, and has no metrics", async () => {
    const { result } = await trained(
      slope(),
      { ...ones, validation: ones.training },
      { ...ownLoss, ...sgd, learningRate: 1 },
    );
    expect(result.history[0]).toMatchObject({ loss: 5, validationLoss: 4, metrics: {} });
    expect(numbersOf(result.values, "w")).toEqual([4]);
  });
});

describe("weights of classes", () => {
  const model = dense([4, 3]);
  const loss = { name: "softmax-cross-entropy" } as const;
  const data = { training: classes(9), validation: classes(9) };
  const epochOf = async (more: object, batchSize = 9): Promise<EpochEvent> => {
    const { result } = await trained(model, data, { ...sgd, learningRate: 0, batchSize, loss: { ...loss, ...more } });
    return result.history[0] ?? expect.fail();
  };

  it("make a mean whose batches make no difference", async () => {
    const classWeights = [0.5, 2, 7];
    const whole = await epochOf({ classWeights });
    expect(whole.loss).not.toBeCloseTo((await epochOf({})).loss, 3);
    for (const batchSize of [1, 2, 4]) {
      const { loss: mean, validationLoss } = await epochOf({ classWeights }, batchSize);
      expect(mean).toBeCloseTo(whole.loss, 6);
      expect(validationLoss).toBeCloseTo(whole.loss, 6);
    }
  });

  it("of 0 are as if the class were not there", async () => {
    const without = await epochOf({ classWeights: [0, 1, 1] });
    expect(without.loss).toBeCloseTo((await epochOf({ ignoreIndex: 0 })).loss, 6);
    expect((await epochOf({ classWeights: [0, 1, 1] }, 1)).loss).toBeCloseTo(without.loss, 6);
  });

  it("must be as many as there are classes", async () => {
    expect(await refusalOf(epochOf({ classWeights: [1, 2] }))).toMatch(
      /^--class-weights: names 2 weights, but .* has 3 classes/,
    );
  });

  it("and classes that there are not are refused", async () => {
    const [batch] = batchesOf(classes(4), 4);
    const of = async (named: bigint, more: LossOptions = {}) => {
      const target = { type: "int64", data: BigInt64Array.of(0n, 1n, named, 0n), dims: [4] } as const;
      const run = trained(model, { training: () => [{ ...batch, target }] }, { loss: { ...loss, ...more }, epochs: 1 });
      return more.ignoreIndex === undefined ? refusalOf(run) : void (await run);
    };
    const remedy = "name targets that do not count with --ignore-index";
    expect(await of(3n)).toBe(`target "target": holds 3, and the model's classes are 0 to 2; ${remedy}`);
    expect(await of(-1n)).toBe(`target "target": holds -1, and the model's classes are 0 to 2; ${remedy}`);
    expect(await of(-1n, { reduction: "sum" })).toMatch(/^target "target": holds -1, /);
    expect(await of(7n, { classWeights: [1, 2, 3] })).toMatch(/^target "target": holds 7, /);
    expect(await of(-1n, { ignoreIndex: -1 })).toBeUndefined();
  });
});

describe("where training starts", () => {
  const data = { training: numbers(8) };
  const float32 = (values: readonly number[], dims: readonly number[]) =>
    ({ type: "float32", data: Float32Array.from(values), dims }) as const;

  it("may be given, for some parameters", async () => {
    const initial = new Map([["w", float32([7], [1, 1])]]);
    const { result } = await trained(slope(), ones, { ...ownLoss, ...sgd, learningRate: 1, initial });
    expect(numbersOf(result.values, "w")).toEqual([6]);
  });

  it("must have the shapes of the model", async () => {
    const initial = new Map([["w0", float32(drawn(24), [6, 4])]]);
    expect(await refusalOf(trained(dense([4, 6, 1]), data, { ...mse, initial }))).toBe(
      'parameter "w0": holds float32 of the shape [6, 4], and float32 [4, 6] is needed',
    );
  });
});
