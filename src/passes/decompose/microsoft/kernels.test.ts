import { describe, expect, test } from "vitest";
import { type AttributeInputs, attributesOf, modelOf } from "../../../graph/builder.js";
import { Emitter, type Value } from "../../../graph/emitter.js";
import type { Node } from "../../../graph/model.js";
import { type PlainTensor, runModel } from "../../../graph/testing/run-model.js";
import { decompose } from "../index.js";

/** Decompositions compute what ONNX Runtime's own kernels do. */
interface Case {
  readonly name: string;
  readonly op: string;
  readonly attributes?: AttributeInputs;
  readonly inputs: readonly (PlainTensor | undefined)[];
  /** Which outputs are compared; by default the first. */
  readonly outputs?: readonly boolean[];
}

let state = 1;
/** Numbers from −1 to 1 that look random. */
function number(): number {
  state = (state * 48271) % 2147483647;
  return (state / 2147483647) * 2 - 1;
}

function real(...shape: number[]): PlainTensor {
  const count = shape.reduce((product, extent) => product * extent, 1);
  return { dataType: "float32", shape, values: Array.from({ length: count }, number) };
}

function integers(
  dataType: "int32" | "int64" | "uint8",
  shape: readonly number[],
  values: readonly number[],
): PlainTensor {
  return { dataType, shape, values };
}

function bytes(...shape: number[]): PlainTensor {
  const count = shape.reduce((product, extent) => product * extent, 1);
  return integers(
    "uint8",
    shape,
    Array.from({ length: count }, () => Math.floor((number() + 1) * 127.9)),
  );
}

const attentionWeights = () => [real(2, 3, 4), real(4, 12), real(12)];
const states = () => [real(2, 3, 4), real(2, 3, 4), real(2, 3, 4)];
const grouped = () => [real(2, 3, 32), real(2, 3, 16), real(2, 3, 16)];
const none = undefined;
const lengths = [integers("int32", [2], [2, 2]), integers("int32", [1], [3])];
const caches = () => [real(8, 2), real(8, 2)];
const wideCaches = () => [real(8, 8), real(8, 8)];

