import { cpSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { encodeModel } from "../graph/encode-model.js";
import { readModel } from "../graph/read-model.js";
import { temporaryFolder } from "../graph/testing/files.js";
import { openSafetensors } from "./checkpoints/safetensors.js";
import type { Dataset } from "./data/dataset.js";
import type { TrainingEvent } from "./events.js";
import {
  batchesOf,
  bitsOf,
  dense,
  normalizing,
  numbers,
  refusalOf,
  timeless,
  type Trained,
  trained,
} from "./testing/small-trainings.js";
import { train } from "./train.js";
import type { CheckpointOptions, TrainingData, TrainOptions } from "./train-options.js";

const model = normalizing();
const data = { training: numbers(14), validation: numbers(5, 8) };

/** All that a training can have: 3 updates in each epoch. */
const everything = {
  loss: { name: "mse" },
  learningRate: 0.1,
  epochs: 7,
  batchSize: 3,
  seed: 11,
  accumulate: 2,
  averageMomentum: 0.5,
  amsgrad: true,
  weightDecay: 0.01,
  schedule: { name: "plateau", factor: 0.5, patience: 1, warmupSteps: 4 },
  earlyStopping: { patience: 3, restoreBest: true },
  metrics: ["mae", "r2"],
} as const satisfies TrainOptions;

/** What is the same whether a training was interrupted or not. */
function outcome(...runs: readonly Trained[]) {
  const { values, history, table: _, ...rest } = runs.at(-1)?.result ?? expect.fail();
  const events = runs.flatMap((run) => run.events);
  const told = events.filter(
    (event) =>
      event.event === "epoch" ||
      event.event === "learning-rate" ||
      (event.event === "end" && event.reason !== "aborted"),
  );
  return { ...rest, values: bitsOf(values), history: timeless(history), told: timeless(told) };
}

/** A training that is aborted when so many batches have been read, unless it has ended before. */
async function abortedAfter(
  reads: number,
  training: Dataset,
  options: TrainOptions,
  more: Omit<TrainingData, "training"> = {},
): Promise<Trained> {
  const controller = new AbortController();
  let count = 0;
  const counting: Dataset = {
    count: training.count,
    fields: training.fields,
    describe: (example) => training.describe(example),
    read: (examples) => {
      if (++count === reads) controller.abort();
      return training.read(examples);
    },
  };
  return trained(model, { ...more, training: counting }, { ...options, signal: controller.signal });
}

const resumed = (options: TrainOptions, checkpoints: CheckpointOptions): TrainOptions => ({
  ...options,
  checkpoints: { ...checkpoints, resume: true },
});

describe("the undisturbed training", () => {
  it("has everything in it", async () => {
    const { events, result } = await trained(model, data, everything);
    const kinds = new Set(events.map(({ event }) => event));
    expect([...kinds]).toEqual(expect.arrayContaining(["start", "epoch", "learning-rate", "end"]));
    expect(result).toMatchObject({ reason: "early-stopping", step: result.epoch * 3 });
    expect(result.restoredEpoch).toBe(result.epoch - 3);
  });
});

describe("aborted and resumed, a training is what it would have been", () => {
  it.each([
    [undefined, 1],
    [2, 3],
  ])("whenever it is, with a checkpoint every %s steps", async (everySteps, stride) => {
    const expected = outcome(await trained(model, data, everything));
    const { training, ...more } = data;
    for (let reads = 1; ; reads += stride) {
      const checkpoints = { folder: temporaryFolder(), ...(everySteps && { everySteps }) };
      const aborted = await abortedAfter(reads, training, { ...everything, checkpoints }, more);
      if (aborted.result.reason !== "aborted") break;
      const last = aborted.events.at(-1);
      // Groups of two batches: the third of an epoch has only one. The group that is aborted is not trained.
      const done = Math.floor((reads - 1) / 5) * 3 + Math.floor(((reads - 1) % 5) / 2);
      expect(last).toMatchObject({ event: "end", reason: "aborted", step: done });
      const rest = await trained(model, data, resumed(everything, checkpoints));
      expect(rest.events.find(({ event }) => event === "start")).toMatchObject({ step: done });
      expect(outcome(aborted, rest), `aborted at batch ${reads}`).toEqual(expected);
    }
  });

  it("again and again", async () => {
    const expected = outcome(await trained(model, data, everything));
    const checkpoints = { folder: temporaryFolder(), resume: true };
    const { training, ...more } = data;
    const runs: Trained[] = [];
    while (runs.at(-1)?.result.reason !== "early-stopping") {
      runs.push(await abortedAfter(4, training, { ...everything, checkpoints }, more));
    }
    expect(runs.length).toBeGreaterThan(5);
    expect(outcome(...runs)).toEqual(expected);
  });

  it("from any checkpoint that a killed one may leave", async () => {
    const { result } = await trained(model, data, everything);
    const expected = { values: bitsOf(result.values), history: timeless(result.history) };
    const folder = join(temporaryFolder(), "run");
    const left: string[] = [];
    const onEvent = ({ event }: TrainingEvent) => {
      if (event !== "checkpoint") return;
      const copy = temporaryFolder();
      cpSync(folder, copy, { recursive: true });
      left.push(copy);
    };
    await trained(model, data, { ...everything, checkpoints: { folder, everySteps: 1, keep: 1 }, onEvent });
    // The last step of an epoch, and its end, have the same name.
    expect(left.length).toBeGreaterThan(result.step);
    for (const copy of left) {
      const { result: rest } = await trained(model, data, resumed(everything, { folder: copy, everySteps: 1 }));
      expect({ values: bitsOf(rest.values), history: timeless(rest.history) }).toEqual(expected);
      expect(rest).toMatchObject({ reason: "early-stopping", restoredEpoch: result.restoredEpoch, step: result.step });
    }
  });

  it("also on a stream of batches", async () => {
    const stream = () => batchesOf(numbers(14), 3, 4, 2, 4, 1);
    const options = { ...everything, schedule: { name: "constant" }, epochs: 3 } as const;
    const expected = outcome(await trained(model, { training: stream }, options));
    for (let stop = 1; stop <= 13; stop++) {
      const checkpoints = { folder: temporaryFolder() };
      const controller = new AbortController();
      let count = 0;
      const counting = function* () {
        for (const batch of stream()) {
          if (++count === stop) controller.abort();
          yield batch;
        }
      };
      const { signal } = controller;
      const aborted = await trained(model, { training: counting }, { ...options, checkpoints, signal });
      expect(aborted.result.reason).toBe("aborted");
      const rest = await trained(model, { training: stream }, resumed(options, checkpoints));
      expect(outcome(aborted, rest)).toEqual(expected);
    }
  });

  it.each<[string, TrainOptions]>([
    ["cosine", { loss: { name: "mse" }, schedule: { name: "cosine", warmupSteps: 2 } }],
    ["step", { loss: { name: "mse" }, schedule: { name: "step", epochs: 1, factor: 0.5 } }],
    ["one cycle", { loss: { name: "mse" }, schedule: { name: "one-cycle" }, optimizer: "sgd", momentum: 0.9 }],
    ["the best accuracy", { loss: { name: "mse" }, earlyStopping: { monitor: "r2", patience: 1 } }],
  ])("with %s", async (_, more) => {
    const options = { ...more, epochs: 3, batchSize: 4, seed: 2 };
    const expected = outcome(await trained(model, data, options));
    const { training, validation } = data;
    for (const reads of [2, 5, 8]) {
      const checkpoints = { folder: temporaryFolder() };
      const aborted = await abortedAfter(reads, training, { ...options, checkpoints }, { validation });
      const rest = await trained(model, data, resumed(options, checkpoints));
      expect(outcome(aborted, rest)).toEqual(expected);
    }
  });

  it("without losing the norms that the other part told", async () => {
    const checkpoints = { folder: temporaryFolder() };
    const options = { ...everything, gradientNorms: true, epochs: 2 };
    const normsOf = (...runs: readonly Trained[]) =>
      runs.flatMap(({ events }) => events).filter(({ event }) => event === "gradient-norms");
    const expected = normsOf(await trained(model, data, options));
    const aborted = await abortedAfter(7, data.training, { ...options, checkpoints }, { validation: data.validation });
    const rest = await trained(model, data, resumed(options, checkpoints));
    expect(normsOf(aborted, rest)).toEqual(expected);
  });
});

describe("aborting", () => {
  const options = { loss: { name: "mse" }, epochs: 2, batchSize: 7 } as const;

  it("before the first step leaves everything as it is", async () => {
    const run = await trained(model, data, { ...options, signal: AbortSignal.abort() });
    expect(run.events.map(({ event }) => event)).toEqual(["start", "end"]);
    expect(run.result).toMatchObject({ reason: "aborted", epoch: 0, step: 0, history: [] });
    const still = await trained(model, data, { ...options, epochs: 1, learningRate: 0, freezeBatchNorm: true });
    const parameters = Object.entries(bitsOf(run.result.values)).filter(([name]) => still.result.values.has(name));
    expect(Object.fromEntries(parameters)).toEqual(bitsOf(still.result.values));
  });

  it("gives the weights that the last step made, not those of the best epoch", async () => {
    const early = { ...everything, accumulate: 1, epochs: 3 };
    const run = await abortedAfter(13, data.training, early, { validation: data.validation });
    expect(run.result).toMatchObject({ reason: "aborted", step: 12, epoch: 2 });
    expect(run.result.restoredEpoch).toBeUndefined();
  });
});

describe("the best epoch", () => {
  it("is what the result has, to the bit", async () => {
    const { result } = await trained(model, data, everything);
    const best = result.restoredEpoch ?? expect.fail();
    const losses = result.history.map(({ validationLoss = NaN }) => validationLoss);
    expect(losses.indexOf(Math.min(...losses)) + 1).toBe(best);
    const until = await trained(model, data, { ...everything, epochs: best });
    expect(bitsOf(until.result.values)).toEqual(bitsOf(result.values));
    expect(until.result.restoredEpoch).toBeUndefined();
  });

  it("is not what it has where the last is wanted", async () => {
    const last = { ...everything, earlyStopping: { patience: 3, restoreBest: false } };
    const { result } = await trained(model, data, last);
    expect(result.restoredEpoch).toBeUndefined();
    const until = await trained(model, data, { ...last, epochs: result.epoch });
    expect(bitsOf(until.result.values)).toEqual(bitsOf(result.values));
    expect(bitsOf((await trained(model, data, everything)).result.values)).not.toEqual(bitsOf(result.values));
  });

  it("is that of the training's own loss without validation", async () => {
    const { result } = await trained(model, { training: numbers(14) }, { ...everything, metrics: [], epochs: 4 });
    const losses = result.history.map(({ loss }) => loss);
    const best = losses.indexOf(Math.min(...losses)) + 1;
    expect(result.restoredEpoch ?? result.epoch).toBe(best);
  });

  it("is waited for 10 epochs where nothing is said", async () => {
    const still = {
      loss: { name: "mse" },
      learningRate: 0,
      freezeBatchNorm: true,
      epochs: 30,
      earlyStopping: {},
    } as const;
    const { result } = await trained(dense([4, 1]), data, still);
    expect(result).toMatchObject({ reason: "early-stopping", epoch: 11, restoredEpoch: 1 });
  });
});

describe("checkpoints", () => {
  const options = { ...everything, epochs: 2 };

  it("are written at the end of each epoch, and told", async () => {
    const folder = join(temporaryFolder(), "new", "run");
    const { events } = await trained(model, data, { ...options, checkpoints: { folder, everySteps: 4 } });
    const told = events.flatMap((event) => (event.event === "checkpoint" ? [event] : []));
    expect(told.map(({ step, epoch, file }) => [step, epoch, file])).toEqual(
      [3, 4, 6].map((step) => [step, step === 4 ? 2 : step / 3 + 1, join(folder, `step-0000000${step}.safetensors`)]),
    );
    const { tensors, metadata } = openSafetensors(told.at(-1)?.file ?? "");
    const kinds = new Set([...tensors.keys()].map((name) => name.split("/")[0]));
    expect(kinds).toEqual(new Set(["parameter", "moment1", "moment2", "moment2max", "average", "buffer"]));
    expect(JSON.parse(metadata["scale_table"] ?? "")).toMatchObject({ format: "caadam-scale-table" });
    expect(Object.keys(metadata).toSorted()).toEqual([
      "format",
      "history",
      "scale_table",
      "state",
      "training",
      "version",
    ]);
  });

  it("hold what the result has", async () => {
    const folder = temporaryFolder();
    const { result } = await trained(model, data, { ...options, checkpoints: { folder } });
    const { read } = openSafetensors(join(folder, "best.safetensors"));
    const held = new Map(
      [...result.values.keys()].map((name) => [
        name,
        read(name === "mean" || name === "variance" ? `buffer/${name}` : `average/${name}`),
      ]),
    );
    expect(bitsOf(held)).toEqual(bitsOf(result.values));
  });

  it("are not overwritten by another training", async () => {
    const folder = temporaryFolder();
    await trained(model, data, { ...options, checkpoints: { folder } });
    const before = readdirSync(folder);
    const again = train(model, data, { ...options, threads: 1, checkpoints: { folder } });
    expect(await refusalOf(again.result())).toBe(
      `${folder}: holds checkpoints of an earlier training; go on from them with --resume, or choose another folder`,
    );
    expect(readdirSync(folder)).toEqual(before);
  });

  it("may be asked for where there are none yet", async () => {
    const checkpoints = { folder: temporaryFolder(), resume: true };
    const run = await trained(model, data, { ...options, checkpoints });
    expect(outcome(run)).toEqual(outcome(await trained(model, data, options)));
    const again = await trained(model, data, { ...options, checkpoints });
    expect(again.events.map(({ event }) => event)).toEqual(["start", "end"]);
    expect(bitsOf(again.result.values)).toEqual(bitsOf(run.result.values));
    expect(timeless(again.result.history)).toEqual(timeless(run.result.history));
  });

  it("that are damaged are passed over, with a warning", async () => {
    const folder = temporaryFolder();
    await trained(model, data, { ...options, checkpoints: { folder } });
    truncateSync(join(folder, "step-00000006.safetensors"), 2000);
    const { events, result } = await trained(model, data, resumed(options, { folder }));
    expect(events[0]?.event === "warning" && events[0].message).toMatch(/this checkpoint is skipped$/);
    expect(events[1]).toMatchObject({ event: "start", step: 3, epoch: 1 });
    expect(bitsOf(result.values)).toEqual(bitsOf((await trained(model, data, options)).result.values));
  });

  it("of a best epoch that has gone are missed in words", async () => {
    const folder = temporaryFolder();
    const stopped = { ...everything, checkpoints: { folder } };
    await trained(model, data, stopped);
    writeFileSync(join(folder, "best.safetensors"), "");
    expect(await refusalOf(trained(model, data, resumed(everything, { folder })))).toMatch(
      /best\.safetensors: is cut off/,
    );
  });

  it("of a best epoch that is not the one until here are not taken for it", async () => {
    const folder = temporaryFolder();
    const growing = {
      loss: { name: "mse" },
      batchSize: 7,
      seed: 3,
      earlyStopping: {},
      learningRate: 0.2,
      momentum: 0.9,
      optimizer: "sgd",
    } as const;
    const whole = await trained(model, data, { ...growing, epochs: 10, checkpoints: { folder, keep: 100 } });
    const isBest = whole.result.history.map((epoch) => epoch.isBest);
    // An epoch that is none of the best, before a later one that is.
    const ended = isBest.findIndex((best, index) => !best && isBest.slice(index + 1).includes(true)) + 1;
    expect(ended).toBeGreaterThan(0);
    for (const name of readdirSync(folder)) {
      const step = Number(/step-(\d+)/.exec(name)?.[1] ?? 0);
      if (step > 2 * ended) rmSync(join(folder, name));
    }
    const back = trained(model, data, { ...growing, epochs: ended, checkpoints: { folder, resume: true } });
    expect(await refusalOf(back)).toMatch(
      /best\.safetensors: is of epoch \d+, and the best until here is epoch \d; train/,
    );
  });

  it("need a number of steps that is one", async () => {
    const run = trained(model, data, { ...options, checkpoints: { folder: temporaryFolder(), everySteps: 0 } });
    expect(await refusalOf(run)).toMatch(/^--checkpoint-steps 0: is out of range/);
  });
});

describe("a checkpoint goes on", () => {
  const options = { ...everything, epochs: 2, earlyStopping: { patience: 5 } };
  const begun = async (more: TrainOptions = options) => {
    const folder = temporaryFolder();
    await trained(model, data, { ...more, checkpoints: { folder } });
    return folder;
  };
  const refused = (folder: string, more: object, of = model, on: TrainingData = data) =>
    refusalOf(trained(of, on, resumed({ ...options, ...more }, { folder })));

  it("for more epochs than were planned, as if they had been", async () => {
    const folder = await begun();
    const { result } = await trained(model, data, resumed({ ...options, epochs: 4 }, { folder }));
    const whole = await trained(model, data, { ...options, epochs: 4 });
    expect(result.step).toBe(12);
    expect(bitsOf(result.values)).toEqual(bitsOf(whole.result.values));
    expect(timeless(result.history)).toEqual(timeless(whole.result.history));
  });

  it("for more epochs where the schedule was told its own length, and only there", async () => {
    const own = { ...options, schedule: { name: "cosine", epochs: 3 } } as const;
    const { result } = await trained(model, data, resumed({ ...own, epochs: 4 }, { folder: await begun(own) }));
    const whole = await trained(model, data, { ...own, epochs: 4 });
    expect(bitsOf(result.values)).toEqual(bitsOf(whole.result.values));
    const spanning = { ...options, schedule: { name: "cosine" } } as const;
    expect(await refused(await begun(spanning), { ...spanning, epochs: 4 })).toMatch(
      /step-00000006\.safetensors: is of a training with another number of epochs \(2, now 4\); go on as it began/,
    );
  });

  it("only of the same training", async () => {
    const folder = await begun();
    const others: readonly [object, RegExp][] = [
      [{ loss: { name: "mae" } }, /another loss/],
      [{ optimizer: "adam" }, /another optimizer/],
      [{ beta1: 0.8 }, /another optimizer/],
      [{ strategy: "depth" }, /another strategy/],
      [{ averageMomentum: 0.6 }, /another optimizer/],
      [{ learningRate: 0.2 }, /another learning rate \(0\.1, now 0\.2\)/],
      [{ schedule: { ...options.schedule, patience: 2 } }, /another schedule/],
      [{ batchSize: 4 }, /another batch size \(3, now 4\)/],
      [{ accumulate: 1 }, /another number of batches for an update \(2, now 1\)/],
      [{ seed: 12 }, /another seed \(11, now 12\)/],
      [{ shuffle: false }, /another order of examples \("shuffled", now "their own"\)/],
      [{ freezeBatchNorm: true }, /another mode of batch normalization/],
      [{ noDropout: true }, /another mode of dropout/],
      [{ freeze: ["w0"] }, /another set of parameters/],
      [{ earlyStopping: { patience: 6 } }, /another early stopping/],
    ];
    for (const [more, message] of others) expect(await refused(folder, more)).toMatch(message);
    const { training, validation } = data;
    expect(await refused(folder, {}, model, { training: numbers(15), validation })).toMatch(
      /another number of examples \(\[14,5\], now \[15,5\]\)/,
    );
    expect(await refused(folder, { metrics: [] }, model, { training })).toMatch(/another number of examples/);
    expect(await refused(folder, {}, model, { ...data, description: { file: "other.csv" } })).toMatch(/another data/);
  });

  it("whatever the order in which options are named", async () => {
    const { schedule } = options;
    const folder = await begun();
    const turned = Object.fromEntries(Object.entries(schedule).toReversed());
    const { result } = await trained(
      model,
      data,
      resumed({ ...options, schedule: turned as typeof schedule }, { folder }),
    );
    expect(result.step).toBe(6);
  });

  it("only of the same model", async () => {
    const folder = await begun();
    // The shares that are dropped are all in which they differ.
    const other = normalizing(1, 0.5);
    expect(await refused(folder, {}, other)).toMatch(/another model/);
    const file = readModel(encodeModel(model));
    const ofFile = temporaryFolder();
    await trained(file, data, { ...options, checkpoints: { folder: ofFile } });
    expect(await refused(ofFile, {}, readModel(encodeModel(other)))).toMatch(/another model/);
    expect((await trained(readModel(encodeModel(model)), data, resumed(options, { folder: ofFile }))).result.step).toBe(
      6,
    );
  });

  it("only if it is one", async () => {
    const stranger = temporaryFolder();
    // 8 bytes of length, and a header without metadata.
    writeFileSync(join(stranger, "step-00000001.safetensors"), Buffer.from("02000000000000007b7d", "hex"));
    expect(await refused(stranger, {})).toMatch(/: does not say of which training it is; is it a checkpoint\?$/);
  });
});
