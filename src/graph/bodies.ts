import type { Attribute, Graph, Node } from "./model.js";

/** Names that a node's bodies take from outside. */
export function capturedNames(node: Node): readonly string[] {
  const captured = new Set<string>();
  for (const graph of bodiesOf(node)) for (const name of freeNames(graph)) captured.add(name);
  return [...captured];
}

function freeNames(graph: Graph): readonly string[] {
  const defined = new Set(
    [...graph.inputs, ...graph.initializers, ...graph.sparseInitializers].map(({ name }) => name),
  );
  const free = new Set<string>();
  const use = (name: string) => {
    if (name !== "" && !defined.has(name)) free.add(name);
  };
  for (const node of graph.nodes) {
    for (const name of [...node.inputs, ...capturedNames(node)]) use(name);
    for (const name of node.outputs) defined.add(name);
  }
  for (const { name } of graph.outputs) use(name);
  return [...free];
}

/** The graphs in a node's attributes. */
export function bodiesOf(node: Pick<Node, "attributes">): readonly Graph[] {
  return [...node.attributes.values()].flatMap((attribute) =>
    attribute.kind === "graph" ? [attribute.value] : attribute.kind === "graphs" ? attribute.value : [],
  );
}

/** A node with values renamed, also inside its bodies. */
export function renamedNode(node: Node, renames: ReadonlyMap<string, string>): Node {
  if (renames.size === 0) return node;
  const rename = (name: string) => renames.get(name) ?? name;
  const attributes = bodiesOf(node).length === 0 ? node.attributes : renamedBodies(node.attributes, renames);
  return { ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename), attributes };
}

function renamedBodies(attributes: Node["attributes"], renames: ReadonlyMap<string, string>): Node["attributes"] {
  const renamed = (graph: Graph): Graph => ({
    ...graph,
    nodes: graph.nodes.map((node) => renamedNode(node, renames)),
    outputs: graph.outputs.map((output) => ({ ...output, name: renames.get(output.name) ?? output.name })),
  });
  return new Map(
    [...attributes].map(([name, attribute]): [string, Attribute] => {
      if (attribute.kind === "graph") return [name, { kind: "graph", value: renamed(attribute.value) }];
      return [name, attribute.kind === "graphs" ? { kind: "graphs", value: attribute.value.map(renamed) } : attribute];
    }),
  );
}

/** All names of values in a graph and in the bodies inside it. */
export function* valueNames(graph: Graph): Generator<string> {
  for (const list of [graph.inputs, graph.initializers, graph.sparseInitializers])
    for (const { name } of list) yield name;
  for (const node of graph.nodes) {
    yield* node.outputs;
    for (const attribute of node.attributes.values()) {
      if (attribute.kind === "graph") yield* valueNames(attribute.value);
      if (attribute.kind === "graphs") for (const body of attribute.value) yield* valueNames(body);
    }
  }
}
