import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { beforeAll, describe, expect, it } from "vitest";
import { readModel } from "../src/graph/read-model.js";
import { rawBytes } from "../src/graph/tensor.js";
import { openSafetensors } from "../src/runtime/checkpoints/safetensors.js";
import { commandLine } from "./testing/command-line.js";
import { csv, houses, idx, npy, npz, randomNumbers } from "./testing/data-files.js";

const { run, runProcess, start, path, expectRefusal } = commandLine();
const rows = houses(60);
/** Of houses: area with missing values, color in three categories, rooms. */
const house = ["--target", "price", "--one-hot", "color", "--missing", "mean", "--standardize", "--loss", "mse"];

/** A training that has some of all kinds of state. */
const eventful = [
  ...["train", "eventful.onnx", "--data", "houses.csv", ...house, "--standardize-target", "--validation-split", "0.2"],
  ...["--batch-size", "8", "--early-stopping", "1000", "--schedule", "plateau:patience=2,factor=0.9"],
  ...["--clip-global-norm", "1", "--ema", "0.9", "--seed", "5", "--json"],
];

beforeAll(async () => {
  writeFileSync(path("houses.csv"), csv(rows));
  await run("new", "mlp", "5-8-1", "-o", "mlp.onnx", "--quiet");
  await run("new", "mlp", "5-8-1", "--dropout", "0.2", "--batch-norm", "-o", "eventful.onnx", "--quiet");
});

it.each<[string, (price: string) => void]>([
  ["folder", (price) => mkdirSync(price)],
  ["file", (price) => writeFileSync(price, "no numbers")],
])("takes a column for the target where a %s is called the same", async (_, make) => {
  make(path("price"));
  try {
    const { status, stderr } = await run(
      ...["train", "mlp.onnx", "--data", "houses.csv", ...house, "--epochs", "1", "-o", "of-column.onnx", "--quiet"],
    );
    expect([status, stderr]).toEqual([0, ""]);
    await expectRefusal(
      ["train", "mlp.onnx", "--data", "houses.csv", "--target", ".", "--loss", "mse", "-o", "no.onnx"],
      /^error: --target \.: is no column of houses\.csv/,
    );
  } finally {
    rmSync(path("price"), { recursive: true });
  }
});

// `--jitless` is a Node without WebAssembly.
it("gives the same weights where there is no WebAssembly", () => {
  const train = [
    "train",
    "eventful.onnx",
    "--data",
    "houses.csv",
    ...house,
    "--clip-global-norm",
    "1",
    "--epochs",
    "2",
  ];
  const without = spawnSync(
    process.execPath,
    ["--jitless", resolve("dist/cli/main.js"), ...train, "-o", "without.onnx"],
    {
      cwd: path("."),
      encoding: "utf8",
    },
  );
  expect(without.status, without.stderr).toBe(0);
  expect(runProcess(...train, "-o", "with.onnx").status).toBe(0);
  expect(bytes("without.onnx").equals(bytes("with.onnx"))).toBe(true);
});

function bytes(name: string): Buffer {
  return readFileSync(path(name));
}

