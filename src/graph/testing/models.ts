import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Attribute, Graph, Model, Node } from "../model.js";
import { readModel } from "../read-model.js";
import type { Tensor } from "../tensor.js";
import { bytes, concat, int } from "./protobuf.js";

/** A model message: IR version 8, opset 17, and a graph of these fields. */
export function modelBytes(...graphFields: readonly Uint8Array[]): Uint8Array {
  return concat(int(1, 8), bytes(8, int(2, 17)), bytes(7, ...graphFields));
}

/** The tensor that a TensorProto of these fields reads as. */
export function readTensor(...fields: readonly Uint8Array[]): Tensor {
  return only(readModel(modelBytes(bytes(5, ...fields))).graph.initializers);
}

/** The attribute that an AttributeProto of these fields reads as. */
export function readAttribute(...fields: readonly Uint8Array[]): Attribute {
  const { attributes } = only(readModel(modelBytes(bytes(1, bytes(4, "Op"), bytes(5, ...fields)))).graph.nodes);
  return only([...attributes.values()]);
}

/** The one item of a list. */
export function only<T>(items: readonly T[]): T {
  const [first] = items;
  if (first === undefined || items.length !== 1) throw new Error(`one item was expected, there are ${items.length}`);
  return first;
}

/** A node with only what matters. */
export function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  more?: Partial<Node>,
): Node {
  const rest = {
    domain: "",
    overload: "",
    attributes: new Map<string, Attribute>(),
    metadata: new Map<string, string>(),
  };
  return { name: "", opType, inputs, outputs, ...rest, ...more };
}

/** A graph with only what matters. */
export function graph(
  inputs: readonly string[],
  nodes: readonly Node[],
  outputs: readonly string[],
  more?: Partial<Graph>,
): Graph {
  return {
    name: "g",
    inputs: inputs.map((name) => ({ name })),
    outputs: outputs.map((name) => ({ name })),
    nodes,
    initializers: [],
    sparseInitializers: [],
    valueInfo: [],
    metadata: new Map(),
    ...more,
  };
}

/** A body as an attribute. */
export function body(name: string, value: Graph): readonly [string, Attribute] {
  return [name, { kind: "graph", value }];
}

/** A model around a graph. */
export function model(of: Graph, more?: Partial<Model>): Model {
  return {
    label: "m",
    source: undefined,
    externalFiles: [],
    irVersion: 8,
    opsetImports: new Map([["", 17]]),
    producerName: "",
    producerVersion: "",
    metadata: new Map(),
    graph: of,
    functions: [],
    ...more,
  };
}

const fixtures = new URL("../../../fixtures/", import.meta.url);

/** Paths of the models that PyTorch and Keras exported. */
export const fixtureModels: readonly string[] = ["pytorch", "keras"].flatMap((folder) =>
  readdirSync(new URL(folder, fixtures))
    .filter((name) => name.endsWith(".onnx"))
    .toSorted()
    .map((name) => fileURLToPath(new URL(`${folder}/${name}`, fixtures))),
);

/** The path of one of them. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(name, fixtures));
}
