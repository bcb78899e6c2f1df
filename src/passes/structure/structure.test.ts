import { describe, expect, it } from "vitest";
import {
  type AttributeInputs,
  float32Tensor,
  graphBuilder,
  type GraphBuilder,
  int64Tensor,
  modelOf,
} from "../../graph/builder.js";
import type { DataType } from "../../graph/data-type.js";
import { elementCount, tensorFrom, type Tensor } from "../../graph/tensor.js";
import { scalesOf } from "../scaling/scales.js";
import { structureOf } from "./structure.js";
import type { TrainabilityOptions } from "./trainability.js";

/** Rows by parameter name, of a graph with one input `x` and what `build` returns as its output. */
function rowsOf(build: (graph: GraphBuilder, x: string) => string, options: TrainabilityOptions = {}) {
  const { structure } = analyzed(build, options);
  return Object.fromEntries(scalesOf(structure).parameters.map((row) => [row.name, row]));
}

function analyzed(build: (graph: GraphBuilder, x: string) => string, options: TrainabilityOptions = {}) {
  const graph = graphBuilder("test");
  const x = graph.input("x", "float32");
  graph.output(build(graph, x), "float32");
  const structure = structureOf(modelOf(graph.graph()), options);
  return { structure, rows: scalesOf(structure).parameters };
}

/** Different numbers in every element, so that nothing looks like a fill value. */
function weights(name: string, shape: readonly number[]): Tensor {
  return float32Tensor(
    name,
    shape,
    Array.from({ length: elementCount(shape) }, (_, index) => index + 0.5),
  );
}

/** One operator that applies the weight `w` to `x`. */
function fansOf(opType: string, shape: readonly number[], attributes: AttributeInputs = {}, position = 1) {
  const rows = rowsOf((graph, x) => {
    const w = graph.initializer(weights("w", shape));
    const inputs = position === 1 ? [x, w] : [w, x];
    return graph.node(opType, inputs, attributes);
  });
  return [rows["w"]?.fanIn, rows["w"]?.fanOut, rows["w"]?.connections];
}

