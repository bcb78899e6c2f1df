import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { encodeModel } from "../graph/encode-model.js";
import { readModel } from "../graph/read-model.js";
import type { Batch, Dataset } from "./data/dataset.js";
import type { HostTensor } from "./host-tensor.js";
import type { EpochEvent, TrainingEvent } from "./events.js";
import {
  batchesOf,
  bitsOf,
  classes,
  dense,
  normalizing,
  numbers,
  refusalOf,
  timeless,
  trained,
} from "./testing/small-trainings.js";
import { train } from "./train.js";
import type { TrainOptions } from "./train-options.js";

const model = dense([4, 6, 1]);
const mse = { loss: { name: "mse" } } as const;
const data = { training: numbers(22), validation: numbers(7, 8) };

/** A dataset that keeps a record of what is read of it. */
function watched(dataset: Dataset): { readonly dataset: Dataset; readonly read: number[][] } {
  const read: number[][] = [];
  return {
    read,
    dataset: {
      ...dataset,
      count: dataset.count,
      fields: dataset.fields,
      describe: (example) => dataset.describe(example),
      read: (examples) => {
        read.push([...examples]);
        return dataset.read(examples);
      },
    },
  };
}

it.each([
  [{ batch_size: 4 }, /^option "batch_size": is none of training; is "batchSize" meant\?$/],
  [{ epoch: 1 }, /^option "epoch": is none of training; is "epochs" meant\?$/],
  [{ withLargerSteps: true }, /^option "withLargerSteps": is none of training$/],
])("refuses %j, which would do nothing", (more, message) => {
  const options: TrainOptions = { ...mse, ...more };
  expect(() => train(model, data, options)).toThrow(message);
});

describe("the same seed", () => {
  const all = { ...mse, epochs: 3, batchSize: 5, averageMomentum: 0.9, seed: 7 } as const;

  it("gives the same bits and events, with dropout and batch normalization", async () => {
    const [one, other] = [await trained(normalizing(), data, all), await trained(normalizing(), data, all)];
    expect(bitsOf(one.result.values)).toEqual(bitsOf(other.result.values));
    expect(timeless(one.events)).toEqual(timeless(other.events));
    expect(timeless(one.result.history)).toEqual(timeless(one.events.filter(({ event }) => event === "epoch")));
  });

  it("gives the same bits in another process", async () => {
    const { result } = await trained(readModel(encodeModel(normalizing())), data, all);
    const script = `
      import { readModel } from ${JSON.stringify(resolve("dist/src/graph/read-model.js"))};
      import { datasetFrom } from ${JSON.stringify(resolve("dist/src/runtime/data/arrays.js"))};
      import { train } from ${JSON.stringify(resolve("dist/src/runtime/train.js"))};
      let input = "";
      for await (const chunk of process.stdin) input += chunk;
      const { model, data, options } = JSON.parse(input);
      const [training, validation] = data.map((arrays) => datasetFrom(arrays));
      const run = train(readModel(Buffer.from(model, "base64")), { training, validation }, options);
      const { values } = await run.result();
      console.log(JSON.stringify(Object.fromEntries([...values].map(([name, { data }]) => [name, [...data]]))));
    `;
    const listed = [data.training, data.validation].map((set) => {
      const [batch = {}] = batchesOf(set, set.count);
      return Object.fromEntries(
        Object.entries(batch).map(([name, { data: elements, dims }]) => {
          const width = dims[1] ?? 1;
          const flat = Array.from(elements, Number);
          return [name, Array.from({ length: dims[0] ?? 0 }, (_, row) => flat.slice(row * width, (row + 1) * width))];
        }),
      );
    });
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
      input: JSON.stringify({
        model: Buffer.from(encodeModel(normalizing())).toString("base64"),
        data: listed,
        options: { ...all, threads: 1 },
      }),
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    const expected = [...result.values].map(([name, tensor]) => [name, Array.from(tensor.data, Number)]);
    expect(JSON.parse(stdout)).toEqual(Object.fromEntries(expected));
  });

  it("and another one does not", async () => {
    const one = await trained(model, data, { ...mse, epochs: 1, batchSize: 5, seed: 1 });
    const other = await trained(model, data, { ...mse, epochs: 1, batchSize: 5, seed: 2 });
    expect(bitsOf(one.result.values)).not.toEqual(bitsOf(other.result.values));
  });

  it("of dropout alone matters where examples come in order", async () => {
    const inOrder = { ...mse, epochs: 1, batchSize: 5, shuffle: false };
    const bits = async (more: object) =>
      bitsOf((await trained(normalizing(), data, { ...inOrder, ...more })).result.values);
    expect(await bits({ seed: 1 })).not.toEqual(await bits({ seed: 2 }));
    expect(await bits({ seed: 1, noDropout: true })).toEqual(await bits({ seed: 2, noDropout: true }));
  });
});

