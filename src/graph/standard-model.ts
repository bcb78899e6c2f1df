import { shapeRules } from "./shapes/rules/index.js";
import { bodiesOf } from "./bodies.js";
import { type DataType, dataTypeOf } from "./data-type.js";
import {
  type Attribute,
  type Graph,
  integerAttribute,
  integersAttribute,
  type Model,
  type Node,
  stringAttribute,
} from "./model.js";
import { type FactsLookup, inferGraph } from "./shapes/infer-graph.js";

/** Nothing older is written: all operators have meant the same since, but for those below. */
const OLDEST = 18;

/** The opset from which on an operator exists as it is written here. */
const since: ReadonlyMap<string, number> = new Map([
  ["AffineGrid", 20],
  ["BitCast", 26],
  ["CumProd", 26],
  ["DFT", 20],
  ["DeformConv", 19],
  ["Gelu", 20],
  ["GridSample", 20],
  ["GroupNormalization", 21],
  ["ImageDecoder", 20],
  ["RMSNormalization", 23],
  ["RegexFullMatch", 20],
  ["RotaryEmbedding", 23],
  ["StringConcat", 20],
  ["StringSplit", 20],
  ["Swish", 24],
  ["TensorScatter", 24],
]);

/** Whether an input of the node has one of these types. */
type IsOf = (input: number, ...types: readonly DataType[]) => boolean;

/** The same for operators of which only some uses are new. */
const sinceOfUse: ReadonlyMap<string, (node: Node, isOf: IsOf) => number> = new Map<
  string,
  (node: Node, isOf: IsOf) => number
>([
  ["Attention", ({ attributes }) => (hasAny(attributes, "left_window_size", "right_window_size") ? 25 : 24)],
  [
    "AveragePool",
    (node) => (mayEndInPadding(node) ? CLEAR_OF_PADDING : node.attributes.has("dilations") ? 19 : OLDEST),
  ],
  ["Cast", casting],
  ["CastLike", casting],
  ["DequantizeLinear", dequantization],
  ["Equal", (_, isOf) => (isOf(0, "string") ? 19 : OLDEST)],
  ["IsInf", (_, isOf) => (isOf(0, "float16") ? 20 : OLDEST)],
  ["Pad", (node) => (stringAttribute(node, "mode") === "wrap" ? 19 : OLDEST)],
  ["LpPool", (node) => (mayEndInPadding(node) ? CLEAR_OF_PADDING : OLDEST)],
  ["MaxPool", (node) => (mayEndInPadding(node) ? CLEAR_OF_PADDING : OLDEST)],
  ["QLinearMatMul", (_, isOf) => (isOf(1, "float16") ? 21 : OLDEST)],
  ["QuantizeLinear", quantization],
  ["ReduceMax", (_, isOf) => (isOf(0, "bool") ? 20 : OLDEST)],
  ["ReduceMin", (_, isOf) => (isOf(0, "bool") ? 20 : OLDEST)],
  [
    "Resize",
    (node) => (stringAttribute(node, "coordinate_transformation_mode") === "half_pixel_symmetric" ? 19 : OLDEST),
  ],
]);

/** The opset from which on operators know a type. */
const sinceOfType: ReadonlyMap<DataType, number> = new Map([
  ["float8e4m3fn", 19],
  ["float8e4m3fnuz", 19],
  ["float8e5m2", 19],
  ["float8e5m2fnuz", 19],
  ["int4", 21],
  ["uint4", 21],
  ["bfloat16", 22],
  ["float4e2m1", 23],
  ["float8e8m0", 24],
  ["int2", 25],
  ["uint2", 25],
]);

function casting({ attributes }: Node): number {
  if (attributes.has("round_mode")) return 24;
  return attributes.has("saturate") ? 19 : OLDEST;
}

function dequantization(node: Node, isOf: IsOf): number {
  if (node.attributes.has("output_dtype")) return 23;
  return isBlockwise(node) || isOf(0, "int16", "uint16") ? 21 : 19;
}

function quantization(node: Node, isOf: IsOf): number {
  if (node.attributes.has("precision")) return 23;
  return node.attributes.has("output_dtype") || isBlockwise(node) || isOf(2, "int16", "uint16") ? 21 : 19;
}

