import { describe, expect, it } from "vitest";
import { attributesOf, float32Tensor } from "../../graph/builder.js";
import { Emitter, type Value } from "../../graph/emitter.js";
import type { Graph, Node } from "../../graph/model.js";
import { replay } from "../../graph/replay.js";
import { tensorFacts } from "../../graph/shapes/facts.js";
import { standardModel } from "../../graph/standard-model.js";
import { refusal } from "../../graph/testing/input-error.js";
import { body, graph, node } from "../../graph/testing/models.js";
import { floats, type PlainTensor, runModel } from "../../graph/testing/run-model.js";
import { BatchNormalizations, type BatchNormMode } from "./batch-normalization.js";

const channels = 2;
const scale = [1.5, -2];
const bias = [0.25, 1];
const runningMean = [0.5, -1];
const runningVariance = [2, 0.5];
const epsilon = 1e-3;
const momentum = 0.8;

const initializers = [
  float32Tensor("scale", [channels], scale),
  float32Tensor("bias", [channels], bias),
  float32Tensor("mean", [channels], runningMean),
  float32Tensor("variance", [channels], runningVariance),
];

function batchNormalization(input: string, outputs: readonly string[], more: Partial<Node> = {}): Node {
  const attributes = attributesOf({ epsilon: { float: epsilon }, momentum: { float: momentum } });
  return node("BatchNormalization", [input, "scale", "bias", "mean", "variance"], outputs, { attributes, ...more });
}

/**
 * The graph with its batch normalizations in a mode; the outputs are those of the graph and the statistics after the
 * batch.
 */
function inMode(given: Graph, mode: BatchNormMode, rank: number) {
  const emitter = new Emitter();
  const normalizations = new BatchNormalizations(given, emitter, mode);
  const extents = ["n", channels, 3, "m"].slice(0, rank);
  const x = emitter.input("x", tensorFacts("float32", extents));
  const values = replay(given, emitter, new Map([["x", x]]), {
    initializer: (tensor, inner) => normalizations.buffer(tensor, emitter) ?? inner.initializer(tensor),
    rewrite: (replayed) => normalizations.rewrite(replayed),
  });
  const outputs = given.outputs.map(({ name }) => ({ name, value: values.get(name) ?? expect.fail(name) }));
  const updated = normalizations.buffers.flatMap(({ name, updated: value }) =>
    value === undefined ? [] : [{ name: `${name}.updated`, value }],
  );
  return { graph: emitter.graph("g", [...outputs, ...updated]), buffers: normalizations.buffers };
}

const shapes: readonly (readonly number[])[] = [
  [5, channels],
  [4, channels, 3],
  [3, channels, 3, 2],
];

/** A batch of this shape, and the elements of each of its channels. */
function batchOf(shape: readonly number[]): { readonly x: PlainTensor; readonly ofChannel: readonly number[][] } {
  const inside = shape.slice(2).reduce((product, extent) => product * extent, 1);
  const count = (shape[0] ?? 0) * channels * inside;
  const values = Array.from({ length: count }, (_, index) => Math.fround(Math.sin(index * 1.3) * 3 + 1));
  const ofChannel = [0, 1].map((channel) =>
    values.filter((_, index) => Math.floor(index / inside) % channels === channel),
  );
  return { x: floats(values, shape), ofChannel };
}