describe("fans and connections", () => {
  it.each<[string, readonly number[], AttributeInputs, readonly number[]]>([
    ["MatMul", [8, 64], {}, [8, 64, 512]],
    ["MatMul", [5, 8, 64], {}, [8, 64, 2560]],
    ["Gemm", [8, 64], {}, [8, 64, 512]],
    ["Gemm", [64, 8], { transB: 1 }, [8, 64, 512]],
    ["Conv", [32, 16, 3, 3], {}, [144, 288, 4608]],
    ["Conv", [32, 4, 3, 3], { group: 4 }, [36, 72, 1152]],
    ["Conv", [32, 1, 3, 3], { group: 32 }, [9, 9, 288]],
    ["Conv", [8, 4, 5], {}, [20, 40, 160]],
    ["Conv", [8, 4, 3, 3, 3], {}, [108, 216, 864]],
    ["ConvTranspose", [16, 8, 2, 2], {}, [64, 32, 512]],
    ["ConvTranspose", [16, 8, 2, 2], { group: 4 }, [16, 32, 512]],
    ["Einsum", [8, 64], { equation: "bi,io->bo" }, [8, 64, 512]],
    ["Einsum", [4, 6, 10], { equation: "bhi,hio->bho" }, [6, 10, 240]],
    ["Einsum", [8, 2, 5], { equation: "...d,dhk->...hk" }, [8, 10, 80]],
    ["Einsum", [8, 64], { equation: "bi, io" }, [8, 64, 512]],
  ])("%s %j %j", (opType, shape, attributes, expected) => {
    expect(fansOf(opType, shape, attributes)).toEqual(expected);
  });

  it("of a weight on the left of a product", () => {
    expect(fansOf("MatMul", [64, 8], {}, 0)).toEqual([8, 64, 512]);
    expect(fansOf("Gemm", [8, 64], { transA: 1 }, 0)).toEqual([8, 64, 512]);
  });

  it("of an embedding", () => {
    const rows = rowsOf((graph) => {
      const ids = graph.input("ids", "int64");
      return graph.node("Gather", [graph.initializer(weights("table", [1000, 16])), ids]);
    });
    expect(rows["table"]).toMatchObject({
      role: "embedding",
      fanIn: 1000,
      fanOut: 16,
      connections: 16000,
      op: "Gather",
    });
  });

  it.each([
    ["LSTM", 4],
    ["GRU", 3],
    ["RNN", 1],
  ] as const)("of %s", (opType, gates) => {
    const rows = rowsOf((graph, x) => {
      const w = graph.initializer(weights("W", [1, gates * 6, 5]));
      const r = graph.initializer(weights("R", [1, gates * 6, 6]));
      const b = graph.initializer(weights("B", [1, 2 * gates * 6]));
      return graph.node(opType, [x, w, r, b], { hidden_size: 6 }, { name: "rnn" });
    });
    const connections = gates * 36;
    expect(rows["W"]).toMatchObject({ role: "kernel", fanIn: 5, fanOut: gates * 6, connections, layer: "rnn" });
    expect(rows["R"]).toMatchObject({ role: "recurrent", fanIn: 6, fanOut: gates * 6, connections, layer: "rnn" });
    expect(rows["B"]).toMatchObject({ role: "bias", fanIn: 1, fanOut: 1, connections, layer: "rnn" });
  });

  it("of the transposed, reshaped, squeezed or converted weight, as the operator sees it", () => {
    const through = (build: (graph: GraphBuilder, w: string) => string, shape: readonly number[]) =>
      rowsOf((graph, x) => graph.node("MatMul", [x, build(graph, graph.initializer(weights("w", shape)))]))["w"];
    const facts = { fanIn: 8, fanOut: 64, connections: 512, role: "kernel", op: "MatMul" };
    expect(through((graph, w) => graph.node("Transpose", [w], { perm: [1, 0] }), [64, 8])).toMatchObject(facts);
    expect(through((graph, w) => graph.node("Transpose", [w]), [64, 8])).toMatchObject(facts);
    const target = (graph: GraphBuilder) => graph.initializer(int64Tensor("target", [8, -1]));
    expect(through((graph, w) => graph.node("Reshape", [w, target(graph)]), [2, 4, 8, 8])).toMatchObject(facts);
    expect(through((graph, w) => graph.node("Squeeze", [w]), [1, 8, 64])).toMatchObject(facts);
    const axes = (graph: GraphBuilder) => graph.initializer(int64Tensor("axes", [0]));
    expect(through((graph, w) => graph.node("Unsqueeze", [w, axes(graph)]), [8, 64])).toMatchObject(facts);
    expect(through((graph, w) => graph.node("Cast", [w], { to: 1 }), [8, 64])).toMatchObject(facts);
    expect(
      through((graph, w) => graph.node("CastLike", [w, graph.node("Relu", [graph.input("like", "float32")])]), [8, 64]),
    ).toMatchObject(facts);
    expect(through((graph, w) => graph.node("Flatten", [w], { axis: 1 }), [8, 4, 16])).toMatchObject(facts);
    expect(through((graph, w) => graph.node("Identity", [graph.node("Identity", [w])]), [8, 64])).toMatchObject(facts);
  });

  it("of a weight whose rows were reordered by Slice and Concat", () => {
    const rows = rowsOf((graph, x) => {
      const w = graph.initializer(weights("w", [12, 5]));
      const slice = (from: number, to: number) =>
        graph.node("Slice", [
          w,
          graph.initializer(int64Tensor(`from${from}`, [from])),
          graph.initializer(int64Tensor(`to${from}`, [to])),
          graph.initializer(int64Tensor(`axis${from}`, [0])),
        ]);
      const reordered = graph.node("Concat", [slice(6, 12), slice(0, 6)], { axis: 0 });
      const axes = graph.initializer(int64Tensor("axes", [0]));
      const wide = graph.node("Unsqueeze", [reordered, axes]);
      return graph.node("GRU", [x, wide, graph.initializer(weights("r", [1, 12, 4]))], { hidden_size: 4 });
    });
    expect(rows["w"]).toMatchObject({ role: "kernel", fanIn: 5, fanOut: 12, connections: 60, uses: 1 });
  });

  it("of a weight whose rows were reordered by Slices of computed extents", () => {
    const rows = rowsOf((graph, x) => {
      const w = graph.initializer(weights("w", [12, 5]));
      const integer = (name: string, value: number) => graph.initializer(int64Tensor(name, [value]));
      const [zero, two, three] = [integer("zero", 0), integer("two", 2), integer("three", 3)];
      const hidden = graph.node("Shape", [x], { start: 2, end: 3 });
      const to = [hidden, graph.node("Mul", [hidden, two]), graph.node("Mul", [hidden, three])];
      const gates = [zero, ...to.slice(0, 2)].map((from, gate) => graph.node("Slice", [w, from, to[gate] ?? "", zero]));
      const reordered = graph.node("Concat", [gates[1] ?? "", gates[0] ?? "", gates[2] ?? ""], { axis: 0 });
      const wide = graph.node("Unsqueeze", [reordered, zero]);
      return graph.node("GRU", [x, wide, graph.initializer(weights("r", [1, 12, 4]))], { hidden_size: 4 });
    });
    expect(rows["w"]).toMatchObject({ role: "kernel", fanIn: 5, fanOut: 12, connections: 60, uses: 1 });
  });

  it("of two directions stored apart, as of those stored as one", () => {
    const bidirectional = (build: (graph: GraphBuilder, name: string, shape: readonly number[]) => string) => {
      const { structure, rows } = analyzed((graph, x) => {
        const inputs = [x, build(graph, "w", [2, 12, 5]), build(graph, "r", [2, 12, 4])];
        const hidden = graph.node("GRU", inputs, { hidden_size: 4, direction: "bidirectional" });
        return graph.node("MatMul", [hidden, graph.initializer(weights("fc", [4, 3]))]);
      });
      const counts = rows.map(({ name, fanIn, fanOut, connections, scale }) => {
        return [name.slice(0, 1), fanIn, fanOut, connections, scale] as const;
      });
      return { statistics: scalesOf(structure).statistics, counts: new Map(counts.map((row) => [row[0], row])) };
    };
    const asOne = bidirectional((graph, name, shape) => graph.initializer(weights(name, shape)));
    const apart = bidirectional((graph, name, [, ...shape]) => {
      const axes = graph.initializer(int64Tensor(`${name}_axes`, [0]));
      const stored = [name, `${name}_reverse`].map((each) => graph.initializer(weights(each, shape)));
      return graph.node(
        "Concat",
        stored.map((each) => graph.node("Unsqueeze", [each, axes])),
        { axis: 0 },
      );
    });
    expect(asOne.counts.get("w")?.slice(1, 4)).toEqual([5, 12, 120]);
    expect(asOne.statistics).toMatchObject({ minConnections: 12, medianConnections: 96, maxConnections: 120 });
    expect(apart).toEqual(asOne);
  });

  it("through a body written into Constant nodes", () => {
    const { rows } = analyzed((graph, x) => {
      const constant = (name: string, shape: readonly number[]) =>
        graph.node("Constant", [], { value: weights("", shape) }, { outputs: [name] });
      const product = graph.node("MatMul", [x, constant("w", [8, 64])]);
      return graph.node("Mul", [graph.node("Add", [product, constant("b", [64])]), constant("c", [3])]);
    });
    expect(rows.map(({ name, role }) => [name, role])).toEqual([
      ["w", "kernel"],
      ["b", "bias"],
    ]);
  });
});

