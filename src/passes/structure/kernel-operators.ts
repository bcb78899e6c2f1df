import { InputError } from "../../graph/errors.js";
import { describeNode, integerAttribute, type Node, stringAttribute } from "../../graph/model.js";
import { elementCount } from "../../graph/tensor.js";

/** What a parameter does in its layer. */
export type ParameterRole = "kernel" | "bias" | "norm-scale" | "norm-bias" | "embedding" | "recurrent" | "other";

/** Fans of a kernel as one operator applies it. */
export interface Fans {
  /** Weights that enter one output unit. */
  readonly fanIn: number;
  /** Weights that leave one input unit. */
  readonly fanOut: number;
  /** Output units: the size of a bias that shifts each of them. */
  readonly units: number;
}

/** An operator input that may hold a kernel. `fans` gets the kernel's shape as the operator sees it. */
export interface KernelInput {
  readonly input: number;
  readonly role: ParameterRole;
  readonly fans: (node: Node, shape: readonly number[]) => Fans;
}

/** How an operator applies parameters of its own. */
export interface KernelOperator {
  readonly kernels: readonly KernelInput[];
  /** Whether only one of the inputs is the kernel: the first in the list that holds a constant. */
  readonly isOneKernel: boolean;
  /** Inputs that shift or scale the operator's output. */
  readonly others: readonly { readonly input: number; readonly role: ParameterRole }[];
}

/** The operators that apply kernels, by domain and type; undefined for all others. */
export function kernelOperator(node: Node): KernelOperator | undefined {
  return operators.get(node.domain)?.get(node.opType);
}

/** Whether a domain is that of the standard or of ONNX Runtime's own operators: names mean what they say there. */
export function isKnownDomain(domain: string): boolean {
  return operators.has(domain) || domain === "ai.onnx.ml";
}

/** Conv, W [C_out, C_in/group, ...kernel]: (C_in/group)·∏kernel and (C_out/group)·∏kernel. */
const convolutionFans: KernelInput["fans"] = (node, [outputs = 1, inputsOfGroup = 1, ...kernel]) => {
  const taps = elementCount(kernel);
  const group = groupOf(node);
  return { fanIn: inputsOfGroup * taps, fanOut: (outputs / group) * taps, units: outputs };
};

/** ConvTranspose, W [C_in, C_out/group, ...kernel]: the same with its own channel order. */
const transposedConvolutionFans: KernelInput["fans"] = (node, [inputs = 1, outputsOfGroup = 1, ...kernel]) => {
  const taps = elementCount(kernel);
  const group = groupOf(node);
  return { fanIn: (inputs / group) * taps, fanOut: outputsOfGroup * taps, units: outputsOfGroup * group };
};

function groupOf(node: Node): number {
  const group = integerAttribute(node, "group", 1);
  if (group < 1) throw new InputError(describeNode(node), `has group ${group}`, "a convolution needs at least 1");
  return group;
}

/** The right factor of a product, [..., K, N]: each of N outputs sums K weights. */
const rightFactorFans =
  (transposeAttribute?: string): KernelInput["fans"] =>
  (node, shape) => {
    const isTransposed = transposeAttribute !== undefined && integerAttribute(node, transposeAttribute, 0) !== 0;
    const [rows, columns] = matrix(shape, isTransposed);
    return { fanIn: rows, fanOut: columns, units: columns };
  };

/** The left factor of a product, [..., M, K]: each of M outputs sums K weights. */
const leftFactorFans =
  (transposeAttribute?: string): KernelInput["fans"] =>
  (node, shape) => {
    const isTransposed = transposeAttribute !== undefined && integerAttribute(node, transposeAttribute, 0) !== 0;
    const [rows, columns] = matrix(shape, isTransposed);
    return { fanIn: columns, fanOut: rows, units: rows };
  };

/** The last two axes; a vector is a matrix of one column. */
function matrix(shape: readonly number[], isTransposed: boolean): readonly [rows: number, columns: number] {
  const [rows = 1, columns = 1] = shape.length < 2 ? shape : shape.slice(-2);
  return isTransposed ? [columns, rows] : [rows, columns];
}

/** Gather from an embedding table, [V, D]: V and D. */
const embeddingFans: KernelInput["fans"] = (node, shape) => {
  const axis = integerAttribute(node, "axis", 0);
  const entries = shape.at(axis) ?? 1;
  const width = elementCount(shape) / Math.max(entries, 1);
  return { fanIn: entries, fanOut: width, units: width };
};