function average(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** Mean and variance, not corrected for their number, as ONNX has it. */
function statisticsOf(ofChannel: readonly (readonly number[])[]) {
  const means = ofChannel.map(average);
  const variances = ofChannel.map((numbers, channel) => average(numbers.map((x) => (x - (means[channel] ?? 0)) ** 2)));
  return { means, variances };
}

/** (x − mean)/√(variance + ε)·scale + bias, channel by channel. */
function normalized({ x }: ReturnType<typeof batchOf>, means: readonly number[], variances: readonly number[]) {
  const inside = x.shape.slice(2).reduce((product, extent) => product * extent, 1);
  return x.values.map((value, index) => {
    const channel = Math.floor(index / inside) % channels;
    const [mean = 0, variance = 0, s = 0, b = 0] = [means, variances, scale, bias].map((each) => each[channel]);
    return ((value - mean) / Math.sqrt(variance + epsilon)) * s + b;
  });
}

function moved(running: readonly number[], own: readonly number[]): readonly number[] {
  return running.map((number, channel) => number * momentum + (own[channel] ?? 0) * (1 - momentum));
}

function expectClose(found: PlainTensor | undefined, expected: readonly number[]): void {
  expect(found?.values).toEqual(expected.map((value) => expect.closeTo(value, 5) as unknown));
}

const one = graph(["x"], [batchNormalization("x", ["y"])], ["y"], { initializers });
const feeds = { mean: floats(runningMean), variance: floats(runningVariance) };

describe.each(shapes)("a batch of %j, %j ...", (...extents) => {
  const batch = batchOf(extents);
  const { means, variances } = statisticsOf(batch.ofChannel);

  it("in training is normalized with its own statistics, which move the running ones", async () => {
    const { graph: found, buffers } = inMode(one, "training", extents.length);
    expect(buffers.map(({ name, dataType, shape }) => [name, dataType, shape])).toEqual([
      ["mean", "float32", [channels]],
      ["variance", "float32", [channels]],
    ]);
    const results = await runModel(standardModel(found, "g"), { x: batch.x, ...feeds });
    expectClose(results["y"], normalized(batch, means, variances));
    expectClose(results["mean.updated"], moved(runningMean, means));
    expectClose(results["variance.updated"], moved(runningVariance, variances));
  });

  it("in training with momentum 0 leaves its own statistics behind", async () => {
    const attributes = attributesOf({ momentum: { float: 0 } });
    const nodes = [batchNormalization("x", ["y"], { attributes })];
    const { graph: found } = inMode(graph(["x"], nodes, ["y"], { initializers }), "training", extents.length);
    const results = await runModel(standardModel(found, "g"), { x: batch.x, ...feeds });
    expectClose(results["mean.updated"], means);
    expectClose(results["variance.updated"], variances);
  });

  it("is normalized with the running statistics that it is given", async () => {
    const { graph: found } = inMode(one, "running", extents.length);
    expect(found.outputs.map(({ name }) => name)).toEqual(["y"]);
    const other = [
      [3, 4],
      [1, 9],
    ] as const;
    const given = { mean: floats(other[0]), variance: floats(other[1]) };
    const results = await runModel(standardModel(found, "g"), { x: batch.x, ...given });
    expectClose(results["y"], normalized(batch, ...other));
  });

  it("is normalized with what the file has where that is frozen", async () => {
    const { graph: found, buffers } = inMode(one, "frozen", extents.length);
    expect([found.inputs.map(({ name }) => name), buffers]).toEqual([["x"], []]);
    const results = await runModel(standardModel(found, "g"), { x: batch.x });
    expectClose(results["y"], normalized(batch, runningMean, runningVariance));
  });
});

describe("a layer", () => {
  const [shape = []] = shapes;
  const batch = batchOf(shape);
  const { means, variances } = statisticsOf(batch.ofChannel);

  it("that is applied twice moves its statistics twice", async () => {
    const nodes = [batchNormalization("x", ["h"]), batchNormalization("h", ["y"])];
    const { graph: found, buffers } = inMode(graph(["x"], nodes, ["y"], { initializers }), "training", 2);
    expect(buffers.length).toBe(2);
    const results = await runModel(standardModel(found, "g"), { x: batch.x, ...feeds });
    const second = statisticsOf(batchChannels(normalized(batch, means, variances)));
    expectClose(results["mean.updated"], moved(moved(runningMean, means), second.means));
    expectClose(results["variance.updated"], moved(moved(runningVariance, variances), second.variances));
  });

  it("that was exported in training is the same one in inference", async () => {
    const attributes = attributesOf({ epsilon: { float: epsilon }, momentum: { float: momentum }, training_mode: 1 });
    const nodes = [batchNormalization("x", ["y", "m", "v"], { attributes })];
    const exported = graph(["x"], nodes, ["y", "m", "v"], { initializers });
    const { graph: running } = inMode(exported, "running", 2);
    const results = await runModel(standardModel(running, "g"), { x: batch.x, ...feeds });
    expectClose(results["y"], normalized(batch, runningMean, runningVariance));
    expectClose(results["m"], runningMean);
    expectClose(results["v"], runningVariance);
    const { graph: training } = inMode(exported, "training", 2);
    const trained = await runModel(standardModel(training, "g"), { x: batch.x, ...feeds });
    expectClose(trained["m"], moved(runningMean, means));
    expectClose(trained["v"], moved(runningVariance, variances));
  });

  it("that gets its statistics through Identity has them as buffers, too", () => {
    const nodes = [node("Identity", ["shared"], ["mean"]), batchNormalization("x", ["y"])];
    const shared = initializers.map((tensor) => (tensor.name === "mean" ? { ...tensor, name: "shared" } : tensor));
    const { buffers } = inMode(graph(["x"], nodes, ["y"], { initializers: shared }), "training", 2);
    expect(buffers.map(({ name, updated }) => [name, updated?.shape])).toEqual([
      ["shared", [channels]],
      ["variance", [channels]],
    ]);
  });

  it("inside of a body cannot move its statistics, but be normalized with them", () => {
    const inner = graph([], [batchNormalization("x", ["b"], { name: "norm" })], ["b"]);
    const branches = new Map([body("then_branch", inner), body("else_branch", inner)]);
    const given = graph(["x"], [node("If", ["condition"], ["y"], { attributes: branches })], ["y"], { initializers });
    const condition = (mode: BatchNormMode): Graph => {
      const emitter = new Emitter();
      const normalizations = new BatchNormalizations(given, emitter, mode);
      const inputs = new Map<string, Value>([
        ["x", emitter.input("x", tensorFacts("float32", ["n", channels]))],
        ["condition", emitter.input("condition", tensorFacts("bool", []))],
      ]);
      const values = replay(given, emitter, inputs, {
        initializer: (tensor, outer) => normalizations.buffer(tensor, emitter) ?? outer.initializer(tensor),
        rewrite: (replayed) => normalizations.rewrite(replayed),
      });
      return emitter.graph("g", [{ value: values.get("y") ?? expect.fail() }]);
    };
    expect(refusal(() => condition("training"))).toMatch(
      /^BatchNormalization "norm": would move .*--freeze-batch-norm$/,
    );
    expect(condition("running").inputs.map(({ name }) => name)).toEqual(["x", "condition", "mean", "variance"]);
    expect(condition("frozen").inputs.map(({ name }) => name)).toEqual(["x", "condition"]);
  });
});

/** The elements of each channel of a matrix. */
function batchChannels(values: readonly number[]): readonly number[][] {
  return [0, 1].map((channel) => values.filter((_, index) => index % channels === channel));
}