describe("layers", () => {
  const dense = (graph: GraphBuilder, x: string, name: string, inputs: number, outputs: number): string =>
    graph.node("MatMul", [x, graph.initializer(weights(`${name}.weight`, [inputs, outputs]))], {}, { name });

  it("take in a bias that is added, also behind a Reshape or Transpose", () => {
    const rows = rowsOf((graph, x) => {
      const product = dense(graph, x, "fc", 8, 4);
      const target = graph.initializer(int64Tensor("target", [-1, 2, 4]));
      const reshaped = graph.node("Reshape", [product, target]);
      return graph.node("Add", [graph.initializer(weights("fc.bias", [4])), reshaped]);
    });
    expect(rows["fc.bias"]).toMatchObject({ layer: "fc", role: "bias", op: "Add", depth: 0, connections: 32 });
  });

  it("take in an addend of a convolution's channels, but not of its width", () => {
    const bias = (shape: readonly number[]) =>
      rowsOf((graph, x) => {
        const w = graph.initializer(weights("w", [8, 3, 3, 3]));
        const convolved = graph.node("Conv", [x, w], {}, { name: "conv" });
        return graph.node("Add", [convolved, graph.initializer(weights("b", shape))], {}, { name: "add" });
      })["b"];
    expect(bias([8, 1, 1])).toMatchObject({ layer: "conv", role: "bias" });
    expect(bias([1, 8, 1, 1])).toMatchObject({ layer: "conv", role: "bias" });
    expect(bias([8])).toMatchObject({ layer: "add", role: "other" });
  });

  it("leave a position embedding its own layer, with scale 1", () => {
    const rows = rowsOf((graph, x) => {
      const patches = dense(graph, x, "patches", 8, 4);
      const placed = graph.node(
        "Add",
        [patches, graph.initializer(weights("position", [1, 7, 4]))],
        {},
        { name: "add" },
      );
      return dense(graph, placed, "head", 4, 2);
    });
    expect(rows["position"]).toMatchObject({ layer: "add", role: "other", depth: 1, connections: 0, scale: 1 });
    expect(rows["head.weight"]).toMatchObject({ depth: 1 });
  });

  it.each([
    ["BatchNormalization", ["scale", "shift", "mean", "variance"]],
    ["LayerNormalization", ["scale", "shift"]],
    ["InstanceNormalization", ["scale", "shift"]],
    ["GroupNormalization", ["scale", "shift"]],
    ["RMSNormalization", ["scale"]],
  ])("take in a %s of their output, but no running statistics", (opType, names) => {
    const build = (graph: GraphBuilder, value: string) =>
      graph.node(opType, [value, ...names.map((name) => graph.initializer(weights(name, [4])))], {}, { name: "norm" });
    const after = rowsOf((graph, x) => build(graph, dense(graph, x, "fc", 8, 4)));
    expect(after["scale"]).toMatchObject({ layer: "fc", role: "norm-scale", op: opType, depth: 0, connections: 32 });
    expect(after["mean"]).toBeUndefined();
    const residual = rowsOf((graph, x) => build(graph, graph.node("Add", [dense(graph, x, "fc", 4, 4), x])));
    expect(residual["scale"]).toMatchObject({ layer: "norm", role: "norm-scale", depth: 1, connections: 0, scale: 1 });
    const activated = rowsOf((graph, x) => build(graph, graph.node("Relu", [dense(graph, x, "fc", 8, 4)])));
    expect(activated["scale"]).toMatchObject({ layer: "norm", depth: 1, scale: 1 });
  });

  it("take in a normalization whose parameters are converted to the type of the data", () => {
    const rows = rowsOf((graph, x) => {
      const convolved = graph.node("Conv", [x, graph.initializer(weights("w", [4, 8, 3, 3]))], {}, { name: "conv" });
      const one = graph.initializer(float32Tensor("one", [2], [1, 1]));
      const normalized = graph.node("InstanceNormalization", [convolved, one, one]);
      const axes = graph.initializer(int64Tensor("axes", [1, 2]));
      const converted = (name: string, like: string) =>
        graph.node("CastLike", [graph.node("Unsqueeze", [graph.initializer(weights(name, [4])), axes]), like]);
      const scaled = graph.node("Mul", [normalized, converted("scale", normalized)]);
      return graph.node("Add", [scaled, converted("shift", scaled)]);
    });
    expect(rows["scale"]).toMatchObject({ layer: "conv", role: "norm-scale", depth: 0, uses: 1, connections: 288 });
    expect(rows["shift"]).toMatchObject({ layer: "conv", role: "norm-bias", depth: 0, uses: 1, connections: 288 });
  });

  it.each([false, true])("take in a written-out LayerNormalization of their output; pre-norm: %s", (isPreNorm) => {
    const rows = rowsOf((graph, x) => {
      const product = dense(graph, x, "fc", 4, 4);
      const value = isPreNorm ? graph.node("Add", [product, x]) : product;
      const centred = graph.node("Sub", [value, graph.node("ReduceMean", [value], { keepdims: 1 })]);
      const two = graph.initializer(float32Tensor("two", [], [2]));
      const variance = graph.node("ReduceMean", [graph.node("Pow", [centred, two])], { keepdims: 1 });
      const epsilon = graph.initializer(float32Tensor("epsilon", [], [1e-5]));
      const deviation = graph.node("Sqrt", [graph.node("Add", [variance, epsilon])]);
      const normalized = graph.node("Div", [centred, deviation]);
      const scaled = graph.node("Mul", [normalized, graph.initializer(weights("scale", [4]))], {}, { name: "norm" });
      return graph.node("Add", [scaled, graph.initializer(weights("shift", [4]))]);
    });
    const layer = isPreNorm ? "norm" : "fc";
    expect(rows["scale"]).toMatchObject({ layer, role: "norm-scale", connections: isPreNorm ? 0 : 16 });
    expect(rows["shift"]).toMatchObject({ layer, role: "norm-bias" });
    expect(rows["epsilon"]).toBeUndefined();
  });

  it.each([
    ["FusedGemm", { activation: "Relu" }, false],
    ["FusedGemm", {}, true],
    ["BiasGelu", {}, false],
  ] as const)("end at the activation that %s %j has in it", (opType, attributes, isAttached) => {
    const rows = rowsOf((graph, x) => {
      const bias = graph.initializer(weights("bias", [4]));
      const w = graph.initializer(weights("w", [8, 4]));
      const options = { name: "fc", domain: "com.microsoft" };
      const value =
        opType === "FusedGemm"
          ? graph.node(opType, [x, w, bias], attributes, options)
          : graph.node(
              opType,
              [graph.node("MatMul", [x, w], {}, { name: "fc" }), bias],
              {},
              { domain: "com.microsoft" },
            );
      return graph.node("LayerNormalization", [value, graph.initializer(weights("scale", [4]))], {}, { name: "norm" });
    });
    expect(rows["bias"]).toMatchObject({ layer: "fc", role: "bias" });
    expect(rows["scale"]).toMatchObject({ layer: isAttached ? "fc" : "norm" });
  });

  it("reach through the layout conversions of ONNX Runtime's blocked convolutions", () => {
    const rows = rowsOf((graph, x) => {
      const blocked = { domain: "com.microsoft.nchwc" };
      const w = graph.initializer(weights("w", [16, 3, 3, 3]));
      const convolved = graph.node(
        "Conv",
        [graph.node("ReorderInput", [x], {}, blocked), w],
        {},
        { ...blocked, name: "conv" },
      );
      const value = graph.node("ReorderOutput", [convolved], { channels: 16 }, blocked);
      const statistics = ["scale", "shift", "mean", "variance"].map((name) => graph.initializer(weights(name, [16])));
      return graph.node("BatchNormalization", [value, ...statistics]);
    });
    expect(rows["scale"]).toMatchObject({ layer: "conv", role: "norm-scale" });
  });

  it("take in a written-out RMSNorm of their output", () => {
    const rows = rowsOf((graph, x) => {
      const value = dense(graph, x, "fc", 8, 4);
      const mean = graph.node("ReduceMean", [graph.node("Mul", [value, value])]);
      const inverse = graph.node("Reciprocal", [graph.node("Sqrt", [mean])]);
      return graph.node("Mul", [graph.node("Mul", [value, inverse]), graph.initializer(weights("scale", [4]))]);
    });
    expect(rows["scale"]).toMatchObject({ layer: "fc", role: "norm-scale" });
  });

  it("share a tied parameter: first use, counted uses", () => {
    const rows = rowsOf((graph) => {
      const ids = graph.input("ids", "int64");
      const table = graph.initializer(weights("wte", [50, 8]));
      const hidden = dense(graph, graph.node("Gather", [table, ids], {}, { name: "embed" }), "fc", 8, 8);
      const logits = graph.node("MatMul", [hidden, graph.node("Transpose", [table])], {}, { name: "lm_head" });
      return graph.node("Add", [logits, graph.initializer(weights("lm_head.bias", [50]))]);
    });
    expect(rows["wte"]).toMatchObject({ role: "embedding", layer: "embed", depth: 0, uses: 2, fanIn: 50, fanOut: 8 });
    expect(rows["lm_head.bias"]).toMatchObject({ layer: "lm_head", depth: 2, connections: 400 });
  });

  it("count in the total depth also where a tied kernel is used again", () => {
    const { structure } = analyzed((graph) => {
      const table = graph.initializer(weights("wte", [50, 8]));
      const embedded = graph.node("Gather", [table, graph.input("ids", "int64")]);
      return graph.node("MatMul", [dense(graph, embedded, "fc", 8, 8), graph.node("Transpose", [table])]);
    });
    expect(structure.totalDepth).toBe(3);
    expect(structure.layers).toHaveLength(2);
  });

  it("have one kernel where both factors are constant: an initial state is none", () => {
    const rows = rowsOf((graph, x) => {
      const state = graph.initializer(weights("state", [1, 4]));
      const recurrent = graph.node("MatMul", [state, graph.initializer(weights("recurrent", [4, 4]))]);
      return graph.node("Add", [dense(graph, x, "fc", 8, 4), recurrent]);
    });
    expect(rows["recurrent"]).toMatchObject({ role: "kernel", fanIn: 4 });
    expect(rows["state"]).toMatchObject({ role: "other", scale: 1 });
  });

  it("keep a bias that follows an integer product and its scale", () => {
    const rows = rowsOf((graph, x) => {
      const [rounded = "", scale = ""] = graph.nodes("DynamicQuantizeLinear", [x], 3);
      const w = graph.initializer(tensorFrom("w", "int8", [8, 4], new Uint8Array(32)));
      const product = graph.node("MatMulInteger", [rounded, w], {}, { name: "fc" });
      const scaled = graph.node("Mul", [graph.node("Cast", [product], { to: 1 }), scale]);
      return graph.node("Add", [scaled, graph.initializer(weights("b", [4]))]);
    });
    expect(rows["b"]).toMatchObject({ layer: "fc", role: "bias", depth: 0 });
  });

  it("leave a PReLU slope its own layer, though all its numbers may be one", () => {
    const rows = rowsOf((graph, x) => {
      const slope = graph.initializer(float32Tensor("slope", [4], [0.25, 0.25, 0.25, 0.25]));
      return graph.node("PRelu", [dense(graph, x, "fc", 8, 4), slope], {}, { name: "act" });
    });
    expect(rows["slope"]).toMatchObject({ layer: "act", role: "other", depth: 1 });
  });

  it("do not take a weight normalization for a normalization", () => {
    const rows = rowsOf((graph, x) => {
      const direction = graph.initializer(weights("direction", [8, 4]));
      const length = graph.initializer(weights("length", [1, 4]));
      const unit = graph.node("Div", [direction, graph.node("ReduceL2", [direction], { axes: [0] })]);
      return graph.node("MatMul", [x, graph.node("Mul", [unit, length])]);
    });
    expect(rows["direction"]).toMatchObject({ role: "other" });
    expect(rows["length"]).toMatchObject({ role: "other" });
  });

  it("have unique names, however nodes are called", () => {
    const { structure } = analyzed((graph, x) => {
      let value = x;
      for (let index = 0; index < 5; index++) {
        const w = graph.initializer(weights(`w${index}`, [4, 4]));
        const output = `h${index}`;
        value = graph.node("MatMul", [value, w], {}, { name: index === 2 ? "same_1" : "same", outputs: [output] });
      }
      return value;
    });
    const names = structure.layers.map(({ name }) => name);
    expect(new Set(names).size).toBe(5);
    expect(names.slice(0, 2)).toEqual(["same", "same_1"]);
  });

  it("count depth on the longest path", () => {
    const rows = rowsOf((graph, x) => {
      const long = dense(graph, dense(graph, dense(graph, x, "a", 4, 4), "b", 4, 4), "c", 4, 4);
      const sum = graph.node("Add", [dense(graph, x, "shortcut", 4, 4), long]);
      return dense(graph, sum, "d", 4, 4);
    });
    const depths = Object.values(rows).map(({ name, depth }) => [name, depth]);
    expect(Object.fromEntries(depths)).toEqual({
      "a.weight": 0,
      "b.weight": 1,
      "c.weight": 2,
      "shortcut.weight": 0,
      "d.weight": 3,
    });
  });

  it("are found in files of opset 7: initializers listed as inputs, weights behind Reshape, biases of rank 3", () => {
    const graph = graphBuilder("cntk");
    const x = graph.input("x", "float32");
    for (const [name, shape] of [
      ["W1", [8, 1, 5, 5]],
      ["b1", [8, 1, 1]],
      ["W2", [2, 4, 4, 10]],
      ["b2", [1, 10]],
    ] as const) {
      graph.input(name, "float32", shape);
      graph.initializer(weights(name, shape));
    }
    const shape = graph.initializer(int64Tensor("shape", [32, 10]));
    const convolved = graph.node("Add", [graph.node("Conv", [x, "W1"], {}, { name: "conv" }), "b1"]);
    const flat = graph.node("Flatten", [graph.node("Relu", [convolved])]);
    const product = graph.node("MatMul", [flat, graph.node("Reshape", ["W2", shape])], {}, { name: "fc" });
    graph.output(graph.node("Add", [product, "b2"]), "float32");
    const { parameters } = scalesOf(structureOf(modelOf(graph.graph(), 7, 3)));
    expect(
      parameters.map(({ name, layer, role, fanIn, fanOut, depth }) => [name, layer, role, fanIn, fanOut, depth]),
    ).toEqual([
      ["W1", "conv", "kernel", 25, 200, 0],
      ["b1", "conv", "bias", 1, 1, 0],
      ["W2", "fc", "kernel", 32, 10, 1],
      ["b2", "fc", "bias", 1, 1, 1],
    ]);
  });
});

