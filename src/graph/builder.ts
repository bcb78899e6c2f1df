import { Buffer } from "node:buffer";
import type { DataType } from "./data-type.js";
import type { Attribute, Dimension, Graph, Model, Node, ValueInfo } from "./model.js";
import { elementCount, type Tensor, tensorFrom } from "./tensor.js";

/** A float attribute; plain numbers are int attributes, as the two differ in the file. */
export interface FloatAttribute {
  readonly float: number;
}

/** What an attribute may be given as. Numbers are ints, arrays are ints or strings. */
export type AttributeInput =
  | number
  | string
  | FloatAttribute
  | readonly number[]
  | readonly string[]
  | { readonly floats: readonly number[] }
  | Tensor
  | Graph;

/** Emits nodes one after another and hands out the names of their outputs. */
export interface GraphBuilder {
  /** Declares a graph input and returns its name. */
  input(name: string, dataType: DataType, shape?: readonly Dimension[]): string;
  /** Adds a constant and returns its name. */
  initializer(tensor: Tensor): string;
  /** Adds a node with one output and returns the output's name. An omitted optional input is "". */
  node(opType: string, inputs: readonly string[], attributes?: AttributeInputs, options?: NodeOptions): string;
  /** Adds a node with several outputs and returns their names. */
  nodes(
    opType: string,
    inputs: readonly string[],
    outputCount: number,
    attributes?: AttributeInputs,
    options?: NodeOptions,
  ): readonly string[];
  /** Declares a value as a graph output. */
  output(name: string, dataType?: DataType, shape?: readonly Dimension[]): void;
  /** The graph so far. */
  graph(): Graph;
}

export type AttributeInputs = Readonly<Record<string, AttributeInput>>;

export interface NodeOptions {
  /** The node's name; its outputs are named after it. By default operator and number. */
  readonly name?: string;
  /** The operator's domain; by default the standard one. */
  readonly domain?: string;
  /** Names for the outputs, instead of names made from the node's. */
  readonly outputs?: readonly string[];
}

/** Starts an empty graph. */
export function graphBuilder(name: string): GraphBuilder {
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  const initializers: Tensor[] = [];
  const nodes: Node[] = [];

  const addNodes: GraphBuilder["nodes"] = (opType, nodeInputs, outputCount, attributes = {}, options = {}) => {
    const nodeName = options.name ?? `${opType}_${nodes.length}`;
    const nodeOutputs =
      options.outputs ?? Array.from({ length: outputCount }, (_, index) => `${nodeName}_output_${index}`);
    nodes.push({
      name: nodeName,
      domain: options.domain ?? "",
      opType,
      overload: "",
      inputs: nodeInputs,
      outputs: nodeOutputs,
      attributes: attributesOf(attributes),
      metadata: new Map(),
    });
    return nodeOutputs;
  };

  return {
    input(inputName, dataType, shape) {
      inputs.push(valueInfo(inputName, dataType, shape));
      return inputName;
    },
    initializer(tensor) {
      initializers.push(tensor);
      return tensor.name;
    },
    node: (opType, nodeInputs, attributes, options) => addNodes(opType, nodeInputs, 1, attributes, options)[0] ?? "",
    nodes: addNodes,
    output(outputName, dataType, shape) {
      outputs.push(dataType === undefined ? { name: outputName } : valueInfo(outputName, dataType, shape));
    },
    graph: () => ({
      name,
      inputs: [...inputs],
      outputs: [...outputs],
      initializers: [...initializers],
      sparseInitializers: [],
      nodes: [...nodes],
      valueInfo: [],
      metadata: new Map(),
    }),
  };
}

/** A model around a graph. `opset` is that of the standard domain; other domains get version 1. */
export function modelOf(graph: Graph, opset = 21, irVersion = 10): Model {
  const domains = new Set(graph.nodes.map(({ domain }) => domain));
  return {
    label: graph.name,
    source: undefined,
    externalFiles: [],
    irVersion,
    opsetImports: new Map([
      ["", opset],
      ...[...domains].filter((domain) => domain !== "").map((domain) => [domain, 1] as const),
    ]),
    producerName: "caadam-onnx",
    producerVersion: "",
    metadata: new Map(),
    graph,
    functions: [],
  };
}

/** A float32 constant. Values default to zeros. */
export function float32Tensor(name: string, shape: readonly number[], values?: readonly number[]): Tensor {
  const data = values === undefined ? new Float32Array(elementCount(shape)) : Float32Array.from(values);
  return tensorFrom(name, "float32", shape, new Uint8Array(data.buffer));
}

/** An int64 constant, one-dimensional unless a shape is given. */
export function int64Tensor(
  name: string,
  values: readonly number[],
  shape: readonly number[] = [values.length],
): Tensor {
  return tensorFrom(name, "int64", shape, new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer));
}

function valueInfo(name: string, dataType: DataType, shape: readonly Dimension[] | undefined): ValueInfo {
  return { name, type: shape === undefined ? { kind: "tensor", dataType } : { kind: "tensor", dataType, shape } };
}

/** Attributes as a node has them. */
export function attributesOf(inputs: AttributeInputs): ReadonlyMap<string, Attribute> {
  return new Map(Object.entries(inputs).map(([name, input]) => [name, toAttribute(input)]));
}

function toAttribute(input: AttributeInput): Attribute {
  if (typeof input === "number") return { kind: "int", value: BigInt(input) };
  if (typeof input === "string") return { kind: "string", value: Buffer.from(input) };
  if (isStrings(input)) return { kind: "strings", value: input.map((text) => Buffer.from(text)) };
  if (isNumbers(input)) return { kind: "ints", value: input.map(BigInt) };
  if ("float" in input) return { kind: "float", value: input.float };
  if ("floats" in input) return { kind: "floats", value: input.floats };
  if ("nodes" in input) return { kind: "graph", value: input };
  return { kind: "tensor", value: input };
}

function isStrings(input: unknown): input is readonly string[] {
  return Array.isArray(input) && input.length > 0 && input.every((item) => typeof item === "string");
}

function isNumbers(input: unknown): input is readonly number[] {
  return Array.isArray(input) && input.every((item) => typeof item === "number");
}
