import type { ByteSource } from "./bytes.js";
import type { DataType } from "./data-type.js";
import { type Tensor, toSafeInteger } from "./tensor.js";

/** One axis of a shape: its extent, the name of a symbolic extent, or null where nothing is known. */
export type Dimension = number | string | null;

/** What ONNX's TypeProto says of a value. */
export type ValueType =
  | { readonly kind: "tensor" | "sparse-tensor"; readonly dataType: DataType; readonly shape?: readonly Dimension[] }
  | { readonly kind: "sequence" | "optional"; readonly element?: ValueType }
  | { readonly kind: "map"; readonly key: DataType; readonly value?: ValueType }
  | { readonly kind: "opaque"; readonly domain: string; readonly name: string };

/** A named value with the type that the file declares for it. */
export interface ValueInfo {
  readonly name: string;
  readonly type?: ValueType;
}

/** An attribute of a node. Integers keep their 64 bits; {@link integerAttribute} and its kin read them as numbers. */
export type Attribute =
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "string"; readonly value: Uint8Array }
  | { readonly kind: "tensor"; readonly value: Tensor }
  | { readonly kind: "graph"; readonly value: Graph }
  | { readonly kind: "sparse-tensor"; readonly value: SparseTensor }
  | { readonly kind: "type"; readonly value: ValueType | undefined }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "ints"; readonly value: readonly bigint[] }
  | { readonly kind: "strings"; readonly value: readonly Uint8Array[] }
  | { readonly kind: "tensors"; readonly value: readonly Tensor[] }
  | { readonly kind: "graphs"; readonly value: readonly Graph[] }
  | { readonly kind: "sparse-tensors"; readonly value: readonly SparseTensor[] }
  | { readonly kind: "types"; readonly value: readonly (ValueType | undefined)[] }
  /** In a function body: the value of the calling node's attribute of that name. */
  | { readonly kind: "reference"; readonly attribute: string };

/** A node: an operator applied to values by name. An empty input or output name is an omitted optional one. */
export interface Node {
  readonly name: string;
  readonly domain: string;
  readonly opType: string;
  /** Which of several functions of one name and domain is called (IR version 10). */
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** A sparse initializer: COO values and indices into a dense shape. */
export interface SparseTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Tensor;
}

/** A graph or the body of a control-flow operator. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers: readonly Tensor[];
  readonly sparseInitializers: readonly SparseTensor[];
  readonly nodes: readonly Node[];
  readonly valueInfo: readonly ValueInfo[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** A model-local function (ONNX IR version 8). */
export interface ModelFunction {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Default values of attributes; those without one are in {@link attributeNames}. */
  readonly attributeDefaults: ReadonlyMap<string, Attribute>;
  readonly attributeNames: readonly string[];
  readonly nodes: readonly Node[];
  readonly valueInfo: readonly ValueInfo[];
  readonly opsetImports: ReadonlyMap<string, number>;
}

/** An ONNX model. Plain data: passes make new ones and never change one. */
export interface Model {
  /** What error messages call the model: its path, if it came from a file. */
  readonly label: string;
  /** The bytes that it was read from; undefined for a model made in memory. */
  readonly source: ByteSource | undefined;
  /** The files beside it that hold its external data. */
  readonly externalFiles: readonly string[];
  readonly irVersion: number;
  /** Opset version by domain; the standard domain is "". */
  readonly opsetImports: ReadonlyMap<string, number>;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly graph: Graph;
  readonly functions: readonly ModelFunction[];
}

/** What errors call a node: operator and name, or operator and first output where it has no name. */
export function describeNode(node: Pick<Node, "name" | "opType" | "outputs">): string {
  return `${node.opType} "${node.name === "" ? (node.outputs.find((name) => name !== "") ?? "") : node.name}"`;
}

/** A node that hands a value on under another name. */
export function identityNode(
  name: string,
  input: string,
  output: string,
  metadata: ReadonlyMap<string, string> = new Map(),
): Node {
  const attributes = new Map<string, Attribute>();
  return {
    name,
    domain: "",
    opType: "Identity",
    overload: "",
    inputs: [input],
    outputs: [output],
    attributes,
    metadata,
  };
}

/** The operator with its domain in front, unless that is ai.onnx. */
export function operatorName({ domain, opType }: Pick<Node, "domain" | "opType">): string {
  return domain === "" ? opType : `${domain}.${opType}`;
}

/**
 * An int attribute as a number, `fallback` where it is absent. 64-bit extremes come out as the nearest safe integer.
 */
export function integerAttribute(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === "int" ? toSafeInteger(attribute.value) : fallback;
}

/** A float attribute, `fallback` where it is absent. */
export function floatAttribute(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === "float" ? attribute.value : fallback;
}

/** An ints attribute as numbers, undefined where it is absent. */
export function integersAttribute(node: Node, name: string): readonly number[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === "ints" ? attribute.value.map(toSafeInteger) : undefined;
}

/** A string attribute, undefined where it is absent. */
export function stringAttribute(node: Node, name: string): string | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === "string" ? Buffer.from(attribute.value).toString("utf8") : undefined;
}

/** A strings attribute, undefined where it is absent. */
export function stringsAttribute(node: Node, name: string): readonly string[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === "strings" ? attribute.value.map((text) => Buffer.from(text).toString("utf8")) : undefined;
}