describe("models written without their weights", () => {
  it("have kernels of constant shape", () => {
    const rows = rowsOf((graph, x) => {
      const shape = graph.initializer(int64Tensor("shape", [6, 3, 5, 5]));
      const w = graph.node("ConstantOfShape", [shape], {}, { outputs: ["conv1_w"] });
      const random = graph.node("RandomNormal", [], { shape: [16, 10] }, { outputs: ["fc_w"] });
      const convolved = graph.node("Conv", [x, w, graph.initializer(weights("conv1_b", [6]))], {}, { name: "conv1" });
      return graph.node("MatMul", [convolved, random]);
    });
    expect(rows["conv1_w"]).toMatchObject({ fanIn: 75, fanOut: 150, connections: 450, depth: 0 });
    expect(rows["conv1_b"]).toMatchObject({ layer: "conv1", role: "bias" });
    expect(rows["fc_w"]).toMatchObject({ fanIn: 16, depth: 1 });
  });
});

describe("quantized models", () => {
  const integers = (name: string, dataType: DataType, shape: readonly number[], bytes = 1) =>
    tensorFrom(name, dataType, shape, new Uint8Array(elementCount(shape) * bytes));

  it("have kernels behind DequantizeLinear, and no parameters in scales and zero points", () => {
    const { rows, structure } = analyzed((graph, x) => {
      const scale = graph.initializer(weights("scale", [4]));
      const zero = graph.initializer(integers("zero", "int8", [4]));
      const w = graph.initializer(integers("w", "int8", [8, 4]));
      const dequantized = graph.node("DequantizeLinear", [w, scale, zero]);
      const step = graph.initializer(weights("step", [1]));
      const origin = graph.initializer(integers("origin", "uint8", [1]));
      const rounded = graph.node("QuantizeLinear", [x, step, origin]);
      return graph.node("MatMul", [graph.node("DequantizeLinear", [rounded, step, origin]), dequantized]);
    });
    expect(rows.map(({ name, dtype, role, fanIn }) => [name, dtype, role, fanIn])).toEqual([
      ["w", "int8", "kernel", 8],
    ]);
    expect(structure.warnings.join()).toMatch(/quantized.*"w" \(int8\)/);
  });

  it("have the kernels of QLinearConv", () => {
    const { rows } = analyzed((graph, x) => {
      const number = (name: string) => graph.initializer(weights(name, []));
      const zero = (name: string, type: DataType) => graph.initializer(integers(name, type, []));
      const rounded = graph.node("QuantizeLinear", [x, number("sx"), zero("zx", "uint8")]);
      const w = graph.initializer(integers("w", "int8", [6, 3, 3, 3]));
      const b = graph.initializer(integers("b", "int32", [6], 4));
      const inputs = [rounded, "sx", "zx", w, number("sw"), zero("zw", "int8"), number("sy"), zero("zy", "uint8"), b];
      return graph.node("DequantizeLinear", [graph.node("QLinearConv", inputs, {}, { name: "conv" }), "sy", "zy"]);
    });
    expect(rows.map(({ name, layer, fanIn }) => [name, layer, fanIn])).toEqual([["w", "conv", 27]]);
  });
});