function jsonLines(text: string): readonly Record<string, unknown>[] {
  const lines = text.trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

function kinds(events: readonly Record<string, unknown>[]): readonly unknown[] {
  return events.map(({ event }) => event);
}

/** Where bytes of equally long files differ. */
function differences(one: Buffer, other: Buffer): readonly number[] {
  return [...one.keys()].filter((index) => one[index] !== other[index]);
}

describe("train", () => {
  it("learns from a table with text and missing values, and tells of it in all the ways that are asked for", () => {
    const files = ["-o", "trained.onnx", "--log", "run.jsonl", "--report", "report.html", "--tensorboard", "board"];
    const how = ["--standardize-target", "--validation-split", "0.2", "--no-shuffle", "--epochs", "40"];
    const { status, stdout, stderr } = runProcess(
      "train",
      "mlp.onnx",
      "--data",
      "houses.csv",
      ...house,
      ...how,
      ...files,
    );
    expect(status, stderr).toBe(0);
    const told = stderr.trimEnd().split("\n");
    expect(told).toHaveLength(42);
    expect(told[0]).toMatch(/^epoch +1\/40 {2}loss \S+ {2}val \S+ {2}mae \S+ {2}r2 \S+ {2}/);
    expect(told.slice(-2)).toEqual(["wrote trained.onnx", "wrote report.html"]);
    expect(stdout).toMatch(
      /^epoch +40\ntraining loss +\S+\nvalidation loss +\S+\nmae +\S+\nmae \(price\) +\S+\nr2 +\S+\n$/,
    );

    const events = jsonLines(bytes("run.jsonl").toString());
    const epochs = events.filter(({ event }) => event === "epoch");
    expect(events[0]).toMatchObject({ event: "start", examples: 48, validationExamples: 12, stepsPerEpoch: 2 });
    expect(epochs).toHaveLength(40);
    for (const [index, epoch] of epochs.entries()) {
      expect(epoch).toMatchObject({
        epoch: index + 1,
        step: 2 * (index + 1),
        metrics: { mae: expect.any(Number) as number },
      });
      expect(Object.keys(epoch).slice(0, 6)).toEqual(["event", "epoch", "step", "loss", "validationLoss", "metrics"]);
      expect(epoch["seconds"]).toEqual(expect.any(Number));
    }
    expect(events.at(-1)).toMatchObject({ event: "end", reason: "epochs", epoch: 40, step: 80 });
    const losses = epochs.map(({ loss }) => Number(loss));
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 1.1);

    expect(bytes("report.html").toString()).toMatch(/^<!doctype html>[^]*fc1\.weight/i);
    const boards = readdirSync(path("board"));
    expect(boards).toEqual([expect.stringMatching(/^events\.out\.tfevents\./)]);
    const board = readFileSync(join(path("board"), boards[0] ?? "")).toString("latin1");
    for (const tag of ["loss/training", "loss/validation", "metrics/mae", "gradient-norm/fc1.weight"]) {
      expect(board).toContain(tag);
    }
  });

  it("has features for targets where that is said", async () => {
    writeFileSync(path("signals.npy"), npy(Float32Array.from({ length: 100 }, randomNumbers(1)), [20, 5]));
    await run("new", "mlp", "5-2-5", "-o", "autoencoder.onnx", "--quiet");
    const signals = ["--data", "signals.npy", "--target", "signals.npy", "--loss", "mse", "--epochs", "1"];
    const train = ["train", "autoencoder.onnx", ...signals, "-o", "o.onnx"];
    await expectRefusal(
      train,
      /^error: --features: there are no columns but targets; name some with --features: they may be targets, too$/,
    );
    const { status, stderr } = await run(...train, "--features", "signals.npy");
    expect(status, stderr).toBe(0);
  });

  it("leaves nothing in the home folder", () => {
    mkdirSync(path("home"));
    const train = ["train", "mlp.onnx", "--data", "houses.csv", ...house, "--epochs", "1", "-o", "home.onnx"];
    const { ORT_DISABLE_TELEMETRY: _, ...environment } = process.env;
    const env = { ...environment, HOME: path("home"), USERPROFILE: path("home"), XDG_CACHE_HOME: path("home/cache") };
    const { status, stderr } = spawnSync(process.execPath, [resolve("dist/cli/main.js"), ...train], {
      cwd: path("."),
      env,
      encoding: "utf8",
    });
    expect(status, stderr).toBe(0);
    expect(readdirSync(path("home"))).toEqual([]);
  });

  it("says where a trained model was trained on data that were prepared in another way", async () => {
    const again = ["train", "trained.onnx", "--data", "houses.csv", "--target", "price", "--one-hot", "color"];
    const { status, stderr } = await run(
      ...again,
      "--missing",
      "drop",
      "--loss",
      "mse",
      "--epochs",
      "1",
      "-o",
      "o.onnx",
    );
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/^warning: trained\.onnx: was trained on data that were prepared in another way, which is/m);
    const alike = ["--standardize-target", "--validation-split", "0.2", "--no-shuffle", "--epochs", "1"];
    const same = await run("train", "trained.onnx", "--data", "houses.csv", ...house, ...alike, "-o", "o.onnx");
    expect(same.stderr).not.toMatch(/warning/);
  });

  it("changes nothing of the model but weights, and adds what was done to the data", () => {
    const [before, after] = [bytes("mlp.onnx"), bytes("trained.onnx")];
    let end = 0;
    const spans = readModel(path("mlp.onnx")).graph.initializers.map((tensor) => {
      const from = before.indexOf(rawBytes(tensor), end);
      end = from + rawBytes(tensor).length;
      return [from, end] as const;
    });
    expect(spans.every(([from]) => from > 0)).toBe(true);
    const changed = differences(before, after);
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.filter((index) => !spans.some(([from, to]) => from <= index && index < to))).toEqual([]);
    const { metadata } = readModel(path("trained.onnx"));
    expect([...metadata.keys()]).toEqual(["caadam.preprocessing"]);
    expect(JSON.parse(metadata.get("caadam.preprocessing") ?? "")).toMatchObject({ format: "caadam-preprocessing" });
  });

  it("evaluates a trained model on its validation examples to the same loss, with what was done to the data", async () => {
    writeFileSync(path("validation.csv"), csv(rows.slice(48)));
    const { stdout, stderr } = await run(
      "evaluate",
      "trained.onnx",
      "--data",
      "validation.csv",
      "--loss",
      "mse",
      "--format",
      "json",
    );
    expect(stderr).toBe("");
    const last = jsonLines(bytes("run.jsonl").toString()).findLast(({ event }) => event === "epoch");
    const { examples, loss, metrics } = JSON.parse(stdout) as Record<string, unknown>;
    expect(examples).toBe(12);
    expect(loss).toBeCloseTo(Number(last?.["validationLoss"]), 6);
    const { mae = NaN, r2 = NaN } = (last?.["metrics"] ?? {}) as Record<string, number>;
    expect(metrics).toEqual({ mae: expect.closeTo(mae, 6) as number, r2: expect.closeTo(r2, 6) as number });
  });

  it("makes a model that takes raw features, on request", async () => {
    const given = ["train", "mlp.onnx", "--data", "houses.csv", ...house, "--epochs", "2"];
    const folded = await run(...given, "--fold-preprocessing", "-o", "raw.onnx", "--format", "json", "--quiet");
    expect(folded.stderr).toBe("");
    expect(JSON.parse(folded.stdout)).toEqual({
      epoch: 2,
      steps: 4,
      reason: "epochs",
      loss: expect.any(Number) as number,
      metrics: {},
    });
    await run(...given, "-o", "prepared.onnx");

    const areas = rows.map(([area = ""]) => (area === "" ? NaN : Number(area)));
    const known = areas.filter((area) => !Number.isNaN(area));
    const mean = known.reduce((sum, area) => sum + area, 0) / known.length;
    const colors = rows.map(([, color = ""]) => color);
    const rooms = rows.map(([, , count]) => Number(count));
    const column = (values: readonly number[]) => new Tensor("float32", Float32Array.from(values), [values.length, 1]);
    const raw = await InferenceSession.create(path("raw.onnx"));
    const text = new Tensor("string", colors, [60, 1]);
    const { output } = await raw.run({ area: column(areas), color: text, rooms: column(rooms) });
    const [area, room] = [areas.map((value) => (Number.isNaN(value) ? mean : value)), rooms].map(standardized);
    const prepared = rows.flatMap((_, row) => [
      area?.[row] ?? NaN,
      ...["blue", "green", "red"].map((color) => (colors[row] === color ? 1 : 0)),
      room?.[row] ?? NaN,
    ]);
    const plain = await InferenceSession.create(path("prepared.onnx"));
    const expected = await plain.run({ x: new Tensor("float32", Float32Array.from(prepared), [60, 5]) });
    const [is, should] = [output, expected["output"]].map((tensor) => Array.from(tensor?.data ?? [], Number));
    expect(is).toHaveLength(60);
    for (const [row, value] of (is ?? []).entries()) expect(value).toBeCloseTo(should?.[row] ?? NaN, 4);
  });

  it("leaves in a folded model nothing of what an earlier training did to its data", async () => {
    writeFileSync(
      path("rooms.csv"),
      csv(
        rows.map(([, , count = "", price = ""]) => [count, price]),
        "rooms,price",
      ),
    );
    await run("new", "mlp", "1-4-1", "-o", "rooms.onnx", "--quiet");
    const data = ["--data", "rooms.csv", "--target", "price", "--loss", "mse", "--format", "json"];
    const training = [...data, "--validation-data", "rooms.csv", "--epochs", "1"];
    const scaled = ["--standardize", "--standardize-target"];
    await run("train", "rooms.onnx", ...training, ...scaled, "-o", "once.onnx");
    for (const how of [scaled, []]) {
      const twice = await run("train", "once.onnx", ...training, ...how, "--fold-preprocessing", "-o", "twice.onnx");
      expect([...readModel(path("twice.onnx")).metadata.keys()]).toEqual([]);
      const evaluated = await run("evaluate", "twice.onnx", ...data);
      const [before, after] = [twice, evaluated].map(
        ({ stdout }) => JSON.parse(stdout) as { metrics: Record<string, number> },
      );
      // Of standardized targets as of those in their own unit.
      expect(after?.metrics["r2"]).toBeCloseTo(before?.metrics["r2"] ?? NaN, 4);
    }
  });

  it("shows errors in the unit of a standardized target, which are those of the folded model", async () => {
    await run("new", "mlp", "2-4-1", "-o", "two.onnx", "--quiet");
    const table = ["--data", "houses.csv", "--loss", "mse", "--missing", "drop", "--quiet"];
    const how = ["--target", "price", "--features", "area,rooms", "--standardize", "--standardize-target"];
    const training = [...table, ...how, "--validation-data", "houses.csv", "--epochs", "1", "--metrics", "mae,rmse"];
    const { stdout } = await run("train", "two.onnx", ...training, "-o", "scaled.onnx");
    await run("train", "two.onnx", ...training, "--fold-preprocessing", "-o", "folded.onnx");
    const folded = ["--target", "price", "--features", "area,rooms", "--metrics", "mae,rmse"];
    const own = await run("evaluate", "folded.onnx", ...table, ...folded);
    const scaled = await run("evaluate", "scaled.onnx", ...table, "--metrics", "mae,rmse");
    const shown = (text: string, name: string) =>
      Number(text.split("\n").flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length)] : []))[0]);
    for (const name of ["mae", "rmse"]) {
      expect(own.stdout).not.toContain(`${name} (`);
      for (const text of [stdout, scaled.stdout]) {
        expect(shown(text, `${name} (price)`) / shown(own.stdout, name)).toBeCloseTo(1, 3);
        expect(shown(text, `${name} (price)`)).not.toBeCloseTo(shown(text, name), 1);
      }
    }
  });

  it("makes a model that fills missing values itself, which evaluate leaves to it on request", async () => {
    const data = ["--data", "houses.csv", "--format", "json", "--loss", "mse", "--target", "price"];
    const training = ["--validation-data", "houses.csv", "--one-hot", "color", "--missing", "median", "--epochs", "2"];
    const gaps = rows.map((cells, row) => (row % 10 === 7 ? cells.with(1, "") : cells));
    writeFileSync(path("gaps.csv"), csv(gaps));
    for (const file of ["houses.csv", "gaps.csv"]) {
      const named = [...data, ...training].map((word) => (word === "houses.csv" ? file : word));
      const trained = await run("train", "mlp.onnx", ...named, "--fold-preprocessing", "-o", "fills.onnx");
      const evaluation = ["evaluate", "fills.onnx", ...data.with(1, file)];
      await expectRefusal(evaluation, /, column "area": is missing /);
      const { stdout, stderr } = await run(...evaluation, "--missing", "keep");
      expect(stderr).toBe("");
      const { validationLoss } = JSON.parse(trained.stdout) as { validationLoss: number };
      const { examples, loss } = JSON.parse(stdout) as { examples: number; loss: number };
      expect(examples).toBe(60);
      expect(loss / validationLoss).toBeCloseTo(1, 5);
    }
  });

  it("learns from images with their labels in another file, as MNIST ships", async () => {
    const random = randomNumbers(3);
    const labels = Array.from({ length: 40 }, () => Math.floor(random() * 3));
    const images = labels.flatMap((label) => Array.from({ length: 16 }, (_, at) => (at % 3 === label ? 200 : 10)));
    writeFileSync(path("images.idx"), idx([40, 4, 4], images));
    writeFileSync(path("labels.idx"), idx([40], labels));
    await run("new", "cnn", "1x4x4", "--channels", "4", "--classes", "3", "-o", "cnn.onnx");
    const data = ["--data", "images.idx", "--target", "labels.idx", "--divide-by", "255", "--validation-split", "10"];
    const how = ["--loss", "softmax-cross-entropy", "--epochs", "30", "--learning-rate", "0.02", "--batch-size", "8"];
    const { status, stdout, stderr } = await run(
      "train",
      "cnn.onnx",
      ...data,
      ...how,
      "-o",
      "c.onnx",
      "--json",
      "--format",
      "json",
    );
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ epoch: 30, metrics: { accuracy: 1 } });
    const events = jsonLines(stderr);
    expect(new Set(kinds(events))).toEqual(
      new Set(["start", "epoch", "progress", "end", "note"].filter((kind) => kinds(events).includes(kind))),
    );
    expect(events.at(-1)).toEqual({ event: "note", message: "wrote c.onnx" });

    const testing = ["--data", "images.idx", "--data", "labels.idx", "--loss", "softmax-cross-entropy"];
    const measured = await run("evaluate", "c.onnx", ...testing, "--metrics", "accuracy,f1");
    expect(measured.status, measured.stderr).toBe(0);
    expect(measured.stdout).toMatch(/^examples +40\nloss +\S+\naccuracy +1\nf1 +1\n$/);

    labels[17] = 3;
    writeFileSync(path("wrong.idx"), idx([40], labels));
    const wrong = ["--data", "images.idx", "--target", "wrong.idx", "--loss", "softmax-cross-entropy", "-o", "no.onnx"];
    await expectRefusal(
      ["train", "cnn.onnx", ...wrong],
      /^error: wrong\.idx, row 17 \(counted from 0\), column "data": holds 3, and class numbers go from 0 to 2; labels of another kind are numbered with --number-labels$/,
    );
    writeFileSync(
      path("wide.idx"),
      idx(
        [40, 4, 5],
        Array.from({ length: 800 }, () => 1),
      ),
    );
    const wide = ["--data", "wide.idx", "--target", "labels.idx", "--loss", "softmax-cross-entropy", "-o", "no.onnx"];
    await expectRefusal(["train", "cnn.onnx", ...wide], /wide\.idx.*4.*5.*"x" takes/);
  });

  it("learns from arrays in an NPZ file", async () => {
    const random = randomNumbers(4);
    const classes = Uint8Array.from({ length: 30 }, (_, row) => row % 3);
    const points = Float32Array.from(
      { length: 120 },
      (_, at) => random() + (at % 4 === (classes[at >> 2] ?? 0) ? 2 : 0),
    );
    writeFileSync(path("points.npz"), npz({ x: npy(points, [30, 4]), y: npy(classes, [30]) }));
    await run("new", "mlp", "4-8-3", "-o", "points.onnx");
    const how = ["--loss", "softmax-cross-entropy", "--epochs", "20", "--learning-rate", "0.02", "--batch-size", "10"];
    const outcome = await run(
      "train",
      "points.onnx",
      "--data",
      "points.npz",
      "--target",
      "y",
      ...how,
      "-o",
      "p.onnx",
      "--format",
      "json",
    );
    expect(outcome.status, outcome.stderr).toBe(0);
    expect((JSON.parse(outcome.stdout) as { loss: number }).loss).toBeLessThan(0.7);
  });
});