const cases: readonly Case[] = [
  { name: "", op: "Gelu", inputs: [real(2, 5)] },
  { name: "", op: "FastGelu", inputs: [real(2, 5)] },
  { name: "with a bias", op: "FastGelu", inputs: [real(2, 5), real(5)] },
  { name: "", op: "QuickGelu", inputs: [real(2, 5)] },
  { name: "with α", op: "QuickGelu", attributes: { alpha: { float: 0.5 } }, inputs: [real(2, 5)] },
  { name: "", op: "BiasGelu", inputs: [real(2, 5), real(5)] },
  { name: "", op: "SkipLayerNormalization", inputs: [real(2, 3, 4), real(2, 3, 4), real(4), real(4)] },
  {
    name: "with all inputs",
    op: "SkipLayerNormalization",
    attributes: { epsilon: { float: 0.01 } },
    inputs: [real(2, 3, 4), real(3, 4), real(4), real(4), real(4)],
    outputs: [true, false, false, true],
  },
  {
    name: "",
    op: "SkipSimplifiedLayerNormalization",
    inputs: [real(2, 3, 4), real(2, 3, 4), real(4), real(4)],
    outputs: [true, false, false, true],
  },
  {
    name: "",
    op: "EmbedLayerNormalization",
    inputs: [
      integers("int32", [2, 3], [1, 0, 4, 2, 2, 3]),
      integers("int32", [2, 3], [0, 0, 1, 1, 0, 1]),
      real(5, 4),
      real(6, 4),
      real(2, 4),
      real(4),
      real(4),
      integers("int32", [2, 3], [1, 1, 0, 1, 1, 1]),
    ],
    outputs: [true, true, true],
  },
  {
    name: "with positions, without segments",
    op: "EmbedLayerNormalization",
    inputs: [
      integers("int32", [2, 3], [1, 0, 4, 2, 2, 3]),
      none,
      real(5, 4),
      real(6, 4),
      none,
      real(4),
      real(4),
      none,
      integers("int32", [2, 3], [3, 4, 5, 0, 2, 1]),
    ],
    outputs: [true, true],
  },
  {
    name: "",
    op: "FusedMatMul",
    attributes: { alpha: { float: 0.5 }, transB: 1 },
    inputs: [real(2, 3, 4), real(2, 5, 4)],
  },
  { name: "with A transposed", op: "FusedMatMul", attributes: { transA: 1 }, inputs: [real(2, 4, 3), real(4, 5)] },
  {
    name: "with batches exchanged",
    op: "FusedMatMul",
    attributes: { transBatchA: 1, transBatchB: 1 },
    inputs: [real(3, 2, 4), real(4, 2, 5)],
  },
  {
    name: "with batches and rows exchanged",
    op: "FusedMatMul",
    attributes: { transBatchA: 1, transA: 1 },
    inputs: [real(4, 2, 3), real(2, 4, 5)],
  },
  { name: "", op: "TransposeMatMul", attributes: { transA: 1, alpha: { float: 2 } }, inputs: [real(4, 3), real(4, 5)] },
  ...["Relu", "Tanh", "Sigmoid"].map((activation) => ({
    name: activation,
    op: "FusedGemm",
    attributes: { transB: 1, alpha: { float: 0.5 }, beta: { float: 2 }, activation },
    inputs: [real(2, 3), real(4, 3), real(4)],
  })),
  {
    name: "LeakyRelu",
    op: "FusedGemm",
    attributes: { activation: "LeakyRelu", activation_alpha: { float: 0.3 } },
    inputs: [real(2, 3), real(3, 4), real(4)],
  },
  {
    name: "",
    op: "FusedConv",
    attributes: { activation: "Relu", pads: [1, 1, 1, 1], kernel_shape: [3, 3] },
    inputs: [real(1, 2, 4, 4), real(3, 2, 3, 3), real(3)],
  },
  {
    name: "with a sum and bounds",
    op: "FusedConv",
    attributes: { activation: "Clip", activation_params: { floats: [-0.2, 0.4] }, strides: [2, 2] },
    inputs: [real(1, 2, 5, 5), real(3, 2, 3, 3), real(3), real(1, 3, 2, 2)],
  },
  {
    name: "HardSigmoid",
    op: "FusedConv",
    attributes: { activation: "HardSigmoid", activation_params: { floats: [0.3, 0.4] } },
    inputs: [real(1, 2, 5, 5), real(3, 2, 3, 3), real(3)],
  },
  {
    name: "4 bits",
    op: "MatMulNBits",
    attributes: { K: 32, N: 3, block_size: 16 },
    inputs: [real(2, 2, 32), bytes(3, 2, 8), real(3, 2)],
  },
  {
    name: "4 bits, zeros, the last block not full",
    op: "MatMulNBits",
    attributes: { K: 40, N: 3, block_size: 16 },
    inputs: [real(2, 40), bytes(3, 3, 8), real(3, 3), bytes(3, 2)],
  },
  {
    name: "8 bits",
    op: "MatMulNBits",
    attributes: { K: 32, N: 3, block_size: 32, bits: 8 },
    inputs: [real(2, 32), bytes(3, 1, 32), real(3, 1), bytes(3, 1)],
  },
  {
    name: "4 bits, bias and zeros of real numbers",
    op: "MatMulNBits",
    attributes: { K: 32, N: 3, block_size: 16 },
    inputs: [real(2, 32), bytes(3, 2, 8), real(3, 2), real(3, 2), none, real(3)],
  },
  { name: "", op: "Attention", attributes: { num_heads: 2 }, inputs: attentionWeights() },
  { name: "causal", op: "Attention", attributes: { num_heads: 2, unidirectional: 1 }, inputs: attentionWeights() },
  {
    name: "a mask for each example",
    op: "Attention",
    attributes: { num_heads: 2 },
    inputs: [...attentionWeights(), integers("int32", [2, 3], [1, 0, 1, 1, 1, 0])],
  },
  {
    name: "a mask for each query",
    op: "Attention",
    attributes: { num_heads: 2, mask_filter_value: { float: -3 } },
    inputs: [
      ...attentionWeights(),
      integers("int32", [2, 3, 3], [1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0]),
    ],
  },
  {
    name: "numbers of keys",
    op: "Attention",
    attributes: { num_heads: 2 },
    inputs: [...attentionWeights(), integers("int32", [2], [2, 3])],
  },
  {
    name: "ends and starts of keys",
    op: "Attention",
    attributes: { num_heads: 2 },
    inputs: [...attentionWeights(), integers("int32", [4], [3, 2, 1, 0])],
  },
  {
    name: "past",
    op: "Attention",
    attributes: { num_heads: 2, unidirectional: 1, scale: { float: 0.3 } },
    inputs: [...attentionWeights(), none, real(2, 2, 2, 2, 2)],
    outputs: [true, true],
  },
  {
    name: "values of another size and a bias",
    op: "Attention",
    attributes: { num_heads: 2, qkv_hidden_sizes: [4, 4, 6] },
    inputs: [real(2, 3, 4), real(4, 14), real(14), none, none, real(1, 2, 3, 3)],
  },
  { name: "", op: "MultiHeadAttention", attributes: { num_heads: 2 }, inputs: states() },
  { name: "with a bias", op: "MultiHeadAttention", attributes: { num_heads: 2 }, inputs: [...states(), real(12)] },
  {
    name: "keys and values with heads",
    op: "MultiHeadAttention",
    attributes: { num_heads: 2, scale: { float: 0.7 } },
    inputs: [real(2, 3, 4), real(2, 2, 5, 2), real(2, 2, 5, 2)],
  },
  {
    name: "a mask for keys and a bias",
    op: "MultiHeadAttention",
    attributes: { num_heads: 2 },
    inputs: [...states(), none, integers("int32", [2, 3], [1, 0, 1, 1, 1, 0]), real(2, 1, 3, 3)],
  },
  {
    name: "numbers of keys",
    op: "MultiHeadAttention",
    attributes: { num_heads: 2 },
    inputs: [...states(), none, integers("int32", [2], [2, 3])],
  },
  {
    name: "causal with a past",
    op: "MultiHeadAttention",
    attributes: { num_heads: 2, unidirectional: 1 },
    inputs: [...states(), none, none, none, real(2, 2, 2, 2), real(2, 2, 2, 2)],
    outputs: [true, true, true],
  },
  {
    name: "",
    op: "GroupQueryAttention",
    attributes: { num_heads: 4, kv_num_heads: 2 },
    inputs: [...grouped(), none, none, ...lengths],
    outputs: [true, true, true],
  },
  {
    name: "rotated",
    op: "GroupQueryAttention",
    attributes: { num_heads: 2, kv_num_heads: 1, do_rotary: 1 },
    inputs: [...grouped(), none, none, ...lengths, ...wideCaches()],
    outputs: [true, true, true],
  },
  {
    name: "rotated, interleaved, packed",
    op: "GroupQueryAttention",
    attributes: { num_heads: 2, kv_num_heads: 1, do_rotary: 1, rotary_interleaved: 1 },
    inputs: [real(2, 3, 64), none, none, none, none, ...lengths, ...wideCaches()],
    outputs: [true, true, true],
  },
  {
    name: "past",
    op: "GroupQueryAttention",
    attributes: { num_heads: 2, kv_num_heads: 1, do_rotary: 1 },
    inputs: [
      real(1, 3, 32),
      real(1, 3, 16),
      real(1, 3, 16),
      real(1, 1, 2, 16),
      real(1, 1, 2, 16),
      integers("int32", [1], [4]),
      integers("int32", [1], [5]),
      ...wideCaches(),
    ],
    outputs: [true, true, true],
  },
  {
    name: "a window, a soft cap and a scale",
    op: "GroupQueryAttention",
    attributes: { num_heads: 4, kv_num_heads: 2, local_window_size: 2, softcap: { float: 0.5 }, scale: { float: 2 } },
    inputs: [...grouped(), none, none, ...lengths],
    outputs: [true, true, true],
  },
  {
    name: "a smooth softmax",
    op: "GroupQueryAttention",
    attributes: { num_heads: 4, kv_num_heads: 2, smooth_softmax: 1 },
    inputs: [...grouped(), none, none, ...lengths],
    outputs: [true, true, true],
  },
  {
    name: "a sink for each head, a bias and a soft cap",
    op: "GroupQueryAttention",
    attributes: { num_heads: 4, kv_num_heads: 2, softcap: { float: 0.5 } },
    inputs: [...grouped(), none, none, ...lengths, none, none, none, real(1, 4, 3, 3), real(4)],
    outputs: [true, true, true],
  },
  {
    name: "",
    op: "RotaryEmbedding",
    inputs: [real(2, 3, 8), integers("int64", [2, 3], [0, 1, 2, 4, 5, 3]), ...caches()],
  },
  {
    name: "interleaved, heads apart, from a position on",
    op: "RotaryEmbedding",
    attributes: { interleaved: 1 },
    inputs: [real(2, 2, 3, 4), integers("int64", [1], [4]), ...caches()],
  },
  {
    name: "in part",
    op: "RotaryEmbedding",
    attributes: { num_heads: 2, rotary_embedding_dim: 4 },
    inputs: [real(2, 3, 12), integers("int64", [2, 3], [0, 1, 2, 4, 5, 3]), ...caches()],
  },
  { name: "", op: "Trilu", attributes: { upper: 0 }, inputs: [real(3, 3)] },
  { name: "", op: "GatherND", inputs: [real(3, 2, 2), integers("int64", [2, 2], [0, 1, 2, 0])] },
  {
    name: "",
    op: "Pad",
    attributes: { mode: "reflect" },
    inputs: [real(3, 3), integers("int64", [1, 4], [0, 1, 1, 0])],
  },
  { name: "with a value", op: "Pad", inputs: [real(3, 3), integers("int64", [4], [0, 1, 1, 0]), real(1)] },
  { name: "", op: "ExpandDims", inputs: [real(3, 3), integers("int32", [], [-1])] },
  { name: "", op: "CDist", inputs: [real(3, 4), real(2, 4)] },
  { name: "Euclidean", op: "CDist", attributes: { metric: "euclidean" }, inputs: [real(3, 4), real(2, 4)] },
  { name: "", op: "Inverse", inputs: [real(3, 3)] },
  { name: "of two matrices", op: "Inverse", inputs: [real(2, 5, 5)] },
  { name: "", op: "GridSample", inputs: [real(1, 2, 4, 4), real(1, 3, 3, 2)] },
  {
    name: "bicubic",
    op: "GridSample",
    attributes: { mode: "bicubic", padding_mode: "border", align_corners: 1 },
    inputs: [real(1, 2, 4, 4), real(1, 3, 3, 2)],
  },
  { name: "", op: "DequantizeLinear", inputs: [bytes(2, 3), real(), integers("uint8", [], [7])] },
  {
    name: "",
    op: "Range",
    inputs: [integers("int64", [1], [1]), integers("int64", [1], [7]), integers("int64", [1], [2])],
  },
];