describe("control flow", () => {
  const body = (bodyInputs: readonly string[]) => {
    const graph = graphBuilder("body");
    for (const name of bodyInputs) graph.input(name, name === "i" || name === "c" ? "int64" : "float32");
    return graph;
  };

  it("If: kernels of both branches, and depth over the longer one", () => {
    const { rows } = analyzed((graph, x) => {
      const branch = (name: string, count: number) => {
        const inner = graphBuilder(name);
        let value = x;
        for (let index = 0; index < count; index++) {
          value = inner.node(
            "MatMul",
            [value, inner.initializer(weights(`${name}${index}`, [4, 4]))],
            {},
            { name: `${name}_${index}` },
          );
        }
        inner.output(value, "float32");
        return inner.graph();
      };
      const condition = graph.input("condition", "bool");
      const chosen = graph.node("If", [condition], { then_branch: branch("t", 1), else_branch: branch("e", 3) });
      return graph.node("MatMul", [chosen, graph.initializer(weights("last", [4, 4]))]);
    });
    const depths = Object.fromEntries(rows.map(({ name, depth }) => [name, depth]));
    expect(depths).toEqual({ t0: 0, e0: 0, e1: 1, e2: 2, last: 3 });
  });

  it("Loop: a kernel captured from outside and one inside the body", () => {
    const { rows } = analyzed((graph, x) => {
      const outside = graph.initializer(weights("outside", [4, 4]));
      const inner = body(["i", "c", "state"]);
      const first = inner.node("MatMul", ["state", outside], {}, { name: "first" });
      const second = inner.node(
        "MatMul",
        [first, inner.initializer(weights("inside", [4, 4]))],
        {},
        { name: "second" },
      );
      const biased = inner.node("Add", [second, inner.initializer(weights("bias", [4]))]);
      inner.output("c");
      inner.output(biased, "float32");
      const count = graph.initializer(int64Tensor("count", [3], []));
      const looped = graph.node(
        "Loop",
        [count, "", graph.node("MatMul", [x, graph.initializer(weights("in", [4, 4]))])],
        {
          body: inner.graph(),
        },
      );
      return graph.node("MatMul", [looped, graph.initializer(weights("out", [4, 4]))]);
    });
    expect(Object.fromEntries(rows.map(({ name, depth }) => [name, depth]))).toEqual({
      in: 0,
      outside: 1,
      inside: 2,
      bias: 2,
      out: 3,
    });
    expect(rows.find(({ name }) => name === "bias")).toMatchObject({ layer: "second", role: "bias" });
  });

  it("Scan: a recurrent cell with weights that enter as captured values", () => {
    const { rows } = analyzed((graph, x) => {
      const w = graph.initializer(weights("w", [3, 5]));
      const r = graph.initializer(weights("r", [5, 5]));
      const inner = body(["state", "step"]);
      const sum = inner.node("Add", [inner.node("MatMul", ["step", w]), inner.node("MatMul", ["state", r])]);
      const next = inner.node("Tanh", [sum]);
      inner.output(next, "float32");
      inner.output(inner.node("Identity", [next]), "float32");
      const state = graph.input("initial", "float32", [5]);
      const [, states = ""] = graph.nodes("Scan", [state, x], 2, { body: inner.graph(), num_scan_inputs: 1 });
      return states;
    });
    expect(rows.map(({ name, role, depth, fanIn }) => [name, role, depth, fanIn])).toEqual([
      ["w", "kernel", 0, 3],
      ["r", "kernel", 0, 5],
    ]);
  });
});