describe("what a seed and interruptions come to", () => {
  const epochs = ["--epochs", "25"];
  /** The trained model that all runs must come to, interrupted or not. */
  let undisturbed: Buffer;

  beforeAll(async () => {
    await run(...eventful, ...epochs, "-o", "undisturbed.onnx");
    undisturbed = bytes("undisturbed.onnx");
  });

  it("gives the same bytes for the same seed, and others for another", async () => {
    await run(...eventful, ...epochs, "-o", "again.onnx");
    expect(bytes("again.onnx").equals(undisturbed)).toBe(true);
    const other = eventful.map((word) => (word === "5" ? "6" : word));
    expect((await run(...other, ...epochs, "-o", "other.onnx")).status).toBe(0);
    expect(bytes("other.onnx").equals(undisturbed)).toBe(false);
  });

  it("saves when interrupted, ends with 130, and goes on to the same bytes", async () => {
    const given = [
      ...eventful,
      ...epochs,
      "--checkpoint-dir",
      "interrupted",
      "--checkpoint-steps",
      "1",
      "-o",
      "i.onnx",
    ];
    const { child, lines, finished } = start(...given);
    await lines(20);
    child.kill("SIGINT");
    const { status, stdout, stderr } = await finished;
    expect([status, stdout]).toEqual([130, ""]);
    const events = jsonLines(stderr);
    const { step } = events.findLast(({ event }) => event === "checkpoint") ?? {};
    expect(events.at(-1)).toEqual({
      event: "warning",
      message: `interrupted after step ${String(step)}; all state is in interrupted: go on with --resume`,
    });
    expect(existsSync(path("i.onnx"))).toBe(false);

    await expectRefusal(
      given.filter((word) => word !== "--json"),
      /^error: interrupted: holds checkpoints of an earlier training; go on.*--resume/,
    );
    const resume = [...given.filter((word) => word !== "--json"), "--resume"];
    const another = (from: string, to: string) => resume.map((word) => (word === from ? to : word));
    await expectRefusal(
      another("0.9", "0.8"),
      /^error: interrupted\/step-\d+\.safetensors: is of a training with another optimizer/,
    );
    await expectRefusal(another("mean", "median"), /another data/);
    await expectRefusal(another("5", "7"), /another seed \(5, now 7\)/);

    const resumed = await run(...given, "--resume");
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(jsonLines(resumed.stderr)[0]).toMatchObject({ event: "start", step });
    expect(bytes("i.onnx").equals(undisturbed)).toBe(true);
  });

  it("writes the weights so far when it is interrupted and keeps no checkpoints", async () => {
    const { child, lines, finished } = start(...eventful, "--epochs", "1000000", "-o", "so-far.onnx");
    await lines(3);
    child.kill("SIGINT");
    const { status, stderr } = await finished;
    expect(status, stderr).toBe(130);
    expect(stderr).toMatch(/interrupted after step \d+; the weights so far are in so-far\.onnx"}\n$/);
    expect(readModel(path("so-far.onnx")).graph.nodes.length).toBeGreaterThan(0);
  });

  it("says of which epoch the figures are that it prints when it is interrupted", async () => {
    const given = eventful.filter((word) => word !== "--json");
    const { child, lines, finished } = start(...given, "--epochs", "1000000", "-o", "so-far.onnx");
    await lines(3);
    child.kill("SIGINT");
    expect((await finished).stdout).toMatch(/^last whole epoch +\d+\ntraining loss /);
  });

  it("comes to the same bytes though it is killed again and again, also while it writes a checkpoint", async () => {
    const random = randomNumbers(20);
    // An empty folder is one to begin in.
    mkdirSync(path("killed"));
    const checkpoints = ["--checkpoint-dir", "killed", "--checkpoint-steps", "1", "--resume", "--log", "killed.jsonl"];
    const given = [...eventful, ...epochs, ...checkpoints, "-o", "killed.onnx"];
    for (let kill = 0; kill < 6; kill++) {
      const { child, lines, finished } = start(...given);
      // The first of them before anything is saved.
      await lines(kill === 0 ? 0 : 1 + Math.floor(random() * 25));
      await new Promise((done) => setTimeout(done, random() * 10));
      child.kill("SIGKILL");
      const { signal, stderr } = await finished;
      expect(signal, stderr).toBe("SIGKILL");
    }
    const { status, stderr } = await run(...given);
    expect(status, stderr).toBe(0);
    expect(bytes("killed.onnx").equals(undisturbed)).toBe(true);
    expect(readdirSync(path("killed")).filter((name) => !/^(best|step-\d{8})\.safetensors$/.test(name))).toEqual([]);
    const logged = jsonLines(bytes("killed.jsonl").toString());
    expect(new Set(logged.flatMap(({ event, epoch }) => (event === "epoch" ? [epoch] : []))).size).toBe(25);
  });

  it("writes over nothing that it reads or has written", async () => {
    const given = ["train", "mlp.onnx", "--data", "houses.csv", ...house, "--epochs", "1"];
    const [data, model] = [bytes("houses.csv"), bytes("mlp.onnx")];
    for (const [files, message] of [
      [["-o", "houses.csv"], /^error: --output houses\.csv: would overwrite the data; choose another name$/],
      [["-o", "o.onnx", "--report", "mlp.onnx"], /^error: --report mlp\.onnx: would overwrite the model/],
      [["-o", "o.onnx", "--report", "./o.onnx"], /^error: --report \.\/o\.onnx: would overwrite the trained model/],
      [["-o", "o.onnx", "--report", "r", "--log", "r"], /^error: --log r: would overwrite the report/],
      [["-o", "o.onnx", "--log", "houses.csv"], /^error: --log houses\.csv: would overwrite the data/],
    ] as const) {
      await expectRefusal([...given, ...files], message);
    }
    expect([bytes("houses.csv").equals(data), bytes("mlp.onnx").equals(model)]).toEqual([true, true]);
    writeFileSync(path("own.onnx"), model);
    expect((await run("train", "own.onnx", ...given.slice(2), "-o", "own.onnx")).status).toBe(0);
    expect(bytes("own.onnx").equals(model)).toBe(false);
  });

  it.each([
    [["--checkpoint-steps", "2"], /^error: --checkpoint-steps: means nothing without --checkpoint-dir$/],
    [["--keep", "2"], /^error: --keep: means nothing without --checkpoint-dir$/],
    [["--keep-last"], /^error: --keep-last: means nothing without --early-stopping$/],
  ])("refuses %j, which would do nothing", async (options, message) => {
    await expectRefusal(["train", "mlp.onnx", "--data", "houses.csv", ...house, "-o", "o.onnx", ...options], message);
  });

  it("leaves the last checkpoint whole when it cannot go on", async () => {
    const given = [...eventful.filter((word) => word !== "--json"), ...epochs, "-o", "full.onnx"];
    await expectRefusal([...given, "--log", "/dev/full"], /^error: \/dev\/full: cannot be written: the disk is full/);
    await expectRefusal(
      [...given, "--checkpoint-dir", "houses.csv"],
      /^error: houses\.csv: cannot hold checkpoints: it is a file/,
    );
    await expectRefusal([...given, "--tensorboard", "houses.csv"], /^error: houses\.csv.*cannot be written: /);
    await expectRefusal(
      [...given, "--report", "none/report.html"],
      /^error: none\/report\.html: cannot be written: no such file or folder/,
    );
    await expectRefusal(
      [...given.slice(0, -1), "none/full.onnx"],
      /^error: none\/full\.onnx: cannot be written: no such file or folder/,
    );
    // A training that ends before its time.
    const folder = path("killed");
    const before = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))] as const);
    const blocked = await run(...given, "--checkpoint-dir", "killed", "--resume", "--log", "/dev/full");
    expect([blocked.status, blocked.stderr.trimEnd().split("\n").length]).toEqual([2, 1]);
    expect(readdirSync(folder)).toEqual(before.map(([name]) => name));
    for (const [name, content] of before) expect(bytes(join("killed", name)).equals(content)).toBe(true);
    const newest = before.map(([name]) => name).findLast((name) => name.startsWith("step-")) ?? "";
    expect(openSafetensors(join(folder, basename(newest))).tensors.size).toBeGreaterThan(0);
  });

  it("skips a checkpoint that is damaged, and goes on from the one before it", async () => {
    const names = readdirSync(path("killed"))
      .filter((name) => name.startsWith("step-"))
      .toSorted();
    const newest = join("killed", names.at(-1) ?? "");
    writeFileSync(path(newest), bytes(newest).subarray(0, 1000));
    rmSync(path("killed.onnx"));
    const { status, stderr } = await run(
      ...eventful,
      ...epochs,
      "--checkpoint-dir",
      "killed",
      "--resume",
      "-o",
      "killed.onnx",
    );
    expect(status, stderr).toBe(0);
    expect(jsonLines(stderr)[0]).toMatchObject({
      event: "warning",
      message: expect.stringContaining("is skipped") as string,
    });
    expect(bytes("killed.onnx").equals(undisturbed)).toBe(true);
  });
});

