import { describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, type GraphBuilder, modelOf } from "../../graph/builder.js";
import type { Graph, Model } from "../../graph/model.js";
import { numberTensor } from "../../graph/tensor.js";
import { refusal } from "../../graph/testing/input-error.js";
import { floats, type PlainTensor, runModel } from "../../graph/testing/run-model.js";
import { initialState } from "./initial-state.js";
import { rewrite, type RewriteOptions } from "./rewrite.js";

const mse: RewriteOptions = { loss: { name: "mse" } };

/** A model with an input x [batch, 2]. */
function modelWith(build: (graph: GraphBuilder) => void): Model {
  const graph = graphBuilder("model");
  graph.input("x", "float32", ["batch", 2]);
  build(graph);
  return modelOf(graph.graph(), 21);
}

function weight(name: string, ...values: readonly number[]) {
  return float32Tensor(name, [2, values.length / 2], values);
}

/** What an artifact gives for x = [[1, 2]], the model's own weights, and what is fed besides. */
async function run(model: Model, artifact: "gradient" | "eval", feeds: Record<string, PlainTensor>, options = mse) {
  const { models, contract } = rewrite(model, options);
  const [built, ports] = [models.get(artifact), contract.artifacts[artifact]];
  if (built === undefined || ports === undefined) throw new Error(`no ${artifact}`);
  const state = Object.entries(initialState(model, ports)).map(([name, { type, data, dims }]) => [
    name,
    { dataType: type, shape: dims, values: [...data] },
  ]);
  return runModel(built, { x: floats([1, 2], [1, 2]), ...(Object.fromEntries(state) as typeof feeds), ...feeds });
}

describe("names of the model stay its own", () => {
  it("where they are numbers, as old exporters wrote them", async () => {
    const model = modelWith((graph) => {
      graph.initializer(weight("1", 1, 1));
      const product = graph.node("MatMul", ["x", "1"], {}, { outputs: ["0"] });
      graph.output(
        graph.node("QuickGelu", [product], { alpha: { float: 2 } }, { domain: "com.microsoft", outputs: ["2"] }),
      );
    });
    const results = await run(model, "gradient", { target: floats([0], [1, 1]) });
    const y = 3 / (1 + Math.exp(-6));
    expect(results["loss"]?.values[0]).toBeCloseTo(y * y, 4);
    expect(results["1.grad"]?.shape).toEqual([2, 1]);
  });

  it("where an output is called loss, an input target, and a weight seed", async () => {
    const model = modelWith((graph) => {
      graph.initializer(weight("seed", 1, 1));
      graph.input("target", "float32", ["batch", 1]);
      const sum = graph.node("Add", [graph.node("MatMul", ["x", "seed"]), "target"]);
      graph.output(graph.node("Identity", [sum], {}, { outputs: ["loss"] }), "float32", ["batch", 1]);
    });
    const { contract } = rewrite(model, mse);
    const inputs = contract.artifacts.eval?.inputs.map(({ name, role }) => `${role} ${name}`);
    expect(inputs).toEqual(["feature x", "feature target", "target target_1", "parameter seed"]);
    const outputs = contract.artifacts.eval?.outputs.map(({ name, role }) => `${role} ${name}`);
    expect(outputs?.slice(0, 2)).toEqual(["loss loss", "prediction loss_1"]);
    const feeds = { target: floats([1], [1, 1]), target_1: floats([0], [1, 1]) };
    const results = await run(model, "eval", feeds);
    expect([results["loss"]?.values, results["loss_1"]?.values]).toEqual([[16], [4]]);
  });
});