describe("what is a parameter", () => {
  const head = (graph: GraphBuilder, x: string) => {
    const body = graph.node("MatMul", [x, graph.initializer(weights("body.weight", [4, 4]))]);
    const scaled = graph.node("Mul", [body, graph.initializer(float32Tensor("temperature", [], [2]))]);
    return graph.node("MatMul", [scaled, graph.initializer(weights("head.weight", [4, 2]))]);
  };

  it("no scalars, unless asked for", () => {
    expect(Object.keys(rowsOf(head))).toEqual(["body.weight", "head.weight"]);
    expect(Object.keys(rowsOf(head, { train: ["temperature"] }))).toContain("temperature");
  });

  it("nothing frozen: layers and depth are those of what is trained", () => {
    const rows = rowsOf(head, { freeze: ["*"], train: ["head.*"] });
    expect(Object.keys(rows)).toEqual(["head.weight"]);
    expect(rows["head.weight"]).toMatchObject({ depth: 0 });
  });

  it.each([
    [{ freeze: ["bodi.*"] }, /--freeze "bodi\.\*": matches no float initializer/],
    [{ train: ["nothing"] }, /--train "nothing": matches no float initializer/],
    [{ freeze: ["*"] }, /no parameters left/],
  ])("patterns that make no sense are refused: %j", (options, message) => {
    expect(() => rowsOf(head, options)).toThrow(message);
  });

  it("nothing that no float output depends on", () => {
    const { rows } = analyzed((graph, x) => {
      const unused = graph.node("MatMul", [x, graph.initializer(weights("unused", [4, 4]))]);
      graph.node("ArgMax", [unused]);
      return graph.node("MatMul", [x, graph.initializer(weights("used", [4, 4]))]);
    });
    expect(rows.map(({ name }) => name)).toEqual(["used"]);
  });

  it("nothing behind a conversion to integers", () => {
    const { rows } = analyzed((graph, x) => {
      const counted = graph.node("MatMul", [x, graph.initializer(weights("counted", [4, 4]))]);
      const steps = graph.node("CastLike", [counted, graph.initializer(int64Tensor("like", [1]))]);
      const back = graph.node("CastLike", [steps, x]);
      return graph.node("MatMul", [back, graph.initializer(weights("used", [4, 4]))]);
    });
    expect(rows.map(({ name }) => name)).toEqual(["used"]);
  });

  it("no steering inputs: shapes, indices, scales of a Resize", () => {
    const { rows } = analyzed((graph, x) => {
      const factors = graph.initializer(weights("factors", [4]));
      const resized = graph.node("Resize", [
        graph.node("Conv", [x, graph.initializer(weights("w", [4, 4, 3, 3]))]),
        "",
        factors,
      ]);
      return resized;
    });
    expect(rows.map(({ name }) => name)).toEqual(["w"]);
  });

  it("a model without any is refused", () => {
    expect(() => analyzed((graph, x) => graph.node("Relu", [x]))).toThrow(/no initializers/);
    const shapeOnly = (graph: GraphBuilder, x: string) =>
      graph.node("Reshape", [x, graph.initializer(int64Tensor("shape", [1, -1]))]);
    expect(() => analyzed(shapeOnly)).toThrow(/no trainable parameters/);
  });
});

