import type { Value } from "../../../graph/emitter.js";
import { InputError } from "../../../graph/errors.js";
import { type Attribute, describeNode, floatAttribute, integerAttribute, type Node } from "../../../graph/model.js";
import { type Operators, range } from "../../../graph/operators.js";
import { decomposition, type DecompositionContext, type Decompositions } from "../decomposition.js";
import { activated, activationParameters, biased } from "./activations.js";

/** Products and convolutions of ONNX Runtime, domain com.microsoft, as its optimizer fuses and quantizes them. */
export const microsoftProducts: Decompositions = {
  /** Y = α·A'·B', axes exchanged as attributes tell. */
  "com.microsoft.FusedMatMul": decomposition(2, ({ g, node, inputs: [a, b] }) => [fusedMatMul(g, node, a, b)]),
  "com.microsoft.TransposeMatMul": decomposition(2, ({ g, node, inputs: [a, b] }) => [fusedMatMul(g, node, a, b)]),
  "com.microsoft.FusedMatMulActivation": decomposition(2, (context) => {
    const { g, node, inputs } = context;
    const [a, b] = inputs;
    return [activated(context, fusedMatMul(g, node, a, b), activationParameters(node))];
  }),

  "com.microsoft.FusedGemm": decomposition(2, (context) => {
    const { op, node, inputs } = context;
    const y = op("Gemm", inputs, chosen(node, ["alpha", "beta", "transA", "transB"]));
    return [activated(context, y, activationParameters(node))];
  }),

  /** Y = activation(Conv(X, W, B) + Z). */
  "com.microsoft.FusedConv": decomposition(2, (context) => {
    const { g, inputs } = context;
    const [x, w, b, z] = inputs;
    return [activated(context, biased(g, convolution(context, x, w, b), z), convolutionParameters(context.node))];
  }),

  /** With the channels last; W as for Conv. */
  "com.microsoft.NhwcConv": decomposition(2, (context) => {
    const { inputs } = context;
    const [x, w, b] = inputs;
    return [channelsLast(context, x, (first) => convolution(context, first, w, b))];
  }),
  "com.microsoft.NhwcFusedConv": decomposition(2, (context) => {
    const { g, inputs } = context;
    const [x, w, b, z] = inputs;
    const y = channelsLast(context, x, (first) => convolution(context, first, w, b));
    return [activated(context, biased(g, y, z), convolutionParameters(context.node))];
  }),

  /** Y = A·Wᵀ + bias, W [N, K] kept as integers of a few bits with a scale and a zero point for each block along K. */
  "com.microsoft.MatMulNBits": decomposition(3, (context) => {
    const { g, inputs } = context;
    const [a, , , , , bias] = inputs;
    return [biased(g, g.matMul(a, g.transposeLast(dequantizedBlocks(context))), bias)];
  }),
};

function fusedMatMul(g: Operators, node: Node, a: Value, b: Value): Value {
  const operand = (x: Value, side: "A" | "B") => {
    const rank = g.rank(x);
    const isBatch = integerAttribute(node, `transBatch${side}`, 0) !== 0 && rank > 2;
    // The first axis goes behind the other batches.
    const rows = isBatch ? [...range(rank - 1).slice(1), 0, rank - 1] : range(rank);
    const isTransposed = integerAttribute(node, `trans${side}`, 0) !== 0 && rank > 1;
    return g.transpose(x, isTransposed ? rows.with(rank - 1, rows[rank - 2] ?? 0).with(rank - 2, rank - 1) : rows);
  };
  return g.mul(g.matMul(operand(a, "A"), operand(b, "B")), floatAttribute(node, "alpha", 1));
}

/** A node's attributes of these names. */
function chosen(node: Node, names: readonly string[]): ReadonlyMap<string, Attribute> {
  return new Map([...node.attributes].filter(([name]) => names.includes(name)));
}

function convolution({ op, node }: DecompositionContext<number>, x: Value, w: Value, b: Value | undefined): Value {
  const attributes = ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"];
  return op("Conv", [x, w, b], chosen(node, attributes));
}

function convolutionParameters(node: Node): readonly number[] {
  const parameters = node.attributes.get("activation_params");
  return parameters?.kind === "floats" ? parameters.value : [];
}

/** Does something to [N, ..., C] that is defined for [N, C, ...]. */
function channelsLast({ g }: DecompositionContext<number>, x: Value, apply: (x: Value) => Value): Value {
  const spatial = range(g.rank(x) - 2).map((axis) => axis + 1);
  const first = g.transpose(x, [0, spatial.length + 1, ...spatial]);
  return g.transpose(apply(first), [0, ...spatial.map((axis) => axis + 1), 1]);
}

/**
 * W [N, K] = (q − zero)·scale, from q [N, blocks, bytes] with scales and zeros [N, blocks]; a zero is 2^(bits − 1)
 * where none is given.
 */
function dequantizedBlocks({ g, node, inputs }: DecompositionContext<3>): Value {
  const [a, packed, scales, zeros, groups] = inputs;
  const bits = integerAttribute(node, "bits", 4);
  const [rows, columns, size] = ["N", "K", "block_size"].map((name) => integerAttribute(node, name, 0));
  if (rows === undefined || columns === undefined || size === undefined || size === 0 || ![2, 4, 8].includes(bits)) {
    throw new InputError(describeNode(node), `has ${bits} bits and blocks of ${size}; 2, 4 and 8 bits are supported`);
  }
  const blocks = Math.ceil(columns / size);
  const perBlock = (x: Value) => {
    const shaped = g.reshape(x, [rows, blocks]);
    // Which block an element of K is of, where they are not in order.
    if (groups !== undefined) return g.gather(shaped, g.slice(groups, 0, 0, columns), 1);
    return g.unsqueeze(shaped, [2]);
  };
  const inBlocks = (x: Value) =>
    groups === undefined ? g.reshape(x, [rows, blocks, size]) : g.slice(x, 1, 0, columns);
  const unpackedZeros =
    zeros?.dataType === "uint8"
      ? g.slice(unpacked(g, g.reshape(zeros, g.integers([rows, -1])), bits), 1, 0, blocks)
      : zeros;
  const quantized = g.cast(inBlocks(unpacked(g, g.reshape(packed, g.integers([rows, -1])), bits)), a.dataType);
  const zero = unpackedZeros === undefined ? 2 ** (bits - 1) : perBlock(g.cast(unpackedZeros, a.dataType));
  const weight = g.mul(g.sub(quantized, zero), perBlock(scales));
  return g.slice(g.reshape(weight, g.integers([rows, -1])), 1, 0, columns);
}

/** Integers of a few bits, the lowest first, out of bytes [N, M]. */
function unpacked(g: Operators, bytes: Value, bits: number): Value {
  const shifts = range(8 / bits).map((index) => index * bits);
  if (shifts.length === 1) return bytes;
  const shifted = g.op("BitShift", [g.unsqueeze(bytes, [2]), g.tensor("uint8", [shifts.length], shifts)], {
    direction: "RIGHT",
  });
  const masked = g.op("BitwiseAnd", [shifted, g.scalar(2 ** bits - 1, "uint8")]);
  return g.op("Reshape", [masked, g.integers([0, -1])]);
}
