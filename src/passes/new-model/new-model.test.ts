import { describe, expect, it } from "vitest";
import { encodeModel } from "../../graph/encode-model.js";
import type { Model } from "../../graph/model.js";
import { floats, runModel } from "../../graph/testing/run-model.js";
import { elementCount, readNumbers } from "../../graph/tensor.js";
import { scalesOf } from "../scaling/scales.js";
import { structureOf } from "../structure/structure.js";
import { rewrite } from "../training/rewrite.js";
import { activations, type ActivationName } from "./activations.js";
import { type CnnOptions, newCnn } from "./cnn.js";
import { newMlp } from "./mlp.js";

function weights({ graph }: Model, name: string): readonly number[] {
  const tensor = graph.initializers.find((initializer) => initializer.name === name);
  return tensor === undefined ? [] : (readNumbers(tensor) ?? []);
}

/** The model's output for a batch of numbers between -1 and 1. */
async function outputOf(model: Model, batch: number) {
  const type = model.graph.inputs[0]?.type;
  const shape = type?.kind === "tensor" ? (type.shape ?? []).slice(1).map(Number) : [];
  const values = Array.from({ length: batch * elementCount(shape) }, (_, index) => Math.sin(index + 1));
  const { output } = await runModel(model, { x: floats(values, [batch, ...shape]) });
  return { x: values, shape: output?.shape, values: output?.values ?? [] };
}

const standardDeviation = (values: readonly number[]) =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

/** Root of the mean square of weights that follow a scheme, within five standard errors. */
function expectDeviation(values: readonly number[], expected: number): void {
  const tolerance = 5 * Math.sqrt(0.8 / values.length);
  expect(Math.abs(standardDeviation(values) ** 2 / expected ** 2 - 1)).toBeLessThan(tolerance);
}

