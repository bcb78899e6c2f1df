import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, modelOf } from "../src/graph/builder.js";
import { encodeModel } from "../src/graph/encode-model.js";
import { readModel } from "../src/graph/read-model.js";
import { repeatedNodes } from "../src/graph/testing/repeated-nodes.js";
import type { Contract } from "../src/passes/training/contract.js";
import { commandLine } from "./testing/command-line.js";

const { run, runProcess, path, expectRefusal } = commandLine();
const mlp = resolve("fixtures/pytorch/mlp.torchscript.onnx");
const lenet = resolve("fixtures/pytorch/lenet.torchscript.onnx");

function contractIn(folder: string): Contract {
  return JSON.parse(readFileSync(path(`${folder}/contract.json`), "utf8")) as Contract;
}

/** Writes a model around x [batch, 4] and a weight [4, 3]. */
function written(name: string, build: (graph: ReturnType<typeof graphBuilder>, product: string) => void): string {
  const graph = graphBuilder("model");
  graph.input("x", "float32", ["batch", 4]);
  graph.initializer(float32Tensor("weight", [4, 3]));
  const product = graph.node("MatMul", ["x", "weight"], {}, { name: "product" });
  build(graph, product);
  writeFileSync(path(name), encodeModel(modelOf(graph.graph())));
  return name;
}

