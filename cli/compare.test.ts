import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, modelOf } from "../src/graph/builder.js";
import { encodeModel } from "../src/graph/encode-model.js";
import type { ComparisonResult } from "../src/runtime/comparison/comparison.js";
import { commandLine } from "./testing/command-line.js";
import { csv, houses } from "./testing/data-files.js";

const { run, runProcess, start, path, expectRefusal } = commandLine();
const data = ["--data", "houses.csv", "--target", "price", "--one-hot", "color", "--missing", "mean", "--loss", "mse"];
const given = [
  "compare",
  "mlp.onnx",
  ...data,
  "--standardize",
  "--standardize-target",
  "--seeds",
  "3",
  "--epochs",
  "3",
];

beforeAll(async () => {
  writeFileSync(path("houses.csv"), csv(houses(60)));
  await run("new", "mlp", "5-8-8-1", "-o", "mlp.onnx");
});

function withoutTimes(result: ComparisonResult): unknown {
  return JSON.parse(JSON.stringify(result, (name, value: unknown) => (/seconds/i.test(name) ? 0 : value)));
}

describe("compare", () => {
  it("compares strategies with Adam on a test split, in a table, with a verdict and a report", () => {
    const parts = ["--validation-split", "0.2", "--test-split", "0.2"];
    const kinds = ["--strategies", "additive,depth", "--normalized", "--larger-steps", "--init", "he"];
    const { status, stdout, stderr } = runProcess(...given, ...parts, ...kinds, "--report", "report.html");
    expect([status, stderr]).toEqual([0, "wrote report.html\n"]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^test loss +mean S +mean +deviation +better by +p +p \(Holm\) +steps +at target/);
    expect(lines[1]).toMatch(/^adam +1\.00 +\S+ +\S+ +6 +\d\/3/);
    expect(lines.slice(2, 8).map((line) => line.slice(0, line.search(/ {2}/)))).toEqual([
      "additive (layer)",
      expect.stringMatching(/^additive .*normalized/),
      "depth (layer)",
      expect.stringMatching(/^depth .*normalized/),
      expect.stringMatching(/^adam × \S+, as additive \(layer\)$/),
      expect.stringMatching(/^adam × \S+, as depth \(layer\)$/),
    ]);
    expect(stdout).toMatch(
      /^(No variant differs from|Better than|Worse than) Adam by more than chance.*\(test loss, 3 seeds/m,
    );
    expect(stdout).not.toMatch(/NaN|undefined/);
    expect(lines.at(-1)).toMatch(/^Target: a validation loss of \d/);
    expect(readFileSync(path("report.html"), "utf8")).toMatch(/^<!doctype html>[^]*additive \(layer\)/i);
  });

  it("gives all of it as JSON, the same with every run, from the same weights for each variant", async () => {
    const compared = () =>
      run(...given, "--validation-split", "0.2", "--strategies", "multiplicative", "--format", "json", "--json");
    const [one, other] = [await compared(), await compared()];
    const result = JSON.parse(one.stdout) as ComparisonResult;
    expect(withoutTimes(JSON.parse(other.stdout) as ComparisonResult)).toEqual(withoutTimes(result));
    expect(result).toMatchObject({ measure: "validation loss", better: "lower", seeds: [0, 1, 2] });
    expect(result.variants.map(({ name }) => name)).toEqual(["adam", "multiplicative (layer)"]);
    for (const { runs, mean, deviation } of result.variants) {
      const values = runs.map(({ value, history }) => {
        expect(history.map(({ epoch, step }) => [epoch, step])).toEqual([1, 2, 3].map((epoch) => [epoch, 2 * epoch]));
        expect(value).toBe(history.at(-1)?.validationLoss);
        return value;
      });
      const average = values.reduce((sum, value) => sum + value, 0) / 3;
      expect(mean).toBeCloseTo(average, 12);
      expect(deviation).toBeCloseTo(Math.sqrt(values.reduce((sum, value) => sum + (value - average) ** 2, 0) / 2), 12);
    }
    const ends = one.stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(ends.map(({ variant, seed, run: place, runs }) => [variant, seed, place, runs])).toEqual(
      [0, 1, 2].flatMap((seed) => [
        ["adam", seed, 2 * seed + 1, 6],
        ["multiplicative (layer)", seed, 2 * seed + 2, 6],
      ]),
    );
  });

  it("compares a metric, as Markdown", async () => {
    const { status, stdout, stderr } = await run(
      ...given,
      "--validation-split",
      "12",
      "--strategies",
      "depth",
      "--measure",
      "mae",
      "--format",
      "markdown",
    );
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(
      /^\| validation mae +\| +mean S \|.*\n\| :-+ \|.*\n\| adam .*\n\| depth \(layer\) .*\n\n.*validation mae, 3 seeds/,
    );
  });

  it("measures and monitors the metrics that train does, or those that are asked for", async () => {
    const short = [...given, "--validation-split", "0.2", "--strategies", "depth", "--format", "json"];
    const measured = async (...more: readonly string[]) => {
      const { stdout, stderr } = await run(...short, ...more);
      expect(stderr).toBe("");
      const [variant] = (JSON.parse(stdout) as ComparisonResult).variants;
      return Object.keys(variant?.runs[0]?.history[0]?.metrics ?? {});
    };
    expect(await measured("--early-stopping", "3", "--monitor", "mae")).toEqual(["mae", "r2"]);
    const named = ["--metrics", "rmse", "--measure", "mae", "--schedule", "plateau:monitor=rmse"];
    expect(await measured(...named)).toEqual(["rmse", "mae"]);
  });

  it("trains all variants with the numbers of Adam that are given", async () => {
    const short = [...given, "--validation-split", "0.2", "--strategies", "depth", "--format", "json"];
    const losses = async (...more: readonly string[]) => {
      const { stdout, stderr } = await run(...short, ...more);
      expect(stderr).toBe("");
      return (JSON.parse(stdout) as ComparisonResult).variants.map(({ mean }) => mean);
    };
    const plain = await losses();
    for (const more of [
      ["--weight-decay", "100", "--without-decay", "*bias"],
      ["--ema", "0.99"],
      ["--epsilon", "1"],
    ]) {
      for (const [index, loss] of (await losses(...more)).entries()) expect(loss).not.toBe(plain[index]);
    }
    const adam = ["--beta1", "0", "--beta2", "0", "--clip-global-norm", "0.1", "--amsgrad"];
    expect(await losses(...adam, "--epsilon-placement", "torch")).not.toEqual(plain);
    await expectRefusal(
      [...short, "--clip-norm", "1", "--clip-value", "1"],
      /^error: --clip-norm: does not go with --clip-value; choose one$/,
    );
  });

  it("compares a metric of one of several outputs, and none that several have", async () => {
    const g = graphBuilder("two");
    const x = g.input("x", "float32", ["batch", 2]);
    for (const name of ["p", "q"]) {
      const weight = g.initializer(float32Tensor(`${name}.weight`, [2, 1], [0.5, -0.5]));
      g.output(g.node("MatMul", [x, weight], {}, { outputs: [name] }), "float32", ["batch", 1]);
    }
    writeFileSync(path("two.onnx"), encodeModel(modelOf(g.graph())));
    const table = Array.from({ length: 20 }, (_, row) => [row % 7, row % 3, (row % 7) - (row % 3), row % 5].join(","));
    writeFileSync(path("two.csv"), `${["a,b,y,z", ...table].join("\n")}\n`);
    const targets = ["--target", "p.target=y", "--target", "q.target=z", "--loss", "p=mse", "--loss", "q=mse"];
    const training = ["--epochs", "2", "--seeds", "2", "--strategies", "depth", "--validation-split", "0.5"];
    const two = ["compare", "two.onnx", "--data", "two.csv", ...targets, ...training, "--format", "json"];
    const { stdout, stderr } = await run(...two, "--measure", "p.r2");
    expect(stderr).toBe("");
    const { measure, better, variants } = JSON.parse(stdout) as ComparisonResult;
    expect([measure, better]).toEqual(["validation p.r2", "higher"]);
    for (const { runs } of variants) {
      for (const { value, history } of runs) expect(value).toBe(history.at(-1)?.metrics["p.r2"]);
    }
    await expectRefusal(
      [...two, "--measure", "r2"],
      /^error: --measure r2: is there of several outputs; choose one of p\.r2, q\.r2$/,
    );
    await expectRefusal(
      [...two, "--measure", "p.accuracy"],
      /^error: --measure p\.accuracy: cannot be compared; choose one of loss, p\.mae, p\.rmse, p\.r2, q\.mae, q\.rmse, q\.r2$/,
    );
  });

  it("tells of trainings that diverge, and goes on", async () => {
    const { status, stdout } = await run(
      ...given,
      "--validation-split",
      "0.2",
      "--strategies",
      "depth",
      "--learning-rate",
      "1e38",
    );
    expect(status).toBe(0);
    expect(stdout).toContain("With adam, 3 of 3 trainings came to no number.");
    expect(stdout).not.toMatch(/NaN|undefined/);
  });

  it("ends with 130 when interrupted", async () => {
    const long = given.map((word, index) => (given[index - 1] === "--epochs" ? "40" : word));
    const { child, lines, finished } = start(...long, "--validation-split", "0.2", "--json", "--batch-size", "2");
    // After the first of twelve trainings.
    await lines(1);
    child.kill("SIGINT");
    const { status, stdout, stderr } = await finished;
    expect([status, stdout]).toEqual([130, ""]);
    expect(JSON.parse(stderr.trimEnd().split("\n").at(-1) ?? "")).toEqual({
      event: "warning",
      message: "interrupted before all variants were compared",
    });
  });

  it("refuses in one line what cannot be compared", async () => {
    await expectRefusal(given, /^error: --validation-split: is missing; a comparison needs examples for validation$/);
    const split = [...given, "--validation-split", "0.2"];
    await expectRefusal([...split, "--strategies", "additive,deep"], /^error: --strategies deep: is none of /);
    await expectRefusal([...split, "--conventions", "kera"], /^error: --conventions kera: is none of /);
    await expectRefusal(
      [...split, "--measure", "accuracy"],
      /^error: --measure accuracy: cannot be compared; choose one of loss, mae, rmse, r2$/,
    );
    await expectRefusal(
      [...split, "--test-split", "0.9"],
      /^error: --(validation|test)-split \S+: leaves none of the 60 examples/,
    );
    await expectRefusal(
      [...split, "--report", "none/report.html"],
      /^error: none\/report\.html: cannot be written: no such file or folder$/,
    );
    await expectRefusal([...split, "--report", "houses.csv"], /^error: --report houses\.csv: would overwrite the data/);
    for (const seeds of ["1", "1001", "1e9"]) {
      await expectRefusal(
        split.map((word, index) => (split[index - 1] === "--seeds" ? seeds : word)),
        /^error: --seeds \d+: is out of range: it takes a whole number from 2 to 1000$/,
      );
    }
    expect(existsSync(path("none"))).toBe(false);
  });
});