describe("long chains", () => {
  it("of casts, of arithmetic and of identities do not overflow the stack", () => {
    const rows = rowsOf((graph, x) => {
      let shape = graph.initializer(int64Tensor("shape", [8, 4]));
      let value = graph.node("MatMul", [x, graph.initializer(weights("in", [4, 4]))]);
      for (let index = 0; index < 20_000; index++) {
        shape = graph.node("Cast", [shape], { to: 7 });
        value = graph.node("Identity", [value]);
      }
      const squared = graph.node("ReduceMean", [graph.node("Mul", [value, value])]);
      const scaled = graph.node("Mul", [
        graph.node("Div", [value, graph.node("Sqrt", [squared])]),
        graph.initializer(weights("scale", [4])),
      ]);
      const reshaped = graph.node("Reshape", [graph.initializer(weights("w", [4, 8])), shape]);
      return graph.node("MatMul", [scaled, reshaped]);
    });
    expect(rows["w"]).toMatchObject({ role: "kernel", fanIn: 8, fanOut: 4, depth: 1 });
    expect(rows["scale"]).toMatchObject({ role: "norm-scale", connections: 16 });
  });

  it("of constants are followed once, and not once for each", () => {
    const rows = rowsOf((graph, x) => {
      let sum = graph.initializer(weights("p0", [4]));
      for (let index = 1; index < 3000; index++) {
        sum = graph.node("Add", [sum, graph.initializer(weights(`p${index}`, [4]))]);
      }
      return graph.node(
        "Mul",
        [graph.node("MatMul", [x, graph.initializer(weights("w", [4, 9]))]), sum],
        {},
        { name: "end" },
      );
    });
    expect(Object.keys(rows)).toHaveLength(3001);
    expect(rows["p0"]).toMatchObject({ role: "other", depth: 1 });
  });
});