describe("rewrite", () => {
  it("writes the artifacts and a contract that names all their inputs and outputs", () => {
    const { status, stderr, stdout } = runProcess("rewrite", mlp, "--loss", "mse", "-o", "mlp");
    expect([status, stdout]).toEqual([0, ""]);
    expect(stderr.trim().split("\n")).toEqual([
      "wrote mlp/gradient.onnx",
      "wrote mlp/update.onnx",
      "wrote mlp/eval.onnx",
      "wrote mlp/contract.json",
    ]);
    const contract = contractIn("mlp");
    expect(contract).toMatchObject({
      format: "caadam-training-contract",
      version: 1,
      model: { file: "mlp.torchscript.onnx", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
      loss: { name: "mse", output: "output", weight: 1 },
      optimizer: { name: "caadam", beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
    });
    expect(contract.parameters.map(({ name }) => name)).toEqual([
      "fc1.weight",
      "fc1.bias",
      "fc2.weight",
      "fc2.bias",
      "fc3.weight",
      "fc3.bias",
    ]);
    expect(contract.artifacts.gradient?.inputs.slice(0, 3)).toEqual([
      { name: "x", role: "feature", dtype: "float32", shape: ["batch", 8] },
      { name: "target", role: "target", dtype: "float32", shape: ["batch", 1] },
      { name: "fc1.weight", role: "parameter", of: "fc1.weight", dtype: "float32", shape: [64, 8] },
    ]);
    expect(contract.artifacts.gradient?.outputs.slice(0, 2)).toEqual([
      { name: "loss", role: "loss", dtype: "float32", shape: [] },
      { name: "fc1.weight.grad", role: "gradient", of: "fc1.weight", dtype: "float32", shape: [64, 8] },
    ]);
    for (const artifact of Object.values(contract.artifacts)) {
      const { graph } = readModel(path(`mlp/${artifact.file}`));
      expect(graph.inputs.map(({ name }) => name)).toEqual(artifact.inputs.map(({ name }) => name));
      expect(graph.outputs.map(({ name }) => name)).toEqual(artifact.outputs.map(({ name }) => name));
    }
  });

  it("emits no backward node before the only layer that is trained", async () => {
    await run("rewrite", lenet, "--loss", "softmax-cross-entropy", "--freeze", "*", "--train", "fc3.*", "-o", "head");
    const { graph } = readModel(path("head/gradient.onnx"));
    const backward = graph.nodes.filter(({ name }) => name.startsWith("gradient/")).map(({ name }) => name);
    expect(backward.length).toBeGreaterThan(0);
    expect(backward.filter((name) => /conv|fc1|fc2/i.test(name))).toEqual([]);
    expect(contractIn("head").parameters.map(({ name }) => name)).toEqual(["fc3.weight", "fc3.bias"]);
  });

  it("emits nothing twice", async () => {
    await run("rewrite", lenet, "--loss", "softmax-cross-entropy", "-o", "lenet");
    expect(repeatedNodes(readModel(path("lenet/gradient.onnx")).graph)).toEqual([]);
  });

  it("writes only what is asked for", async () => {
    const { stderr } = await run("rewrite", mlp, "--loss", "mae", "--emit", "eval", "-o", "only-eval");
    expect(stderr).not.toContain("gradient.onnx");
    expect(Object.keys(contractIn("only-eval").artifacts)).toEqual(["eval"]);
  });

  it("writes what the optimizer needs, and its numbers", async () => {
    const options = ["--optimizer", "adamw", "--beta1", "0.8", "--epsilon-placement", "torch", "--amsgrad"];
    const decay = ["--weight-decay", "0.1", "--without-decay", "*.bias", "--without-decay", "fc3.*", "--ema", "0.99"];
    const artifacts = ["--emit", "update,step,loop", "--clip-global-norm", "1"];
    expect((await run("rewrite", mlp, "--loss", "mse", ...options, ...decay, ...artifacts, "-o", "adamw")).status).toBe(
      0,
    );
    const contract = contractIn("adamw");
    expect(Object.keys(contract.artifacts)).toEqual(["update", "step", "loop"]);
    expect(contract.optimizer).toEqual({
      name: "adamw",
      beta1: 0.8,
      beta2: 0.999,
      epsilon: 1e-7,
      epsilonPlacement: "torch",
      amsgrad: true,
      weightDecay: 0.1,
      withoutDecay: ["*.bias", "fc3.*"],
      clip: { by: "global-norm", limit: 1 },
      averageMomentum: 0.99,
    });
    expect(contract.strategy).toMatchObject({ name: "none" });
    const roles = new Set(contract.artifacts.update?.inputs.map(({ role }) => role));
    expect([...roles]).toEqual([
      "parameter",
      "gradient",
      "moment1",
      "moment2",
      "moment2max",
      "average",
      "alpha",
      "epsilon",
      "decay",
    ]);
  });

  it("scales each layer's learning rate with caadam, and with others where a strategy is named", async () => {
    const strategyOf = async (...options: readonly string[]) => {
      await run("rewrite", mlp, "--loss", "mse", "--emit", "update", ...options, "-o", "strategy");
      const { strategy, artifacts } = contractIn("strategy");
      return [strategy.name, artifacts.update?.inputs.some(({ role }) => role === "scale")];
    };
    expect(await strategyOf()).toEqual(["multiplicative", true]);
    expect(await strategyOf("--strategy", "depth")).toEqual(["depth", true]);
    expect(await strategyOf("--optimizer", "sgd", "--momentum", "0.9")).toEqual(["none", false]);
    expect(await strategyOf("--optimizer", "sgd", "--strategy", "additive")).toEqual(["additive", true]);
  });

  it("packs small parameters where that is asked for", async () => {
    await run("rewrite", mlp, "--loss", "mse", "--pack", "-o", "packed");
    const { packs, artifacts, parameters } = contractIn("packed");
    expect(packs?.map(({ name, members }) => [name, members.length])).toEqual([["parameters", parameters.length]]);
    expect(artifacts.eval?.inputs.flatMap(({ role, name }) => (role === "parameter" ? [name] : []))).toEqual([
      "parameters",
    ]);
  });

  it("refuses options that the optimizer does not have, or that exclude each other", async () => {
    const refused = (message: RegExp, ...options: readonly string[]) =>
      expectRefusal(["rewrite", mlp, "--loss", "mse", ...options, "-o", "out"], message);
    await refused(/--momentum: means nothing to caadam/, "--momentum", "0.9");
    await refused(/--clip-norm: does not go with --clip-value; choose one/, "--clip-norm", "1", "--clip-value", "1");
    await refused(/--without-decay "conv\*"/, "--weight-decay", "0.1", "--without-decay", "conv*");
    await refused(/--ema: is given more than once/, "--ema", "0.9", "--ema", "0.99");
  });

  it("refuses what cannot be, in one line", async () => {
    await expectRefusal(["rewrite", mlp, "-o", "out"], /--loss: is missing; name one of mse, /);
    await expectRefusal(["rewrite", mlp, "--loss", "mean", "-o", "out"], /--loss mean: is none of mse, /);
    await expectRefusal(["rewrite", mlp, "--loss", "mse"], /output/);
    await expectRefusal(
      ["rewrite", mlp, "--loss", "mse", "--emit", "step,gradien", "-o", "out"],
      /--emit gradien: is none of gradient, update, step, loop, eval/,
    );
    await expectRefusal(
      ["rewrite", mlp, "--loss", "nothing=mse", "-o", "out"],
      /names no output of the model; its outputs are "/,
    );
    await expectRefusal(
      ["rewrite", mlp, "--loss", "mse", "--freeze", "conv*", "-o", "out"],
      /--freeze "conv\*".*match/,
    );
    await expectRefusal(["rewrite", mlp, "--loss", "mse", "--freeze", "*", "-o", "out"], /no parameters left/);
    await expectRefusal(
      ["rewrite", mlp, "--loss", "mse", "--label-smoothing", "0.1", "-o", "out"],
      /--label-smoothing: means nothing to the loss mse/,
    );
    await expectRefusal(
      ["rewrite", mlp, "--loss", "mse", "--reduction", "none", "-o", "out"],
      /--reduction none: gives a loss of shape \[batch, 1\]/,
    );
    await expectRefusal(["rewrite", mlp, "--loss-output", "output", "-o", "out"], /a loss is one number/);
    await expectRefusal(
      ["rewrite", mlp, "--loss-output", "nothing", "-o", "out"],
      /--loss-output nothing: names no output of the model; its outputs are "output"/,
    );
    await expectRefusal(
      ["rewrite", mlp, "--loss", "output=mse", "--loss-weight", "other=1", "-o", "out"],
      /--loss-weight other: names no output that has a loss/,
    );
    await expectRefusal(
      ["rewrite", lenet, "--loss", "softmax-cross-entropy", "--class-weights", "1,2", "-o", "out"],
      /--class-weights: names 2 weights, but .* has 10 classes/,
    );
    await expectRefusal(
      ["rewrite", lenet, "--loss", "softmax-cross-entropy", "--class-axis", "4", "-o", "out"],
      /no classes on axis 4/,
    );
  });

  it("refuses to overwrite the model", async () => {
    copyFileSync(mlp, path("gradient.onnx"));
    await expectRefusal(
      ["rewrite", "gradient.onnx", "--loss", "mse", "-o", "."],
      /gradient\.onnx: would overwrite the model/,
    );
  });

  it("takes the only loss without an output for the output that a weight names", async () => {
    await run("rewrite", mlp, "--loss", "mse", "--loss-weight", "output=0.5", "-o", "weighed");
    expect(contractIn("weighed").loss).toEqual({ name: "mse", output: "output", weight: 0.5, target: "target" });
    const model = written("heads.onnx", (graph, product) => {
      graph.output(product, "float32", ["batch", 3]);
      graph.output(graph.node("Tanh", [product], {}, { name: "second" }), "float32", ["batch", 3]);
    });
    const weights = ["--loss-weight", "product_output_0=0.5", "--loss-weight", "second_output_0=2"];
    await run("rewrite", model, "--loss", "mae", "--loss", "product_output_0=mse", ...weights, "-o", "both");
    expect(contractIn("both").loss).toMatchObject({
      losses: [
        { name: "mae", output: "second_output_0", weight: 2 },
        { name: "mse", output: "product_output_0", weight: 0.5 },
      ],
    });
    await expectRefusal(
      ["rewrite", model, "--loss", "mae", ...weights, "-o", "out"],
      /second_output_0: names no output that/,
    );
    await expectRefusal(
      ["rewrite", mlp, "--loss", "mse", "--loss-weight", "outptu=0.5", "-o", "out"],
      /outptu=mse: names no output of the model; its outputs are "output"/,
    );
  });

  it("shows the defaults of options in its help", async () => {
    const help = (await run("rewrite", "--help")).stdout.replaceAll(/\s+/g, " ");
    expect(help).toContain('[choices: "mean", "sum", "none"] [default: mean]');
    expect(help).toContain('[choices: "index", "probabilities"] [default: index]');
    expect(help).toContain("softmax-cross-entropy, nll, kl-divergence: the axis of the classes [number] [default: 1; ");
    expect(help).toContain("huber: where the square ends [number] [default: 1]");
  });

  it("refuses options out of range", async () => {
    const refused = (option: string, value: string, message: RegExp) =>
      expectRefusal(["rewrite", lenet, "--loss", "softmax-cross-entropy", option, value, "-o", "out"], message);
    await refused("--label-smoothing", "1.5", /--label-smoothing 1\.5: is out of range: it takes a number from 0 to 1/);
    await refused("--ignore-index", "0.5", /--ignore-index 0\.5: is out of range: it takes a whole number/);
    await refused("--class-weights", "1,-2", /--class-weights -2: is out of range/);
    await refused("--class-weights", "1,x", /--class-weights "x": is not a number/);
  });

  it("refuses an operator without a gradient, and names the parameters behind it", async () => {
    const model = written("unique.onnx", (graph, product) => {
      graph.output(graph.node("Unique", [product], {}, { name: "unique" }), "float32", ["count"]);
    });
    await expectRefusal(
      ["rewrite", model, "--loss", "mse", "-o", "out"],
      /Unique "unique": there is no gradient rule for the operator Unique, behind which are "weight"; .*--freeze/,
    );
  });

  it("refuses an operator that standard ones do not make up, whatever is behind it", async () => {
    const refusedOperator = async (domain: string, opType: string, message: RegExp) => {
      const model = written(`${opType}.onnx`, (graph, product) => {
        const other = graph.node(opType, [product], {}, { name: "other", domain });
        graph.output(graph.node("GlobalMaxPool", [other]), "float32", ["batch", 3]);
      });
      await expectRefusal(["rewrite", model, "--loss", "mse", "-o", "out"], message);
    };
    await refusedOperator(
      "com.example",
      "Magic",
      /Magic "other": the operator com\.example\.Magic is not a standard one/,
    );
    await refusedOperator("", "Megic", /Megic "other": there is no operator Megic in ai\.onnx up to opset 26/);
    await refusedOperator(
      "ai.onnx.ml",
      "Normalizer",
      /ai\.onnx\.ml\.Normalizer is not .*; train the part before it: .*--loss/,
    );
    await refusedOperator("com.microsoft.nchwc", "ReorderOutput", /one kind of processor, .*; .*ORT_ENABLE_EXTENDED/);
  });

  it("leaves out operators that are not standard where the loss does not need them", async () => {
    const model = written("head.onnx", (graph, product) => {
      const scores = graph.node("Normalizer", [product], {}, { name: "head", domain: "ai.onnx.ml" });
      graph.output(graph.node("Reshape", [scores, graph.node("Shape", [scores])]), "float32", ["batch", 3]);
      graph.output(product, "float32", ["batch", 3]);
    });
    const options = ["--loss", "product_output_0=mse", "-o", "part"];
    expect((await run("rewrite", model, ...options, "--emit", "gradient")).status).toBe(0);
    const { graph } = readModel(path("part/gradient.onnx"));
    expect(graph.nodes.filter(({ domain }) => domain !== "")).toEqual([]);
    await expectRefusal(["rewrite", model, ...options], /Normalizer "head": .*emit the gradient alone/);
  });

  it("refuses a loss on labels, and one that no parameter reaches", async () => {
    const labels = written("labels.onnx", (graph, product) => {
      graph.output(graph.node("ArgMax", [product], { axis: 1 }), "int64", ["batch", 1]);
    });
    await expectRefusal(
      ["rewrite", labels, "--loss", "mse", "-o", "out"],
      /needs? .*real numbers|real numbers, which a loss needs/,
    );
    const unreached = written("unreached.onnx", (graph, product) => {
      graph.output(product, "float32", ["batch", 3]);
      graph.output(graph.node("Relu", ["x"], {}, { name: "other" }), "float32", ["batch", 4]);
    });
    await expectRefusal(
      ["rewrite", unreached, "--loss", "other_output_0=mse", "-o", "out"],
      /no parameter that the loss depends on/,
    );
  });

  it("refuses shapes that do not fit together", async () => {
    const model = written("shapes.onnx", (graph, product) => {
      graph.initializer(float32Tensor("bias", [5]));
      graph.output(graph.node("Add", [product, "bias"], {}, { name: "sum" }), "float32", ["batch", 3]);
    });
    await expectRefusal(
      ["rewrite", model, "--loss", "mse", "-o", "out"],
      /Add "sum": cannot broadcast \[batch, 3\] with \[5\]/,
    );
  });
});
