import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { float32Tensor, type GraphBuilder, graphBuilder, int64Tensor, modelOf } from "../../graph/builder.js";
import { Emitter, type Value } from "../../graph/emitter.js";
import type { Graph, Model } from "../../graph/model.js";
import { readModel } from "../../graph/read-model.js";
import { replay } from "../../graph/replay.js";
import { factsOfType } from "../../graph/shapes/declared-facts.js";
import { type Extent, substitute, symbolsOf } from "../../graph/shapes/extent.js";
import type { Facts } from "../../graph/shapes/facts.js";
import { fixtureModels } from "../../graph/testing/models.js";
import { floats, type PlainTensor, runModel } from "../../graph/testing/run-model.js";
import { freeBatch } from "./free-batch.js";
import { inlineFunctions } from "./inline-functions.js";
import { upgradeOpset, workingOpset } from "./upgrade-opset.js";

/** Other symbols than the batch stand for this. */
const otherExtent = 6;

/** Models in which more follows from a batch of two than constants that are the same for both. */
const notFreed: ReadonlySet<string> = new Set([
  "bert.torchscript.onnx",
  "bert_classifier.torchscript.onnx",
  "gpt2.torchscript.onnx",
  "llama.torchscript.onnx",
  "gru_loop.onnx",
]);

describe("real models, exported for a batch of one or two, take a batch of three", () => {
  it.each(fixtureModels.flatMap((path) => [1, 2].map((size) => [basename(path), size, path] as const)))(
    "%s, from %i",
    async (name, size, path) => {
      const model = inlineFunctions(upgradeOpset(readModel(path)));
      const { model: freed, warning } = freeBatch(baked(model, size));
      if (size > 1 && notFreed.has(name)) {
        expect(warning).toMatch(
          /^the batch size stays 2, as in the file: (value|output) ".*": (was made for 2 examples|is )/,
        );
        return;
      }
      expect(warning).toBeUndefined();
      const feeds = feedsOf(model.graph, 3);
      const expected = await runModel(model, feeds);
      const found = await runModel(freed, feeds);
      expect(Object.keys(found)).toEqual(Object.keys(expected));
      for (const [output, tensor] of Object.entries(expected)) expectClose(output, found[output], tensor);
    },
  );
});

/** A model with one input x of this shape, and one output. */
function modelOn(shape: readonly number[], build: (builder: GraphBuilder, x: string) => string): Model {
  const builder = graphBuilder("g");
  builder.output(build(builder, builder.input("x", "float32", shape)), "float32");
  return modelOf(builder.graph(), workingOpset, 13);
}

/** Checks that each example of a batch of three gets what the model as it was makes of it alone. */
async function expectEachAlone(given: Model): Promise<Model> {
  const { model: freed, warning } = freeBatch(given);
  expect(warning).toBeUndefined();
  const { x } = feedsOf(freed.graph, 3);
  if (x === undefined) throw new Error("no x");
  const [found] = Object.values(await runModel(freed, { x }));
  const length = x.values.length / 3;
  const alone: number[] = [];
  for (const example of [0, 1, 2]) {
    const values = x.values.slice(example * length, (example + 1) * length);
    const [result] = Object.values(await runModel(given, { x: { ...x, shape: [1, ...x.shape.slice(1)], values } }));
    alone.push(...(result?.values ?? []));
  }
  expectClose("output", found && { ...found, shape: [found.values.length] }, floats(alone));
  return freed;
}