describe("what is trained", () => {
  it("is each of two equal Constants by itself", async () => {
    const model = modelWith((graph) => {
      const first = graph.nodes("Constant", [], 1, { value: weight("", 1, 1) }, { outputs: ["first"] });
      const second = graph.nodes("Constant", [], 1, { value: weight("", 1, 1) }, { outputs: ["second"] });
      const products = [...first, ...second].map((of) => graph.node("MatMul", ["x", of]));
      const [left = "", right = ""] = products;
      graph.output(graph.node("Sub", [left, graph.node("Mul", [right, right])]), "float32", ["batch", 1]);
    });
    const results = await run(model, "gradient", { target: floats([0], [1, 1]) });
    // y = a − b² with a = b = 3: dy = 2·(−6), and b counts −6 times.
    expect(results["first.grad"]?.values).toEqual([-12, -24]);
    expect(results["second.grad"]?.values).toEqual([72, 144]);
  });

  it("is the same in eval.onnx alone", () => {
    const model = modelWith((graph) => {
      graph.initializer(weight("used", 1, 1));
      graph.initializer(weight("unused", 1, 1));
      graph.output(graph.node("MatMul", ["x", "used"]), "float32", ["batch", 1]);
      graph.output(graph.node("MatMul", ["x", "unused"]), "float32", ["batch", 1]);
    });
    const both = rewrite(model, mse);
    const alone = rewrite(model, { ...mse, emit: ["eval"] });
    expect(both.contract.parameters.map(({ name }) => name)).toEqual(["used"]);
    expect(alone.contract.parameters).toEqual(both.contract.parameters);
    expect(alone.contract.artifacts.eval).toEqual(both.contract.artifacts.eval);
    expect(both.warnings).toContain('the loss does not reach "unused": they stay as they are');
  });

  it("has one name", () => {
    const branch = (value: number): Graph => {
      const body = graphBuilder("branch");
      body.initializer(weight("w", value, value));
      body.output(body.node("MatMul", ["x", "w"], {}, { name: `product${value}` }), "float32", ["batch", 1]);
      return body.graph();
    };
    const model = modelWith((graph) => {
      graph.input("condition", "bool", []);
      graph.output(graph.node("If", ["condition"], { then_branch: branch(1), else_branch: branch(2) }), "float32");
    });
    expect(refusal(() => rewrite(model, mse))).toMatch(/two parameters in different bodies are called "w"/);
  });

  it("is not quantized", () => {
    const model = modelWith((graph) => {
      graph.initializer(numberTensor("w", "int8", [2, 1], [1, 2]));
      graph.initializer(float32Tensor("scale", [], [0.5]));
      const real = graph.node("DequantizeLinear", ["w", "scale"]);
      graph.output(graph.node("MatMul", ["x", real]), "float32", ["batch", 1]);
    });
    expect(refusal(() => rewrite(model, mse))).toMatch(/weights are quantized \("w" holds int8\).*before quantization/);
  });
});

describe("training mode", () => {
  const normalized = (graph: GraphBuilder, data: string, mean = "mean") => {
    for (const name of ["scale", "bias", "mean"]) graph.initializer(float32Tensor(name, [2], [1, 1]));
    graph.initializer(float32Tensor("variance", [2], [4, 4]));
    return graph.node("BatchNormalization", [data, "scale", "bias", mean, "variance"], { momentum: { float: 0.5 } });
  };

  it("moves running statistics that an Identity hands on", async () => {
    const model = modelWith((graph) => {
      const statistics = graph.node("Identity", ["mean"], {}, { name: "copy" });
      graph.output(normalized(graph, "x", statistics), "float32", ["batch", 2]);
    });
    const results = await run(model, "gradient", {
      x: floats([1, 2, 3, 6], [2, 2]),
      target: floats([0, 0, 0, 0], [2, 2]),
    });
    expect(results["mean.updated"]?.values).toEqual([1.5, 2.5]);
    expect(results["variance.updated"]?.values).toEqual([2.5, 4]);
  });

  it("refuses running statistics in a body", () => {
    const model = modelWith((graph) => {
      graph.input("condition", "bool", []);
      const then = graphBuilder("then");
      then.output(normalized(then, "x"), "float32", ["batch", 2]);
      const other = graphBuilder("else");
      other.output(other.node("Relu", ["x"], {}, { name: "other" }), "float32", ["batch", 2]);
      const branches = { then_branch: then.graph(), else_branch: other.graph() };
      graph.output(graph.node("If", ["condition"], branches), "float32", ["batch", 2]);
    });
    expect(refusal(() => rewrite(model, mse))).toMatch(/BatchNormalization .*inside of a body.*--freeze-batch-norm/);
  });

  it("refuses a dropped share that nobody knows", () => {
    const model = modelWith((graph) => {
      graph.initializer(weight("w", 1, 1));
      graph.input("ratio", "float32", []);
      const product = graph.node("MatMul", ["x", "w"]);
      graph.output(graph.node("Dropout", [product, "ratio"], {}, { name: "drop" }), "float32", ["batch", 1]);
    });
    expect(refusal(() => rewrite(model, mse))).toMatch(
      /Dropout "drop": drops a share that only running .*--no-dropout/,
    );
    expect(() => rewrite(model, { ...mse, noDropout: true })).not.toThrow();
  });
});

describe("losses that make no sense", () => {
  const model = modelWith((graph) => {
    graph.initializer(weight("w", 1, 1));
    graph.output(graph.node("MatMul", ["x", "w"], {}, { outputs: ["y"] }), "float32", ["batch", 1]);
  });
  const refused = (loss: RewriteOptions["loss"]) => refusal(() => rewrite(model, { loss }));

  it("are refused in one line", () => {
    expect(refused([])).toMatch(/--loss: is missing/);
    expect(refused([{ name: "mse" }, { name: "mae", output: "y" }])).toMatch(/--loss mae: is the second loss on "y"/);
    expect(refused({ name: "mse", weight: Number.NaN })).toMatch(/--loss-weight NaN: is not a finite number/);
    expect(refused({ name: "softmax-cross-entropy" })).toMatch(/"y": has one class.*binary-cross-entropy-with-logits/);
    expect(refused({ name: "model", output: "z" })).toMatch(/--loss-output z: names no output.*"y"/);
  });
});