describe("examples come", () => {
  it("in another order in each epoch, each once", async () => {
    const { dataset, read } = watched(numbers(7));
    await trained(model, { training: dataset }, { ...mse, epochs: 2, batchSize: 3 });
    expect(read.map(({ length }) => length)).toEqual([3, 3, 1, 3, 3, 1]);
    const epochs = [read.slice(0, 3).flat(), read.slice(3).flat()];
    expect(epochs[0]).not.toEqual(epochs[1]);
    for (const epoch of epochs) expect(epoch.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it("in their own order without shuffling", async () => {
    const { dataset, read } = watched(numbers(5));
    await trained(model, { training: dataset }, { ...mse, epochs: 2, batchSize: 2, shuffle: false });
    expect(read).toEqual([[0, 1], [2, 3], [4], [0, 1], [2, 3], [4]]);
  });

  it("32 at a time where nothing is said, or all that there are", async () => {
    const { dataset, read } = watched(numbers(40));
    await trained(model, { training: dataset }, { ...mse, epochs: 1 });
    expect(read.map(({ length }) => length)).toEqual([32, 8]);
    const { events } = await trained(model, { training: numbers(6) }, { ...mse, epochs: 1 });
    expect(events[0]).toMatchObject({ event: "start", stepsPerEpoch: 1, examples: 6 });
  });
});

describe("the last batch", () => {
  it("counts in the loss by its examples", async () => {
    const still = { ...mse, learningRate: 0, optimizer: "sgd", epochs: 1 } as const;
    const lossOf = async (batchSize: number, more: object = {}) => {
      const { result } = await trained(
        model,
        { training: numbers(7), validation: numbers(7) },
        { ...still, batchSize, ...more },
      );
      return result.history[0];
    };
    const whole = await lossOf(7);
    for (const batchSize of [1, 2, 3, 6]) {
      const { loss, validationLoss } = (await lossOf(batchSize)) ?? {};
      expect(loss).toBeCloseTo(whole?.loss ?? NaN, 6);
      expect(validationLoss).toBeCloseTo(whole?.loss ?? NaN, 6);
    }
    const summed = await lossOf(3, { loss: { name: "mse", reduction: "sum" } });
    expect(summed?.loss).toBeCloseTo(whole?.loss ?? NaN, 6);
    expect(summed?.validationLoss).toBeCloseTo(whole?.loss ?? NaN, 6);
  });

  it("moves the weights as its own mean does", async () => {
    const sgd = { ...mse, optimizer: "sgd", epochs: 1, shuffle: false } as const;
    const { result } = await trained(model, { training: numbers(5) }, { ...sgd, batchSize: 4 });
    const byHand = await trained(model, { training: () => batchesOf(numbers(5), 4, 1) }, sgd);
    expect(bitsOf(result.values)).toEqual(bitsOf(byHand.result.values));
  });
});

describe("streams", () => {
  const batches = batchesOf(numbers(8), 3, 1, 4);
  const options = { ...mse, epochs: 2 };

  async function* later(): AsyncGenerator<Batch> {
    for (const batch of batches) {
      await new Promise((done) => setImmediate(done));
      yield batch;
    }
  }

  it("may be lists, generators and what is still being waited for", async () => {
    const bits = async (stream: () => Iterable<Batch> | AsyncIterable<Batch>) =>
      bitsOf((await trained(model, { training: stream }, options)).result.values);
    const expected = await bits(() => batches);
    expect(await bits(() => new Set(batches).values())).toEqual(expected);
    expect(await bits(later)).toEqual(expected);
  });

  it("may fill one batch again and again, or put other arrays into it", async () => {
    const bits = async (stream: () => Iterable<Batch>) =>
      bitsOf((await trained(model, { training: stream }, options)).result.values);
    const whole = batchesOf(numbers(8), 4, 4);
    const expected = await bits(() => whole);
    const empty = () =>
      Object.fromEntries(
        Object.entries(whole[0] ?? {}).map(([name, { dims }]) => {
          const length = dims.reduce((product, extent) => product * extent, 1);
          return [name, { type: "float32" as const, data: new Float32Array(length), dims }];
        }),
      );
    const filled = empty();
    const fill = (name: string, { data: values }: HostTensor) => filled[name]?.data.set(values as Float32Array);
    const changed = empty();
    const change = (name: string, tensor: HostTensor) => Object.assign(changed[name] ?? {}, tensor);
    for (const [batch, put] of [[filled, fill] as const, [changed, change] as const]) {
      const again = function* () {
        for (const one of whole) {
          for (const [name, tensor] of Object.entries(one)) put(name, tensor);
          yield batch;
        }
      };
      expect(await bits(again)).toEqual(expected);
    }
  });

  it("tell nothing of their length", async () => {
    const { events, result } = await trained(model, { training: () => batches }, options);
    expect(events[0]).toMatchObject({ event: "start", examples: null, stepsPerEpoch: null, epochs: 2 });
    expect(result.history.map(({ step }) => step)).toEqual([3, 6]);
  });

  it("are counted by their targets, whatever comes first in a batch", async () => {
    const still = { ...mse, learningRate: 0, optimizer: "sgd", epochs: 1 } as const;
    const { result } = await trained(model, { training: () => batches }, still);
    const whole = await trained(model, { training: numbers(8) }, still);
    expect(result.history[0]?.loss).toBeCloseTo(whole.result.history[0]?.loss ?? NaN, 6);
  });

  it("are left where training is", async () => {
    let isLeft = false;
    function* endless(): Generator<Batch> {
      try {
        for (;;) for (const batch of batches) yield batch;
      } finally {
        isLeft = true;
      }
    }
    const controller = new AbortController();
    let seen = 0;
    const training = () => {
      const each = endless();
      return { [Symbol.iterator]: () => each, seen: seen++ };
    };
    const run = train(model, { training }, { ...options, threads: 1, signal: controller.signal });
    setTimeout(() => controller.abort(), 30);
    const { reason } = await run.result();
    expect([reason, isLeft, seen]).toEqual(["aborted", true, 1]);
  });

  it.each<[string, () => Iterable<Batch> | AsyncIterable<Batch>, RegExp]>([
    ["without batches", () => [], /^the training data: have no batches in epoch 1$/],
    [
      "that end for ever",
      (() => {
        const once = batches.values();
        return () => once;
      })(),
      /^the training data: have no batches in epoch 2; a stream is asked/,
    ],
    ["with an empty batch", () => batchesOf(numbers(2), 2, 0), /^batch 2 of the training data: has no examples$/],
    ["without an input", () => [{ x: batches[0]?.["x"] ?? expect.fail() }], /^target "target": is missing/],
    [
      "with another shape",
      () => [{ ...batches[0], x: { type: "float32", data: new Float32Array(9), dims: [3, 3] } }],
      /^feature "x": has the shape \[3, 3\], and should have \[batch, 4\]$/,
    ],
    [
      "with a shape that its values do not make",
      () => [{ ...batches[0], x: { type: "float32", data: new Float32Array(9), dims: [3, 4] } }],
      /^"x": has 9 values, which do not make \[3, 4\]$/,
    ],
    [
      "with another type",
      () => [{ ...batches[0], x: { type: "float64", data: new Float64Array(12), dims: [3, 4] } }],
      /^feature "x": holds float64, and should hold float32$/,
    ],
    [
      "with more examples than targets",
      () => [{ ...batches[0], target: batches[1]?.["target"] ?? expect.fail() }],
      /^target "target": has the shape \[1, 1\], and should have \[batch, 1\], where "batch" is 3 in "x"$/,
    ],
    [
      "with something that the model does not know",
      () => [{ ...batches[0], z: { type: "float32", data: new Float32Array(3), dims: [3] } }],
      /^"z": is no input of the model; those are x, target$/,
    ],
  ])("%s are refused", async (_, training, message) => {
    expect(await refusalOf(train(model, { training }, { ...options, threads: 1 }).result())).toMatch(message);
  });

  it("that throw end the training with what they throw", async () => {
    const failure = new Error("the network is gone");
    function* failing(): Generator<Batch> {
      yield* batches;
      throw failure;
    }
    const run = train(model, { training: failing }, { ...options, threads: 1 });
    await expect(run.result()).rejects.toBe(failure);
    await expect(run.result()).rejects.toBe(failure);
  });
});

describe("events", () => {
  const options = { ...mse, epochs: 2, batchSize: 11, metrics: ["mae"], gradientNorms: true } as const;

  it("come in order and say what they should", async () => {
    const { events, result } = await trained(model, data, options);
    expect(events.filter(({ event }) => event !== "progress").map(({ event }) => event)).toEqual([
      "start",
      "epoch",
      "gradient-norms",
      "epoch",
      "gradient-norms",
      "end",
    ]);
    expect(events[0]).toEqual({
      event: "start",
      examples: 22,
      validationExamples: 7,
      epochs: 2,
      stepsPerEpoch: 2,
      elements: 4 * 6 + 6 + 6 + 1,
      step: 0,
      epoch: 0,
    });
    const [first, second] = events.filter((event): event is EpochEvent => event.event === "epoch");
    expect(first).toMatchObject({ epoch: 1, step: 2, learningRate: 0.001, isBest: true });
    expect(Object.keys(first?.metrics ?? {})).toEqual(["mae"]);
    expect(second).toMatchObject({ epoch: 2, step: 4 });
    expect(second?.validationLoss).toBeLessThan(first?.validationLoss ?? NaN);
    expect(events.at(-1)).toMatchObject({ event: "end", reason: "epochs", epoch: 2, step: 4 });
    expect(result).toMatchObject({ reason: "epochs", epoch: 2, step: 4, history: [first, second] });
    expect(result.table.parameters.map(({ name }) => name)).toEqual([...result.values.keys()]);
  });

  it("tell the norms of the last gradient", async () => {
    const sgd = { ...options, optimizer: "sgd", learningRate: 1, epochs: 1, batchSize: 22 } as const;
    const { events, result } = await trained(model, data, sgd);
    const norms = events.find((event) => event.event === "gradient-norms")?.norms ?? {};
    const before = await trained(model, data, { ...sgd, learningRate: 0 });
    expect(Object.keys(norms)).toEqual(["w0", "b0", "w1", "b1"]);
    for (const [name, { gradient, parameter }] of Object.entries(norms)) {
      const [after, start] = [result, before.result].map(({ values }) =>
        [...(values.get(name)?.data ?? [])].map(Number),
      );
      const moved = Math.hypot(...(after ?? []).map((value, index) => value - (start?.[index] ?? NaN)));
      expect(gradient / moved).toBeCloseTo(1, 4);
      expect(parameter / Math.hypot(...(after ?? []))).toBeCloseTo(1, 6);
    }
  });

  it("reach callbacks before those who wait for them", async () => {
    const seen: string[] = [];
    const run = train(model, data, { ...options, threads: 1, onEvent: ({ event }) => seen.push(event) });
    let count = 0;
    for await (const { event } of run) {
      expect(seen).toHaveLength(++count);
      expect(seen.at(-1)).toBe(event);
    }
    expect(seen.at(-1)).toBe("end");
  });

  it("end the training where a callback throws, with what it throws", async () => {
    const failure = new Error("the screen is full");
    const onEvent = ({ event }: TrainingEvent) => {
      if (event === "epoch") throw failure;
    };
    const run = train(model, data, { ...options, threads: 1, onEvent });
    await expect(run.result()).rejects.toBe(failure);
    await expect(run.result()).rejects.toBe(failure);
  });
});

describe("a run", () => {
  const options = { ...mse, epochs: 2, batchSize: 11, threads: 1 } as const;

  it("does nothing before it is asked", async () => {
    const { dataset, read } = watched(numbers(4));
    train(model, { training: dataset }, { ...options, batchSize: 2 });
    await new Promise((done) => setImmediate(done));
    expect(read).toEqual([]);
  });

  it("gives one result, however often it is asked", async () => {
    const run = train(model, data, options);
    const [one, other] = await Promise.all([run.result(), run.result()]);
    expect(other).toBe(one);
    expect(await run.result()).toBe(one);
    for await (const event of run) expect.fail(event.event);
  });

  it("goes on to its result from where somebody stopped to look", async () => {
    const run = train(model, data, options);
    const events = run[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ event: "start" });
    const { values } = await run.result();
    expect(bitsOf(values)).toEqual(bitsOf((await trained(model, data, options)).result.values));
  });

  it("that is left has no result", async () => {
    const run = train(model, data, options);
    for await (const { event } of run) if (event === "epoch") break;
    expect(await refusalOf(run.result())).toBe("training: was left before its end");
  });

  it("that failed fails again", async () => {
    const run = train(model, { training: () => [] }, options);
    await expect(async () => {
      for await (const event of run) void event;
    }).rejects.toThrow("have no batches");
    expect(await refusalOf(run.result())).toMatch(/have no batches/);
  });

  it("leaves its model and what it started from as they were", async () => {
    const initial = new Map([["w0", { type: "float32", data: new Float32Array(24).fill(0.5), dims: [4, 6] } as const]]);
    const before = bitsOf(initial);
    const first = await trained(model, data, { ...options, initial });
    expect(bitsOf(initial)).toEqual(before);
    const again = await trained(model, data, { ...options, initial });
    expect(bitsOf(again.result.values)).toEqual(bitsOf(first.result.values));
    const own = await trained(model, data, options);
    expect(bitsOf(own.result.values)).not.toEqual(bitsOf(first.result.values));
  });
});

describe("data", () => {
  const of = (training: Dataset, validation?: Dataset) =>
    refusalOf(train(model, { training, ...(validation && { validation }) }, { ...mse, threads: 1 }).result());
  const empty: Dataset = { ...watched(numbers(1)).dataset, count: 0 };

  it("without examples are refused", async () => {
    expect(await of(empty)).toBe("the training data: have no examples");
    expect(await of(numbers(3), empty)).toBe("the validation data: have no examples");
  });

  it("that do not fit are refused before anything is read", async () => {
    const { dataset, read } = watched(numbers(3));
    expect(await of(dataset, classes(3))).toBe(
      'validation data, target "target": holds int64, and should hold float32',
    );
    const { fields } = dataset;
    const without = { ...dataset, fields: fields.filter(({ name }) => name === "x") };
    expect(await of(without)).toMatch(/^training data, target "target": is missing/);
    const wide = { ...dataset, fields: fields.map((field) => (field.name === "x" ? { ...field, shape: [5] } : field)) };
    expect(await of(wide)).toMatch(
      /^training data, feature "x": has the shape \[3, 5\], and should have \[batch, 4\]$/,
    );
    expect(read).toEqual([]);
  });

  it("that throw when they are read end the training with what they throw", async () => {
    const failure = new Error("the disk is gone");
    const training = { ...watched(numbers(3)).dataset, read: () => Promise.reject(failure) };
    await expect(train(model, { training }, { ...mse, threads: 1 }).result()).rejects.toBe(failure);
  });
});