describe("a batch of one that is written down in", () => {
  const w = (shape: readonly number[]) => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    return float32Tensor(
      "w",
      shape,
      Array.from({ length: count }, (_, index) => Math.cos(index)),
    );
  };

  it.each<[string, Model]>([
    [
      "the shape of heads of attention, and in what puts them together again",
      modelOn([1, 5, 6], (b, x) => {
        const split = b.node("Reshape", [x, b.initializer(int64Tensor("s", [1, 5, 2, 3]))]);
        const heads = b.node("Transpose", [split], { perm: [0, 2, 1, 3] });
        const keys = b.node("Transpose", [split], { perm: [0, 2, 3, 1] });
        const scores = b.node("Softmax", [b.node("MatMul", [heads, keys])]);
        const mixed = b.node("Transpose", [b.node("MatMul", [scores, heads])], { perm: [0, 2, 1, 3] });
        return b.node("Reshape", [mixed, b.initializer(int64Tensor("t", [1, 5, 6]))]);
      }),
    ],
    [
      "heads that are merged with the batch, with the sequence in front",
      modelOn([1, 5, 6], (b, x) => {
        const first = b.node("Transpose", [x], { perm: [1, 0, 2] });
        const split = b.node("Reshape", [first, b.initializer(int64Tensor("s", [5, 2, 3]))]);
        const heads = b.node("Transpose", [split], { perm: [1, 0, 2] });
        const keys = b.node("Transpose", [split], { perm: [1, 2, 0] });
        const mixed = b.node("MatMul", [b.node("Softmax", [b.node("MatMul", [heads, keys])]), heads]);
        const back = b.node("Transpose", [mixed], { perm: [1, 0, 2] });
        const flat = b.node("Reshape", [back, b.initializer(int64Tensor("t", [5, 6]))]);
        const dense = b.node("Gemm", [flat, b.initializer(w([6, 4]))]);
        const rows = b.node("Reshape", [dense, b.initializer(int64Tensor("u", [5, 1, 4]))]);
        return b.node("Transpose", [rows], { perm: [1, 0, 2] });
      }),
    ],
    [
      "rows of all positions",
      modelOn([1, 5, 6], (b, x) => {
        const flat = b.node("Reshape", [x, b.initializer(int64Tensor("s", [5, 6]))]);
        const dense = b.node("Gemm", [flat, b.initializer(w([6, 4]))]);
        return b.node("Reshape", [dense, b.initializer(int64Tensor("t", [1, 5, 4]))]);
      }),
    ],
    [
      "a vector of all features",
      modelOn([1, 2, 3], (b, x) => b.node("Reshape", [x, b.initializer(int64Tensor("s", [6]))])),
    ],
    [
      "a token in front of each sequence",
      modelOn([1, 5, 6], (b, x) => b.node("Concat", [b.initializer(w([1, 1, 6])), x], { axis: 1 })),
    ],
    [
      "the target of Expand",
      modelOn([1, 1, 6], (b, x) => b.node("Expand", [x, b.initializer(int64Tensor("s", [1, 4, 6]))])),
    ],
    [
      "the sizes of Resize",
      modelOn([1, 2, 3, 3], (b, x) =>
        b.node("Resize", [x, "", "", b.initializer(int64Tensor("s", [1, 2, 6, 6]))], { mode: "nearest" }),
      ),
    ],
    ["Squeeze of all that is 1", modelOn([1, 1, 6], (b, x) => b.node("Squeeze", [x]))],
    [
      "the initial states of a recurrent layer",
      modelOn([1, 5, 2], (b, x) => {
        const input = b.node("Transpose", [x], { perm: [1, 0, 2] });
        const weights = ["w", "r"].map((name, index) => b.initializer({ ...w([1, 6, 2]), name: `${name}${index}` }));
        const state = b.initializer(float32Tensor("h", [1, 1, 2], [0.5, -0.5]));
        const [y = ""] = b.nodes("GRU", [input, ...weights, "", "", state], 2, { hidden_size: 2 });
        const rows = b.node("Squeeze", [y, b.initializer(int64Tensor("direction", [1]))]);
        return b.node("Transpose", [rows], { perm: [1, 0, 2] });
      }),
    ],
    [
      "index tuples that begin with the example",
      modelOn([1, 4], (b, x) => {
        const tuples = [0, 3, 0, 1, 0, 3];
        return b.node("GatherND", [x, b.initializer(int64Tensor("i", tuples, [1, 3, 2]))]);
      }),
    ],
  ])("%s", async (_, given) => {
    const freed = await expectEachAlone(given);
    const type = freed.graph.inputs[0]?.type;
    expect(type?.kind === "tensor" ? type.shape?.[0] : undefined).toBe("batch");
  });
});

describe("a model is returned as it is, with the reason,", () => {
  const zero = int64Tensor("zero", [0], []);
  it.each<[string, Model, string]>([
    [
      "where it picks an example",
      modelOn([1, 5], (b, x) => b.node("Gather", [x, b.initializer(zero)], { axis: 0 })),
      'output "Gather_0_output_0": is [5] whatever the batch',
    ],
    [
      "where it names examples",
      modelOn([1, 4], (b, x) => {
        const update = b.initializer(float32Tensor("u", [1], [7]));
        return b.node("ScatterND", [x, b.initializer(int64Tensor("i", [0, 2], [1, 2])), update]);
      }),
      'ScatterND "ScatterND_0": names examples by their number',
    ],
    [
      "where it mixes examples",
      modelOn([1, 4], (b, x) => b.node("Softmax", [x], { axis: 0 })),
      'Softmax "Softmax_0": mixes the examples of a batch',
    ],
    [
      "where it has something else for each example",
      modelOn([2, 3], (b, x) => {
        const each = b.initializer(float32Tensor("each", [2, 1], [1, 2]));
        return b.node("Add", [x, each]);
      }),
      'value "each": was made for 2 examples',
    ],
    [
      "where it takes a part of the examples",
      modelOn([2, 3], (b, x) => {
        const [from, to] = [b.initializer(int64Tensor("from", [0])), b.initializer(int64Tensor("to", [2]))];
        return b.node("Slice", [x, from, to]);
      }),
      'output "Slice_0_output_0": would have the shape [min(2, batch), 3]',
    ],
    [
      "where an output would have another rank",
      modelOn([1, 3], (b, x) => {
        const axis = b.initializer(int64Tensor("axis", [0]));
        return b.node("Unsqueeze", [b.node("Squeeze", [x, axis]), axis]);
      }),
      'output "Unsqueeze_1_output_0": would have the shape [1, batch, 3]',
    ],
    [
      "where a layer that puts out its last state alone starts from one for each example",
      modelOn([2, 1, 2], (b, x) => {
        const steps = b.node("Transpose", [x], { perm: [1, 0, 2] });
        const weights = ["w", "r"].map((name) => b.initializer(float32Tensor(name, [1, 2, 2])));
        const start = b.initializer(float32Tensor("start", [1, 2, 2], [1, 2, 3, 4]));
        const outputs = ["", "last"];
        const [, last = ""] = b.nodes("RNN", [steps, ...weights, "", "", start], 2, { hidden_size: 2 }, { outputs });
        return last;
      }),
      'value "start": was made for 2 examples',
    ],
  ])("%s", (_, given, reason) => {
    const size = given.graph.inputs[0]?.type?.kind === "tensor" ? given.graph.inputs[0].type.shape?.[0] : undefined;
    expect(freeBatch(given)).toEqual({
      model: given,
      warning: `the batch size stays ${String(size)}, as in the file: ${reason}`,
    });
  });
});