describe("data and options that cannot be trained on", () => {
  const refused = ["train", "mlp.onnx", "--loss", "mse", "--one-hot", "color", "--epochs", "2", "-o", "no.onnx"];
  const filled = [...refused, "--missing", "mean"];

  /** The table with one of its lines, counted from 1 as the header, replaced. */
  function spoiled(name: string, line: number, text: string): string {
    const lines = csv(rows).split("\n");
    lines[line - 1] = text;
    writeFileSync(path(name), lines.join("\n"));
    return name;
  }

  it("says in one line which column is wrong", async () => {
    const given = [...filled, "--data", "houses.csv"];
    await expectRefusal(
      [...given, "--target", "prize"],
      /^error: --target prize: is no column of houses\.csv, perhaps "price" is meant; there are/,
    );
    await expectRefusal(
      [...given, "--target", "price", "--features", "aria,rooms"],
      /^error: --features aria: .*perhaps "area" is meant/,
    );
    await expectRefusal(
      [...given.map((word) => (word === "color" ? "text" : word)), "--target", "price", "--features", "area,rooms"],
      /^error: feature "x": takes 5 numbers for each example, and is given 2/,
    );
  });

  it.each([
    [
      "text",
      "blue",
      "letters.csv",
      5,
      "50,blue,3,cheap",
      /^error: letters\.csv, line 5, column "price": "cheap" is not a number/,
    ],
    [
      "a ragged row",
      "",
      "ragged.csv",
      7,
      "50,blue,3,100,9",
      /^error: ragged\.csv, line 7: has 5 cells, the header (has )?4/,
    ],
    [
      "an infinite number",
      "",
      "infinite.csv",
      9,
      "inf,blue,3,100",
      /^error: infinite\.csv, line 9, column "area": "inf" is not a finite number/,
    ],
    [
      "a missing target",
      "",
      "missing.csv",
      4,
      "50,blue,3,NaN",
      /^error: missing\.csv, line 4, column "price": is missing/,
    ],
  ])("says in one line where %s is", async (_what, _cell, name, line, text, message) => {
    await expectRefusal([...filled, "--target", "price", "--data", spoiled(name, line, text)], message);
  });

  it("says in one line which examples are missing", async () => {
    const target = ["--target", "price"];
    await expectRefusal(
      [...refused, ...target, "--data", "houses.csv"],
      /^error: houses\.csv, line 5, column "area": is missing.*--missing drop, mean or median$/,
    );
    writeFileSync(path("empty.csv"), "");
    await expectRefusal([...filled, ...target, "--data", "empty.csv"], /^error: empty\.csv: is empty$/);
    writeFileSync(path("header.csv"), "area,color,rooms,price\n");
    await expectRefusal(
      [...filled, ...target, "--data", "houses.csv", "--validation-data", "header.csv"],
      /^error: header\.csv: has a header and no rows$/,
    );
    const given = [...filled, ...target, "--data", "houses.csv"];
    await expectRefusal(
      [...given, "--batch-size", "61"],
      /^error: --batch-size 61: is more than the 60 examples for training/,
    );
    await expectRefusal(
      [...given, "--validation-split", "60"],
      /^error: --validation-split 60: leaves none of the 60 examples/,
    );
  });

  it("says in one line which option is wrong", async () => {
    const given = [
      "train",
      "mlp.onnx",
      "--data",
      "houses.csv",
      "--target",
      "price",
      "--one-hot",
      "color",
      "--missing",
      "mean",
      "-o",
      "no.onnx",
    ];
    await expectRefusal([...given, "--loss", "msee"], /^error: --loss msee: is none of mse, /);
    await expectRefusal(
      [...given, "--loss", "mse", "--validation-split", "0.2", "--metrics", "mea"],
      /^error: --metrics mea: is none of /,
    );
    await expectRefusal(
      [...given, "--loss", "mse", "--schedule", "cosinus"],
      /^error: --schedule cosinus: is none of constant, /,
    );
    await expectRefusal(
      [...given, "--loss", "mse", "--resume"],
      /^error: --resume: needs to know from where; .*--checkpoint-dir/,
    );
    await expectRefusal(
      [...given, "--loss", "mse", "--learning-rate", "1e38", "--optimizer", "sgd"],
      /^error: step 2 \(epoch 1\): the loss is (NaN|Infinity): the first tensor that is not finite is .*"fc1\.weight"; lower --learning-rate/,
    );
  });
});

/** Minus the mean, divided by the population's standard deviation. */
function standardized(values: readonly number[]): readonly number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return values.map((value) => (value - mean) / deviation);
}