/**
 * The first opset of which runtimes infer that no window of a pooling starts in the padding, which their kernels always
 * saw to.
 */
const CLEAR_OF_PADDING = 22;

/**
 * Whether there are extents for which a pooling that rounds its number of windows up would have one more that starts in
 * the padding.
 */
function mayEndInPadding(node: Node): boolean {
  if (integerAttribute(node, "ceil_mode", 0) === 0) return false;
  const kernel = integersAttribute(node, "kernel_shape") ?? [];
  const [strides, dilations, pads] = ["strides", "dilations", "pads"].map((name) => integersAttribute(node, name));
  return kernel.some((taps, axis) => {
    const span = (taps - 1) * (dilations?.[axis] ?? 1) + 1;
    return (pads?.[kernel.length + axis] ?? 0) + (strides?.[axis] ?? 1) > span;
  });
}

function isBlockwise(node: Node): boolean {
  return integerAttribute(node, "block_size", 0) !== 0;
}

function hasAny(attributes: Node["attributes"], ...names: readonly string[]): boolean {
  return names.some((name) => attributes.has(name));
}

/** The IR version that came with an opset: older runtimes refuse newer ones. */
const irVersions: ReadonlyMap<number, number> = new Map([
  [18, 8],
  [19, 9],
  [20, 9],
  [21, 10],
  [22, 10],
  [23, 11],
  [24, 12],
  [25, 13],
  [26, 13],
]);

/**
 * A model of standard operators around a graph of the working opset. It declares the oldest opset in which its nodes
 * mean the same, so that older runtimes run it, too.
 */
export function standardModel(graph: Graph, label: string): Model {
  const opset = opsetOf(graph);
  return {
    label,
    source: undefined,
    externalFiles: [],
    irVersion: irVersions.get(opset) ?? 13,
    opsetImports: new Map([["", opset]]),
    producerName: "caadam-onnx",
    producerVersion: "",
    metadata: new Map(),
    graph,
    functions: [],
  };
}

function opsetOf(graph: Graph): number {
  const types = new Set(namedTypes(graph));
  const opsets = [...types].map((type) => sinceOfType.get(type) ?? OLDEST);
  return Math.max(
    OLDEST,
    ...opsets,
    opsetOfNodes(graph, types, () => undefined),
  );
}

function opsetOfNodes(graph: Graph, named: ReadonlySet<DataType>, outer: FactsLookup): number {
  let facts: ReturnType<typeof inferGraph> | undefined;
  const lookup: FactsLookup = (name) => (facts ??= inferGraph(graph, { outer })).get(name) ?? outer(name);
  return graph.nodes.reduce((newest, node) => {
    const isOf: IsOf = (input, ...types) =>
      // All but booleans come from where they are named; few nodes must ask further.
      types.some((type) => type === "bool" || named.has(type)) &&
      types.includes(lookup(node.inputs[input] ?? "")?.dataType ?? "undefined");
    const own = since.get(node.opType) ?? sinceOfUse.get(node.opType)?.(node, isOf) ?? OLDEST;
    return Math.max(newest, own, ...bodiesOf(node).map((body) => opsetOfNodes(body, named, lookup)));
  }, OLDEST);
}

/** The types that a graph and its bodies name. */
function namedTypes({ inputs, outputs, initializers, nodes }: Graph): readonly DataType[] {
  return [
    ...[...inputs, ...outputs].flatMap(({ type }) => (type?.kind === "tensor" ? [type.dataType] : [])),
    ...initializers.map(({ dataType }) => dataType),
    ...nodes.flatMap((node) => [...node.attributes].flatMap(([name, attribute]) => typesOfAttribute(name, attribute))),
  ];
}

function typesOfAttribute(name: string, attribute: Attribute): readonly DataType[] {
  if (attribute.kind === "tensor") return [attribute.value.dataType];
  if (attribute.kind === "graph") return namedTypes(attribute.value);
  return attribute.kind === "int" && /^(to|dtype|output_dtype|output_datatype)$/.test(name)
    ? [dataTypeOf(Number(attribute.value))]
    : [];
}

/** Whether a node's operator is one of ai.onnx. ONNX Runtime writes some of its own into the standard domain. */
export function isStandard({ domain, opType }: Pick<Node, "domain" | "opType">): boolean {
  return domain === "" && shapeRules.has(opType);
}