describe("decompositions compute what the runtime's kernels do", () => {
  test.each(cases)("$op $name", async (given) => {
    const expected = await run(given, "kernel");
    expectEqual(await run(given, "decomposed"), expected);
    // Bytes are constants in files.
    if (given.inputs.every((input) => input?.dataType !== "uint8")) expectEqual(await run(given, "symbolic"), expected);
  });
});

function expectEqual(found: Record<string, PlainTensor>, expected: Record<string, PlainTensor>): void {
  for (const [name, tensor] of Object.entries(expected)) {
    expect(found[name]?.shape, name).toEqual(tensor.shape);
    const scale = Math.max(...tensor.values.map(Math.abs), 1e-3);
    const differences = tensor.values.map((value, index) => Math.abs(value - (found[name]?.values[index] ?? NaN)));
    expect(
      Math.max(...differences) / scale,
      `${name}: ${found[name]?.values.join(" ")} instead of ${tensor.values.join(" ")}`,
    ).toBeLessThan(2e-5);
  }
}

/**
 * The operator alone, as it is or decomposed, also without the extents of the first axis and of a sequence's second.
 */
async function run(
  { op, attributes = {}, inputs, outputs = [true] }: Case,
  how: "kernel" | "decomposed" | "symbolic",
): Promise<Record<string, PlainTensor>> {
  const isDecomposed = how !== "kernel";
  const emitter = new Emitter();
  const values = inputs.map((input, index): Value | undefined =>
    input === undefined
      ? undefined
      : emitter.input(`input${index}`, {
          dataType: input.dataType,
          shape: input.shape.map((extent, axis) =>
            how === "symbolic" && (axis === 0 || (axis === 1 && input.shape.length === 3)) ? `n${extent}` : extent,
          ),
        }),
  );
  const node: Node = {
    name: "operator",
    domain: "com.microsoft",
    opType: op,
    overload: "",
    inputs: values.map((value) => value?.name ?? ""),
    outputs: outputs.map((isWanted, index) => (isWanted ? `output${index}` : "")),
    attributes: attributesOf(attributes),
    metadata: new Map(),
  };
  const results =
    (isDecomposed ? decompose({ emitter, node, inputs: values }) : undefined) ??
    emitter.emit({ ...node, inputs: values });
  const graph = emitter.graph(
    "graph",
    outputs.flatMap((isWanted, index) => {
      const value = results[index];
      return isWanted && value !== undefined ? [{ value, name: `output${index}` }] : [];
    }),
  );
  if (isDecomposed) expect(graph.nodes.filter(({ domain }) => domain !== "")).toEqual([]);
  const feeds = inputs.flatMap((input, index) => (input === undefined ? [] : [[`input${index}`, input] as const]));
  const fed = new Set(graph.inputs.map(({ name }) => name));
  return runModel(modelOf(graph, 26, 13), Object.fromEntries(feeds.filter(([name]) => fed.has(name))));
}