it("a convolution without groups is refused, and named", () => {
  expect(() => fansOf("Conv", [8, 4, 3, 3], { group: 0 })).toThrow(/Conv "Conv_0": has group 0/);
});

describe("warnings", () => {
  it("only integer outputs: shown as for a loss on what precedes them", () => {
    const graph = graphBuilder("classifier");
    const x = graph.input("x", "float32");
    const logits = graph.node("MatMul", [x, graph.initializer(weights("w", [8, 4]))]);
    graph.output(graph.node("ArgMax", [logits]), "int64");
    const structure = structureOf(modelOf(graph.graph()));
    expect(structure.layers).toHaveLength(1);
    expect(structure.warnings).toEqual([expect.stringMatching(/every output is an integer/)]);
  });

  it("unknown operators, as far as known", () => {
    const { rows, structure } = analyzed((graph, x) => {
      const product = graph.node("MatMul", [x, graph.initializer(weights("w", [4, 4]))]);
      return graph.node("Sparkle", [product, graph.initializer(weights("glitter", [4]))], {}, { domain: "my.domain" });
    });
    expect(structure.warnings).toEqual([expect.stringMatching(/unknown operators.*my\.domain\.Sparkle/)]);
    expect(rows.map(({ name }) => name)).toEqual(["w", "glitter"]);
  });

  it("no kernel found", () => {
    const { structure, rows } = analyzed((graph, x) => graph.node("Mul", [x, graph.initializer(weights("gain", [4]))]));
    expect(structure.warnings).toEqual([expect.stringMatching(/no kernel found/)]);
    expect(rows).toMatchObject([{ name: "gain", scale: 1, connections: 0 }]);
  });

  it("parameters that the exporter merged", () => {
    const [g, x] = [graphBuilder("merged"), "x"];
    g.input(x, "float32", [1, 4]);
    const weight = g.initializer(float32Tensor("blocks.0.ln.weight", [4], [1, 1, 1, 1]));
    const other = g.node("Identity", [weight], {}, { outputs: ["blocks.1.ln.weight"] });
    g.output(g.node("LayerNormalization", [g.node("LayerNormalization", [x, weight]), other]));
    expect(structureOf(modelOf(g.graph())).warnings.join()).toMatch(
      /^no kernel found.*merged by the exporter, such as "blocks\.0\.ln\.weight" and "blocks\.1\.ln\.weight", and are trained as one/,
    );
  });

  it.each([
    ["a new bias and the shift of a normalization", false, [0, 0, 0, 0], /"onnx::Add_1" and "onnx::Add_2"/],
    ["none where they are trained, and so are one", false, [0.5, 0, 0, 1], /^$/],
    ["none where a layer is applied twice", true, [0, 0, 0, 0], /^$/],
  ])("parameters that the exporter merged under names of its own: %s", (_, isAppliedTwice, values, expected) => {
    const [g, x] = [graphBuilder("merged"), "x"];
    g.input(x, "float32", [1, 4]);
    const bias = g.initializer(float32Tensor("onnx::Add_1", [4], values));
    const other = g.node("Identity", [bias], {}, { outputs: ["onnx::Add_2"] });
    const first = g.initializer(weights("onnx::MatMul_3", [4, 4]));
    const second = isAppliedTwice ? first : g.initializer(weights("onnx::MatMul_4", [4, 4]));
    const hidden = g.node("Relu", [g.node("Add", [g.node("MatMul", [x, first]), bias])]);
    g.output(g.node("Add", [g.node("MatMul", [hidden, second]), other]));
    expect(structureOf({ ...modelOf(g.graph()), producerName: "pytorch" }).warnings.join()).toMatch(expected);
  });

  it("a computed weight", () => {
    const { structure } = analyzed((graph, x) => {
      const direction = graph.initializer(weights("direction", [4, 4, 3, 3]));
      const length = graph.initializer(weights("length", [4, 1, 1, 1]));
      return graph.node("Conv", [x, graph.node("Mul", [direction, length])]);
    });
    expect(structure.warnings.join()).toMatch(/computed weight/);
  });

  it("none of a computed weight where a Gather takes an extent of a weight", () => {
    const { structure } = analyzed((graph, x) => {
      const w = graph.initializer(weights("w", [8, 4]));
      const extent = graph.node("Gather", [graph.node("Shape", [w]), graph.initializer(int64Tensor("last", [1]))]);
      const target = graph.node("Concat", [graph.initializer(int64Tensor("rest", [-1])), extent], { axis: 0 });
      return graph.node("Reshape", [graph.node("MatMul", [x, w]), target]);
    });
    expect(structure.warnings).toEqual([]);
  });
});
