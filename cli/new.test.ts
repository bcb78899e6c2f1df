import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readModel } from "../src/graph/read-model.js";
import { commandLine } from "./testing/command-line.js";

const { run, runProcess, path, expectRefusal } = commandLine();

describe("new", () => {
  it("writes an MLP that the other commands take", async () => {
    const { status, stdout, stderr } = runProcess("new", "mlp", "8-64-32-1", "-o", "mlp.onnx");
    expect([status, stdout, stderr.trim()]).toEqual([0, "", "wrote mlp.onnx"]);
    expect((await run("annotate", "mlp.onnx")).stdout).toContain("6 parameters in 3 layers, 2,689 elements");
    expect((await run("rewrite", "mlp.onnx", "--loss", "mse", "-o", "training")).status).toBe(0);
  });

  it("writes a CNN with what is asked for", async () => {
    const options = "--channels 4,8 --classes 3 --hidden 6 --kernel 5 --batch-norm --dropout 0.1 --activation gelu";
    expect((await run("new", "cnn", "3x20x12", ...options.split(" "), "-o", "cnn.onnx", "--quiet")).stderr).toBe("");
    expect(readModel(path("cnn.onnx")).graph.nodes.map(({ name }) => name)).toEqual(
      "conv1 bn1 gelu1 pool1 conv2 bn2 gelu2 pool2 flatten dropout1 fc1 bn3 gelu3 dropout2 fc2".split(" "),
    );
    expect((await run("rewrite", "cnn.onnx", "--loss", "softmax-cross-entropy", "-o", "cnn-training")).status).toBe(0);
  });

  it("the same seed gives the same file, whatever the rest of the command line is", async () => {
    const written = async (name: string, ...more: readonly string[]) => {
      expect((await run("new", "mlp", "4-8-2", "-o", name, ...more)).status).toBe(0);
      return readFileSync(path(name));
    };
    const first = await written("a.onnx", "--seed", "7");
    expect(await written("b.onnx", "--seed", "7", "--json")).toEqual(first);
    expect(await written("c.onnx")).not.toEqual(first);
    expect(await written("d.onnx", "--seed", "7", "--distribution", "normal", "--scheme", "glorot")).not.toEqual(first);
  });

  it("messages as JSON", async () => {
    const { stderr } = await run("new", "mlp", "4-2", "-o", "json.onnx", "--json");
    expect(JSON.parse(stderr)).toEqual({ event: "note", message: "wrote json.onnx" });
  });

  it("has help with examples", async () => {
    expect((await run("new", "--help")).stdout).toContain("new cnn 1x28x28 --channels 16,32");
    expect((await run("new", "mlp", "--help")).stdout).toMatch(/leaky-relu.*\n[^]*Examples:/);
  });

  it.each([
    [["new"], /say which model, mlp or cnn/],
    [["new", "rnn", "8-1", "-o", "x.onnx"], /^error: /],
    [["new", "mlp", "8-1"], /Missing required argument: output/],
    [["new", "mlp", "8-1", "-o", ""], /^error: --output: names no file$/],
    [["new", "mlp", "8--1", "-o", "x.onnx"], /^error: new mlp: "8--1" is no list of sizes/],
    [["new", "mlp", "8-1e3", "-o", "x.onnx"], /^error: new mlp: "8-1e3" is no list of sizes/],
    [["new", "mlp", "8-99999999999999999999", "-o", "x.onnx"], /^error: new mlp: has the size 100000000000000000000/],
    [["new", "mlp", "8-1", "--activation", "swish", "-o", "x.onnx"], /Invalid values/],
    [["new", "mlp", "8-1", "--classes", "2", "-o", "x.onnx"], /Unknown argument: classes/],
    [["new", "mlp", "8-1", "--seed", "0.5", "-o", "x.onnx"], /^error: --seed 0.5: is not an integer$/],
    [
      ["new", "mlp", "8-1", "-o", "missing/x.onnx"],
      /^error: missing\/x.onnx: cannot be written: no such file or folder$/,
    ],
    [["new", "cnn", "28x28", "-o", "x.onnx"], /Missing required argument: classes/],
    [
      ["new", "cnn", "1,28,28", "--classes", "2", "-o", "x.onnx"],
      /no list of sizes with "x" between them; say 1x28x28/,
    ],
    [
      ["new", "cnn", "1x28x28", "--channels", "", "--classes", "2", "-o", "x.onnx"],
      /^error: --channels: "" is no list/,
    ],
  ])("refuses %j", async (args, message) => {
    await expectRefusal(args, message);
  });
});