/** LSTM, GRU, RNN; W [directions, gates·hidden, input], R [directions, gates·hidden, hidden]. */
const recurrentFans: KernelInput["fans"] = (node, [directions = 1, gates = 1, inputs = 1]) => ({
  fanIn: inputs,
  fanOut: gates,
  units: directions * integerAttribute(node, "hidden_size", gates),
});

/** Einsum: letters summed over enter an output unit, letters that only this operand brings leave an input unit. */
const einsumFans =
  (operand: number): KernelInput["fans"] =>
  (node, shape) => {
    const [left = "", explicit] = (stringAttribute(node, "equation") ?? "").replaceAll(" ", "").split("->");
    const terms = left.split(",");
    const output = explicit ?? lettersUsedOnce(left);
    // An ellipsis stands for leading axes that all operands share: the letters count from the end.
    const letters = (terms[operand] ?? "").replace("...", "");
    const others = terms.filter((_, index) => index !== operand).join("");
    const extent = (letter: string) => shape[shape.length - letters.length + letters.indexOf(letter)] ?? 1;
    const product = (chosen: readonly string[]) => elementCount(chosen.map(extent));
    const fanIn = product(Array.from(letters).filter((letter) => !output.includes(letter)));
    const fanOut = product(Array.from(letters).filter((letter) => output.includes(letter) && !others.includes(letter)));
    return { fanIn, fanOut, units: fanOut };
  };

function lettersUsedOnce(text: string): string {
  return Array.from(text)
    .filter((letter) => letter !== "," && text.split(letter).length === 2)
    .join("");
}

const bias = (input: number) => ({ input, role: "bias" }) as const;
const kernel = (input: number, fans: KernelInput["fans"], role: ParameterRole = "kernel"): KernelInput => ({
  input,
  role,
  fans,
});

const oneOf = (kernels: readonly KernelInput[], others: KernelOperator["others"] = []): KernelOperator => ({
  kernels,
  isOneKernel: true,
  others,
});
const allOf = (kernels: readonly KernelInput[], others: KernelOperator["others"]): KernelOperator => ({
  kernels,
  isOneKernel: false,
  others,
});

const convolution = oneOf([kernel(1, convolutionFans)], [bias(2)]);
const gemm = oneOf([kernel(1, rightFactorFans("transB")), kernel(0, leftFactorFans("transA"))], [bias(2)]);
const product = oneOf([kernel(1, rightFactorFans()), kernel(0, leftFactorFans())]);
const attention = oneOf([kernel(1, rightFactorFans())], [bias(2)]);
const recurrent = allOf(
  [kernel(1, recurrentFans), kernel(2, recurrentFans, "recurrent")],
  [bias(3), { input: 7, role: "other" }],
);
const embedLayerNormalization = allOf(
  [2, 3, 4].map((table) => kernel(table, embeddingFans, "embedding")),
  [
    { input: 5, role: "norm-scale" },
    { input: 6, role: "norm-bias" },
  ],
);

/** Operators by domain; "com.microsoft" and its kin are ONNX Runtime's fused ones, as its optimizers write them. */
const operators: ReadonlyMap<string, ReadonlyMap<string, KernelOperator>> = new Map([
  [
    "",
    new Map([
      ["Conv", convolution],
      ["ConvInteger", oneOf(convolution.kernels)],
      ["QLinearConv", oneOf([kernel(3, convolutionFans)], [bias(8)])],
      ["DeformConv", oneOf(convolution.kernels, [bias(3)])],
      ["ConvTranspose", oneOf([kernel(1, transposedConvolutionFans)], [bias(2)])],
      ["Gemm", gemm],
      ["MatMul", product],
      ["MatMulInteger", product],
      ["QLinearMatMul", oneOf([kernel(3, rightFactorFans()), kernel(0, leftFactorFans())])],
      ["Gather", oneOf([kernel(0, embeddingFans, "embedding")])],
      ["LSTM", recurrent],
      ["GRU", recurrent],
      ["RNN", recurrent],
      ["Einsum", oneOf([1, 0, 2, 3].map((operand) => kernel(operand, einsumFans(operand))))],
    ]),
  ],
  [
    "com.microsoft",
    new Map([
      ["FusedConv", convolution],
      ["FusedGemm", gemm],
      ["FusedMatMul", oneOf([kernel(1, rightFactorFans("transB")), kernel(0, leftFactorFans("transA"))])],
      ["QGemm", oneOf([kernel(3, rightFactorFans("transB"))], [bias(6)])],
      ["Attention", attention],
      ["QAttention", attention],
      ["EmbedLayerNormalization", embedLayerNormalization],
    ]),
  ],
  ["com.microsoft.nchwc", new Map([["Conv", convolution]])],
]);
