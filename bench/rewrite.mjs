// Time that `rewrite` takes to compile the gradient graphs of large models.
//   npm run bench:rewrite                  a ResNet-18 and a GPT-2 made here
//   npm run bench:rewrite model.onnx ...   other models, with softmax-cross-entropy
import { graphBuilder, modelOf, readModel, rewrite, tensorFrom } from "../dist/src/index.js";

const RUNS = 7;

/** @typedef {import("../dist/src/index.js").GraphBuilder} GraphBuilder */

/**
 * Weights of zeros; all share one piece of memory.
 * @param {GraphBuilder} graph @param {string} name @param {readonly number[]} shape
 */
function weight(graph, name, shape) {
  const bytes = 4 * shape.reduce((product, extent) => product * extent, 1);
  return graph.initializer(tensorFrom(name, "float32", shape, zeros.subarray(0, bytes)));
}
const zeros = new Uint8Array(4 * 50257 * 768);

/** torchvision's resnet18, with batch normalization. */
function resnet18() {
  const graph = graphBuilder("resnet18");
  /** @param {string} x @param {string} name @param {number} from @param {number} to @param {number} size @param {number} stride */
  const convolution = (x, name, from, to, size, stride) => {
    const pads = Array.from({ length: 4 }, () => Math.floor(size / 2));
    const inputs = [x, weight(graph, `${name}.weight`, [to, from, size, size])];
    const y = graph.node("Conv", inputs, { strides: [stride, stride], pads }, { name });
    const statistics = ["scale", "bias", "mean", "variance"].map((part) => weight(graph, `${name}.bn.${part}`, [to]));
    return graph.node("BatchNormalization", [y, ...statistics], {}, { name: `${name}.bn` });
  };
  graph.input("image", "float32", ["batch", 3, 224, 224]);
  let x = graph.node("Relu", [convolution("image", "conv1", 3, 64, 7, 2)]);
  x = graph.node("MaxPool", [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  let width = 64;
  for (const [stage, channels] of [64, 128, 256, 512].entries()) {
    for (const block of [0, 1]) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const name = `layer${stage + 1}.${block}`;
      const inner = graph.node("Relu", [convolution(x, `${name}.conv1`, width, channels, 3, stride)]);
      const branch = convolution(inner, `${name}.conv2`, channels, channels, 3, 1);
      const shortcut = width === channels ? x : convolution(x, `${name}.downsample`, width, channels, 1, stride);
      x = graph.node("Relu", [graph.node("Add", [branch, shortcut])]);
      width = channels;
    }
  }
  x = graph.node("Flatten", [graph.node("GlobalAveragePool", [x])]);
  const classifier = [x, weight(graph, "fc.weight", [1000, 512]), weight(graph, "fc.bias", [1000])];
  graph.output(graph.node("Gemm", classifier, { transB: 1 }, { name: "fc" }), "float32", ["batch", 1000]);
  return modelOf(graph.graph(), 17, 8);
}

/** GPT-2 of 12 layers, its attention written out; the length of sequences is a symbol. */
function gpt2() {
  const [layers, width, heads, words] = [12, 768, 12, 50257];
  const graph = graphBuilder("gpt2");
  /** @param {number[]} values */
  const integers = (...values) => graph.node("Constant", [], { value_ints: values });
  /** @param {string} x @param {string} name */
  const normalization = (x, name) =>
    graph.node("LayerNormalization", [
      x,
      weight(graph, `${name}.weight`, [width]),
      weight(graph, `${name}.bias`, [width]),
    ]);
  /** @param {string} x @param {string} name @param {number} from @param {number} to */
  const linear = (x, name, from, to) =>
    graph.node("Add", [
      graph.node("MatMul", [x, weight(graph, `${name}.weight`, [from, to])]),
      weight(graph, `${name}.bias`, [to]),
    ]);
  graph.input("ids", "int64", ["batch", "sequence"]);
  graph.input("positions", "int64", ["sequence"]);
  const embedding = weight(graph, "wte.weight", [words, width]);
  let x = graph.node("Add", [
    graph.node("Gather", [embedding, "ids"]),
    graph.node("Gather", [weight(graph, "wpe.weight", [1024, width]), "positions"]),
  ]);
  for (let layer = 0; layer < layers; layer++) {
    const name = `h.${layer}`;
    const projected = linear(normalization(x, `${name}.ln_1`), `${name}.attn.c_attn`, width, 3 * width);
    const parts = graph.nodes("Split", [projected], 3, { axis: -1, num_outputs: 3 });
    const [query, key, value] = parts.map((part, index) =>
      graph.node("Transpose", [graph.node("Reshape", [part, integers(0, 0, heads, width / heads)])], {
        perm: index === 1 ? [0, 2, 3, 1] : [0, 2, 1, 3],
      }),
    );
    const scores = graph.node("MatMul", [query ?? "", key ?? ""]);
    const scaled = graph.node("Div", [
      scores,
      graph.node("Constant", [], { value_float: { float: Math.sqrt(width / heads) } }),
    ]);
    const attended = graph.node("MatMul", [graph.node("Softmax", [scaled], { axis: -1 }), value ?? ""]);
    const merged = graph.node("Reshape", [
      graph.node("Transpose", [attended], { perm: [0, 2, 1, 3] }),
      integers(0, 0, width),
    ]);
    x = graph.node("Add", [x, linear(merged, `${name}.attn.c_proj`, width, width)]);
    const hidden = linear(normalization(x, `${name}.ln_2`), `${name}.mlp.c_fc`, width, 4 * width);
    const activated = graph.node("Gelu", [hidden], { approximate: "tanh" });
    x = graph.node("Add", [x, linear(activated, `${name}.mlp.c_proj`, 4 * width, width)]);
  }
  const logits = graph.node("MatMul", [
    normalization(x, "ln_f"),
    graph.node("Transpose", [embedding], { perm: [1, 0] }),
  ]);
  graph.output(logits, "float32", ["batch", "sequence", words]);
  return modelOf(graph.graph(), 20, 9);
}

const given = process.argv.slice(2);
const models = new Map(
  given.length > 0
    ? given.map((path) => [path, () => readModel(path)])
    : [
        ["ResNet-18, 224x224", resnet18],
        ["GPT-2, 12 layers", gpt2],
      ],
);
for (const [name, make] of models) {
  const times = [];
  let nodes = 0;
  for (let run = 0; run < RUNS; run++) {
    const model = make();
    const start = performance.now();
    const { models: artifacts } = rewrite(model, { loss: { name: "softmax-cross-entropy" }, emit: ["gradient"] });
    times.push(performance.now() - start);
    nodes = artifacts.get("gradient")?.graph.nodes.length ?? 0;
  }
  const [first = 0] = times;
  const median = times.toSorted((a, b) => a - b)[Math.floor(RUNS / 2)] ?? 0;
  console.log(
    `${name}: ${make().graph.nodes.length} nodes -> ${nodes}, first ${first.toFixed(0)} ms, median ${median.toFixed(0)} ms`,
  );
}