describe("newMlp", () => {
  it("has PyTorch's names and shapes, a symbolic batch, and the scales of the design's example", () => {
    const model = newMlp({ sizes: [8, 64, 32, 1] });
    expect(model.graph.initializers.map(({ name, shape }) => [name, shape])).toEqual([
      ["fc1.weight", [64, 8]],
      ["fc1.bias", [64]],
      ["fc2.weight", [32, 64]],
      ["fc2.bias", [32]],
      ["fc3.weight", [1, 32]],
      ["fc3.bias", [1]],
    ]);
    expect(model.graph.inputs).toEqual([
      { name: "x", type: { kind: "tensor", dataType: "float32", shape: ["batch", 8] } },
    ]);
    expect(model.graph.outputs).toEqual([
      { name: "output", type: { kind: "tensor", dataType: "float32", shape: ["batch", 1] } },
    ]);
    const { parameters } = scalesOf(structureOf(model), { strategy: "additive" });
    expect(
      parameters.filter(({ role }) => role === "kernel").map(({ frameworkName, scale }) => [frameworkName, scale]),
    ).toEqual([
      ["fc1.weight", 1],
      ["fc2.weight", expect.closeTo(0.05, 12)],
      ["fc3.weight", 1.95],
    ]);
  });

  it("computes W2·relu(W1·x + b1) + b2", async () => {
    const model = newMlp({ sizes: [3, 4, 2] });
    const [first, second] = [weights(model, "fc1.weight"), weights(model, "fc2.weight")];
    const { x, values, shape } = await outputOf(model, 1);
    const product = (matrix: readonly number[], vector: readonly number[]) =>
      Array.from({ length: matrix.length / vector.length }, (_, row) =>
        vector.reduce((sum, value, column) => sum + value * (matrix[row * vector.length + column] ?? 0), 0),
      );
    const hidden = product(first, x).map((value) => Math.max(value, 0));
    expect(shape).toEqual([1, 2]);
    for (const [index, value] of product(second, hidden).entries()) expect(values[index]).toBeCloseTo(value, 5);
  });

  it.each([...activations.keys()])("with %s runs and can be trained", async (activation) => {
    const model = newMlp({
      sizes: [5, 6, 7, 3],
      activation,
      layerNorm: true,
      dropout: 0.2,
      outputActivation: "softmax",
    });
    const { values, shape } = await outputOf(model, 2);
    expect(shape).toEqual([2, 3]);
    expect(values.slice(0, 3).reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
    const { contract } = rewrite(model, { loss: { name: "softmax-cross-entropy" }, emit: ["gradient"] });
    expect(contract.artifacts.gradient?.outputs.filter(({ role }) => role === "gradient")).toHaveLength(10);
    expect(contract.artifacts.gradient?.inputs.map(({ role }) => role)).toContain("seed");
  });

  it("starts as suits the activation", () => {
    const deviationOf: Readonly<Partial<Record<ActivationName, number>>> = {
      relu: Math.sqrt(2 / 200),
      selu: Math.sqrt(1 / 200),
      tanh: Math.sqrt(2 / 300),
    };
    for (const activation of ["relu", "selu", "tanh"] as const) {
      const first = weights(newMlp({ sizes: [200, 100, 1], activation }), "fc1.weight");
      expectDeviation(first, deviationOf[activation] ?? 0);
    }
    expectDeviation(weights(newMlp({ sizes: [200, 100, 1], scheme: "lecun" }), "fc1.weight"), Math.sqrt(1 / 200));
  });

  it("is the same for the same seed, and another for another", () => {
    const [first, again, other] = [1, 1, 2].map((seed) => encodeModel(newMlp({ sizes: [8, 4, 1], seed })));
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it("has batch normalizations that are trained", async () => {
    const model = newMlp({ sizes: [4, 6, 2], batchNorm: true });
    expect(weights(model, "bn1.weight")).toEqual([1, 1, 1, 1, 1, 1]);
    expect(weights(model, "bn1.running_mean")).toEqual([0, 0, 0, 0, 0, 0]);
    expect(weights(model, "bn1.running_var")).toEqual([1, 1, 1, 1, 1, 1]);
    expect((await outputOf(model, 3)).shape).toEqual([3, 2]);
    const { contract } = rewrite(model, { loss: { name: "mse" }, emit: ["gradient"] });
    expect(contract.artifacts.gradient?.inputs.filter(({ role }) => role === "buffer")).toHaveLength(2);
  });

  it("may be one layer", async () => {
    expect((await outputOf(newMlp({ sizes: [4, 2], outputActivation: "sigmoid" }), 3)).shape).toEqual([3, 2]);
  });

  it.each([
    [{ sizes: [] }, /needs two sizes/],
    [{ sizes: [8] }, /needs two sizes/],
    [{ sizes: [8, 0] }, /has the size 0/],
    [{ sizes: [8, 1.5] }, /has the size 1.5/],
    [{ sizes: [8, Number.NaN] }, /has the size NaN/],
    [{ sizes: [8, 1e20] }, /has the size 100000000000000000000/],
    [{ sizes: [1e9, 1e9, 1] }, /would have 1,000,000,002,000,000,000 weights, more than the 2 GiB/],
    [{ sizes: Array.from({ length: 1001 }, () => 2) }, /has 1001 sizes/],
    [{ sizes: [8, 4, 1], batchNorm: true, layerNorm: true }, /--layer-norm: excludes --batch-norm/],
    [{ sizes: [8, 4, 1], dropout: 1 }, /--dropout 1: is not from 0 to less than 1/],
    [{ sizes: [8, 4, 1], activation: "swish" as ActivationName }, /--activation swish: is none of relu/],
  ])("refuses %o", (options, message) => {
    expect(() => newMlp(options)).toThrow(message);
  });
});

describe("newCnn", () => {
  const cnn = (options: Partial<CnnOptions>) =>
    newCnn({ input: [1, 28, 28], channels: [16, 32], classes: 10, ...options });

  it("lays out what its blocks leave for the dense layer", async () => {
    const model = cnn({});
    expect(model.graph.initializers.map(({ name, shape }) => [name, shape])).toEqual([
      ["conv1.weight", [16, 1, 3, 3]],
      ["conv1.bias", [16]],
      ["conv2.weight", [32, 16, 3, 3]],
      ["conv2.bias", [32]],
      ["fc1.weight", [10, 32 * 7 * 7]],
      ["fc1.bias", [10]],
    ]);
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(
      "Conv Relu MaxPool Conv Relu MaxPool Flatten Gemm".split(" "),
    );
    expect((await outputOf(model, 2)).shape).toEqual([2, 10]);
    expectDeviation(weights(model, "conv2.weight"), Math.sqrt(2 / (16 * 9)));
  });

  it.each([
    { batchNorm: true, globalPooling: true, dropout: 0.1 },
    { hidden: [24, 12], kernel: 5, activation: "gelu", batchNorm: true },
    { input: [9, 33], classes: 4 },
    { input: [2, 8, 9, 4], classes: 4, activation: "silu" },
    { input: [3, 17, 40], channels: [4, 4, 4, 4], outputActivation: "softmax" },
  ] as readonly Partial<CnnOptions>[])("%o runs and can be trained", async (options) => {
    const model = cnn(options);
    const { shape, values } = await outputOf(model, 2);
    expect(shape).toEqual([2, options.classes ?? 10]);
    expect(values.every(Number.isFinite)).toBe(true);
    const structure = structureOf(model);
    const { contract } = rewrite(model, { loss: { name: "softmax-cross-entropy" }, emit: ["gradient"] });
    expect(contract.parameters).toHaveLength(structure.layers.flatMap(({ parameters }) => parameters).length);
  });

  it.each([
    [{ input: [28] }, /takes channels and one to three extents/],
    [{ input: [1, 2, 3, 4, 5] }, /takes channels and one to three extents/],
    [{ input: [1, 0, 28] }, /has the size 0/],
    [{ channels: [] }, /--channels: names no block/],
    [{ channels: [0] }, /--channels: has the size 0/],
    [{ classes: 0 }, /--classes: has the size 0/],
    [{ hidden: [-1] }, /--hidden: has the size -1/],
    [{ kernel: 4 }, /--kernel 4: is even/],
    [{ input: [1, 4, 8], channels: [1, 1, 1] }, /has 3 blocks that halve its extents, but after 2 these are 1x2/],
    [{ kernel: 1_000_001 }, /more than the 2 GiB/],
  ])("refuses %o", (options, message) => {
    expect(() => cnn(options)).toThrow(message);
  });
});
