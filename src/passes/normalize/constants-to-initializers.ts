import { isStandard } from "../../graph/standard-model.js";
import type { Attribute, Graph, Model, Node } from "../../graph/model.js";
import type { Tensor } from "../../graph/tensor.js";

/**
 * A model whose Constant nodes are initializers of their graph or body: both are constants, and either may be trained.
 * @param model at the working opset
 */
export function constantsToInitializers(model: Model): Model {
  return { ...model, graph: withInitializers(model.graph) };
}

function withInitializers(graph: Graph): Graph {
  const constants = graph.nodes.flatMap((node) => constantOf(node) ?? []);
  const nodes = graph.nodes.filter((node) => constantOf(node) === undefined).map(withBodies);
  return { ...graph, nodes, initializers: [...graph.initializers, ...constants] };
}

/** The tensor of a Constant that has one; those with a number or a list are none, as nobody trains them. */
function constantOf(node: Node): Tensor | undefined {
  const value = node.opType === "Constant" && isStandard(node) ? node.attributes.get("value") : undefined;
  return value?.kind === "tensor" ? { ...value.value, name: node.outputs[0] ?? "" } : undefined;
}

function withBodies(node: Node): Node {
  if (![...node.attributes.values()].some(({ kind }) => kind === "graph")) return node;
  const attributes = [...node.attributes].map(([name, attribute]): [string, Attribute] =>
    attribute.kind === "graph"
      ? [name, { kind: "graph", value: withInitializers(attribute.value) }]
      : [name, attribute],
  );
  return { ...node, attributes: new Map(attributes) };
}
