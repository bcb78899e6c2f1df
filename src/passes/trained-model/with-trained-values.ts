import type { Attribute, Graph, Model, Node } from "../../graph/model.js";
import type { Tensor } from "../../graph/tensor.js";
import { inlineFunctions } from "../normalize/inline-functions.js";
import { requireInRange, storedValues } from "./stored-values.js";
import { constantOf, namedTensors, tensorOf } from "./trained-tensors.js";
import { shapesOf, type TrainedValues } from "./write-trained-model.js";

/**
 * A model with new values of some of its tensors, its functions inlined: to encode, to fold or to run. (A file keeps
 * all its other bytes with `writeTrainedModel`.) Values are rounded to the type that the model has for them when they
 * are read; their memory is not copied.
 * @param values by the names that tensors have when functions are inlined
 * @throws InputError for names and shapes that the model does not have, and for numbers too large for its types
 */
export function withTrainedValues(model: Model, values: ReadonlyMap<string, TrainedValues>): Model {
  const { graph, ...inlined } = inlineFunctions(model);
  const named = namedTensors(graph);
  // By the tensors that they take the place of: there may be others of the name in other bodies.
  const trained = new Map<Tensor, Tensor>();
  const shapes = shapesOf(values);
  for (const [name, { data }] of values) {
    const where = `${model.label}: "${name}"`;
    const tensor = tensorOf(named.get(name) ?? [], shapes.get(name) ?? [], where);
    requireInRange(data, tensor, where);
    const source = storedValues(data, tensor.dataType);
    trained.set(tensor, { ...tensor, payload: { kind: "raw", range: { source, offset: 0, length: source.size } } });
  }
  return { ...inlined, source: undefined, graph: inGraph(graph, trained) };
}

function inGraph(graph: Graph, trained: ReadonlyMap<Tensor, Tensor>): Graph {
  return {
    ...graph,
    initializers: graph.initializers.map((tensor) => trained.get(tensor) ?? tensor),
    nodes: graph.nodes.map((node) => inNode(node, trained)),
  };
}

function inNode(node: Node, trained: ReadonlyMap<Tensor, Tensor>): Node {
  const constant = constantOf(node);
  const value = constant && trained.get(constant);
  if (value !== undefined) return { ...node, attributes: new Map([["value", { kind: "tensor", value }]]) };
  const attributes = [...node.attributes].map(([name, attribute]): readonly [string, Attribute] =>
    attribute.kind === "graph" ? [name, { ...attribute, value: inGraph(attribute.value, trained) }] : [name, attribute],
  );
  return { ...node, attributes: new Map(attributes) };
}