it("what is trained is of each example, even if it starts the same for all", () => {
  const given = modelOn([2, 3], (b, x) => b.node("Add", [x, b.initializer(float32Tensor("each", [2, 3]))]));
  expect(freeBatch(given).warning).toBeUndefined();
  expect(freeBatch(given, new Set(["each"])).warning).toMatch(/"each": was made for 2 examples/);
});

it("one number is not taken for a batch of one", () => {
  const builder = graphBuilder("g");
  const scaled = builder.node("Mul", [builder.input("x", "float32", [1, 3]), builder.input("t", "float32", [1])]);
  builder.output(scaled, "float32");
  const { graph } = freeBatch(modelOf(builder.graph())).model;
  expect(graph.inputs.map(({ type }) => (type?.kind === "tensor" ? type.shape : undefined))).toEqual([
    ["batch", 3],
    [1],
  ]);
});

describe("nothing is freed", () => {
  it("where the first axis is free, or is no batch", () => {
    const builder = graphBuilder("g");
    const inputs = [
      builder.input("a", "float32", [2, 3]),
      builder.input("b", "float32", [3, 3]),
      builder.input("number", "float32", []),
    ];
    builder.output(builder.node("Sum", inputs), "float32");
    const symbolic = graphBuilder("g");
    symbolic.output(symbolic.node("Relu", [symbolic.input("x", "float32", ["n", 3])]), "float32");
    const [unlike, free] = [builder, symbolic].map((each) => modelOf(each.graph()));
    expect(unlike && freeBatch(unlike)).toEqual({
      model: unlike,
      warning: "the batch size stays as in the file: its inputs begin with 2, 3",
    });
    expect(free && freeBatch(free)).toEqual({ model: free });
  });
});

/**
 * The model as an exporter writes it that knows the batch size: inputs and all that follows from their shapes are
 * numbers.
 */
function baked(model: Model, size: number): Model {
  const emitter = new Emitter();
  const inputs = new Map(
    inputsOf(model.graph).map((info): [string, Value] => {
      const facts = factsOfType(info.type, () => otherExtent);
      const shape = facts.shape?.map((extent, axis) => atSize(extent, axis === 0 ? size : otherExtent));
      return [info.name, emitter.input(info.name, { ...facts, shape })];
    }),
  );
  const values = replay(model.graph, emitter, inputs, {
    initializer: (tensor, inner) => inner.initializer(tensor),
    rewrite: () => undefined,
  });
  const outputs = model.graph.outputs.map(({ name }) => ({ name, value: values.get(name) ?? expect.fail(name) }));
  return { ...model, graph: emitter.graph(model.graph.name, outputs) };
}

function atSize(extent: Extent, number: number): Extent {
  return substitute(extent, new Map(symbolsOf(extent).map((name) => [name, number])));
}

function inputsOf({ inputs, initializers }: Graph) {
  const constants = new Set(initializers.map(({ name }) => name));
  return inputs.filter(({ name }) => !constants.has(name));
}

/** Real numbers that are all different, and for integers, whatever they name, 0 and 1. */
function feedsOf(graph: Graph, batch: number): Record<string, PlainTensor> {
  return Object.fromEntries(
    inputsOf(graph).map(({ name, type }, input) => {
      const { dataType, shape = [] }: Facts = factsOfType(type, () => otherExtent);
      const extents = shape.map((extent, axis) => Number(atSize(extent, axis === 0 ? batch : otherExtent)));
      const count = extents.reduce((product, extent) => product * extent, 1);
      const values = Array.from({ length: count }, (_, index) =>
        dataType === "float32" ? Math.sin(1 + index * 0.7 + input) : (index * 5 + input) % 2,
      );
      return [name, { dataType, shape: extents, values }];
    }),
  );
}

function expectClose(name: string, found: PlainTensor | undefined, { dataType, shape, values }: PlainTensor): void {
  expect([name, found?.dataType, found?.shape]).toEqual([name, dataType, shape]);
  const scale = Math.max(...values.map(Math.abs), 1e-3);
  const difference = Math.max(...values.map((value, index) => Math.abs(value - (found?.values[index] ?? Number.NaN))));
  expect(difference / scale, name).toBeLessThan(1e-4);
}
