import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { readModel } from "../src/graph/read-model.js";
import { readFloats } from "../src/graph/tensor.js";
import { commandLine } from "./testing/command-line.js";

const { run, runProcess, path, expectRefusal } = commandLine();
const mlp = resolve("fixtures/pytorch/mlp.torchscript.onnx");

function values(file: string, name: string): readonly number[] {
  const tensor = readModel(file).graph.initializers.find((initializer) => initializer.name === name);
  return tensor === undefined ? [] : [...readFloats(tensor, "float32")];
}

describe("init", () => {
  beforeAll(() => copyFileSync(mlp, path("own.onnx")));

  it("writes new weights and zero biases into the same model", () => {
    const { status, stdout, stderr } = runProcess("init", mlp, "-o", "fresh.onnx", "--scheme", "he", "--seed", "0");
    expect([status, stdout, stderr.trim()]).toEqual([0, "", "new values for 6 tensors\nwrote fresh.onnx"]);
    const [before, after] = [mlp, path("fresh.onnx")].map((file) => readFileSync(file));
    expect(after?.length).toBe(before?.length);
    const fresh = values(path("fresh.onnx"), "fc1.weight");
    expect(fresh).not.toEqual(values(mlp, "fc1.weight"));
    // fc1.weight is [64, 8]: √(3·2/8).
    const largest = fresh.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest).toBeLessThanOrEqual(Math.sqrt(6 / 8));
    expect(largest).toBeGreaterThan(0.95 * Math.sqrt(6 / 8));
    expect(new Set(values(path("fresh.onnx"), "fc1.bias"))).toEqual(new Set([0]));
  });

  it("the same seed gives the same file", async () => {
    const seeded = async (name: string, seed: string) => {
      expect((await run("init", mlp, "-o", name, "--seed", seed, "--quiet")).stderr).toBe("");
      return readFileSync(path(name));
    };
    const first = await seeded("first.onnx", "5");
    expect(await seeded("again.onnx", "5")).toEqual(first);
    expect(await seeded("other.onnx", "6")).not.toEqual(first);
  });

  it("leaves alone what is frozen", async () => {
    expect((await run("init", mlp, "-o", "head.onnx", "--freeze", "*", "--train", "fc3.*")).status).toBe(0);
    expect(values(path("head.onnx"), "fc1.weight")).toEqual(values(mlp, "fc1.weight"));
    expect(values(path("head.onnx"), "fc3.weight")).not.toEqual(values(mlp, "fc3.weight"));
  });

  it("drops what was done to the data of former weights, unless some of them stay", async () => {
    writeFileSync(path("numbers.csv"), "a,y\n1,2\n2,3\n3,5\n");
    await run("new", "mlp", "1-2-1", "-o", "small.onnx");
    const given = ["--data", "numbers.csv", "--target", "y", "--standardize", "--loss", "mse", "--epochs", "1"];
    await run("train", "small.onnx", ...given, "-o", "trained.onnx");
    const keys = (file: string) => [...readModel(path(file)).metadata.keys()];
    expect(keys("trained.onnx")).toEqual(["caadam.preprocessing"]);
    await run("init", "trained.onnx", "-o", "anew.onnx");
    expect(keys("anew.onnx")).toEqual([]);
    await run("init", "trained.onnx", "-o", "partly.onnx", "--freeze", "fc1.*");
    expect(keys("partly.onnx")).toEqual(["caadam.preprocessing"]);
  });

  it("float16 weights stay float16", async () => {
    const half = resolve("fixtures/half-precision/mlp.torchscript.float16.onnx");
    expect((await run("init", half, "-o", "half.onnx")).status).toBe(0);
    const types = [half, path("half.onnx")].map((file) =>
      readModel(file).graph.initializers.map(({ dataType }) => dataType),
    );
    expect(types[1]).toEqual(types[0]);
    const largest = values(path("half.onnx"), "fc1.weight").reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest).toBeGreaterThan(0);
  });

  it.each([
    [["init", "missing.onnx", "-o", "x.onnx"], /^error: missing.onnx: cannot be read/],
    [["init", mlp], /Missing required argument: output/],
    [["init", mlp, "-o", ""], /^error: --output: names no file$/],
    [["init", "own.onnx", "-o", "own.onnx"], /^error: --output own.onnx: would overwrite the model/],
    [["init", mlp, "-o", "x.onnx", "--scheme", "xavier"], /Invalid values/],
    [["init", mlp, "-o", "x.onnx", "--gain", "-1"], /^error: --gain -1: is not a positive number$/],
    [["init", mlp, "-o", "x.onnx", "--freeze", "nothing"], /--freeze "nothing": matches no float initializer/],
    [["init", mlp, "-o", "x.onnx", "--freeze", "*"], /has no parameters left/],
  ])("refuses %j", async (args, message) => {
    await expectRefusal(args, message);
  });
});
