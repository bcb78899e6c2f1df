import type { Emitter, Value } from "./emitter.js";
import { InputError } from "./errors.js";
import { type Attribute, describeNode, type Graph, type Node, type ValueInfo } from "./model.js";
import { factsOfType } from "./shapes/declared-facts.js";
import { symbol } from "./shapes/extent.js";
import { type Facts, unknownFacts } from "./shapes/facts.js";
import { bodyInputFacts, nodesInOrder } from "./shapes/infer-graph.js";
import type { Tensor } from "./tensor.js";

/** A node on its way into another graph, with the values there that are its inputs. */
export interface Replayed {
  readonly emitter: Emitter;
  readonly node: Node;
  readonly inputs: readonly (Value | undefined)[];
}

/**
 * What to emit in place of a node.
 * @returns its outputs, undefined for those that nobody may use; or undefined to emit the node as it is
 */
export type Rewrite = (replayed: Replayed) => readonly (Value | undefined)[] | undefined;

/** How the nodes of a graph come into another one. */
export interface Replay {
  /** The value that stands for an initializer. */
  readonly initializer: (tensor: Tensor, emitter: Emitter) => Value;
  readonly rewrite: Rewrite;
}

/**
 * Declares the inputs of a graph in another one: those that are no initializers, as until IR version 3 both were listed.
 * @param factsOf what is known of an input, if not what the file declares of it
 * @returns the values, by name
 */
export function declaredInputs(
  graph: Graph,
  emitter: Emitter,
  factsOf: (declared: Facts) => Facts = (declared) => declared,
): ReadonlyMap<string, Value> {
  const initializers = new Set(graph.initializers.map(({ name }) => name));
  const inputs = graph.inputs.filter(({ name }) => !initializers.has(name));
  return new Map(
    inputs.map(({ name, type }) => {
      const declared = factsOfType(type, (axis) => symbol(`${name}_dim${axis}`));
      return [name, emitter.input(name, factsOf(declared))];
    }),
  );
}

/** The graph that a replayed one has become: its outputs under their names. */
export function replayedGraph(graph: Graph, emitter: Emitter, values: ReadonlyMap<string, Value>): Graph {
  const outputs = graph.outputs.flatMap(({ name }) => {
    const value = values.get(name);
    return value === undefined ? [] : [{ name, value }];
  });
  return { ...emitter.graph(graph.name, outputs), metadata: graph.metadata };
}

/**
 * Emits the nodes of a graph, and those of its control-flow bodies, into another one.
 * @param inputs the values there that stand for the graph's inputs, by name
 * @returns all values of the graph, by their names in it
 * @throws InputError for a value that no node makes
 */
export function replay(
  graph: Graph,
  emitter: Emitter,
  inputs: ReadonlyMap<string, Value>,
  how: Replay,
): ReadonlyMap<string, Value> {
  const [sparse] = graph.sparseInitializers;
  if (sparse !== undefined) {
    throw new InputError(
      `initializer "${sparse.name}"`,
      "is sparse, and gradients need it dense",
      "export it as it is dense",
    );
  }
  const values = new Map(inputs);
  for (const tensor of graph.initializers) values.set(tensor.name, how.initializer(tensor, emitter));
  const declared = new Map(
    [...graph.valueInfo, ...graph.outputs].flatMap((info) => (info.type === undefined ? [] : [[info.name, info]])),
  );
  for (const node of nodesInOrder(graph, new Set())) {
    const operands = node.inputs.map((name) => (name === "" ? undefined : existing(values, name, describeNode(node))));
    const outputs =
      how.rewrite({ emitter, node, inputs: operands }) ??
      replayedNode(node, operands, { emitter, values, declared, how });
    for (const [index, name] of node.outputs.entries()) {
      const value = outputs[index];
      if (name !== "" && value !== undefined) values.set(name, value);
    }
  }
  return values;
}

/** Where a node is replayed. */
interface Place {
  readonly emitter: Emitter;
  readonly values: ReadonlyMap<string, Value>;
  /** What the file says of values. */
  readonly declared: ReadonlyMap<string, ValueInfo>;
  readonly how: Replay;
}

/** A node as it is, its control-flow bodies replayed. */
function replayedNode(
  node: Node,
  inputs: readonly (Value | undefined)[],
  { emitter, values, declared, how }: Place,
): readonly (Value | undefined)[] {
  const taken = takenBranch(node, inputs);
  if (taken !== undefined) {
    const inside = replay(taken, emitter, values, how);
    return taken.outputs.map(({ name }) => existing(inside, name, `body "${taken.name}"`));
  }
  const bodies = new Map<string, readonly Facts[]>();
  const attributes = new Map<string, Attribute>();
  const inputFacts = bodyInputFacts(node, inputs, (name) => values.get(name));
  for (const [name, attribute] of node.attributes) {
    if (attribute.kind !== "graph") {
      attributes.set(name, attribute);
      continue;
    }
    const graph = attribute.value;
    const facts = graph.inputs.map((input, index) => ({
      name: input.name,
      facts: inputFacts.get(name)?.[index] ?? unknownFacts,
    }));
    const body = emitter.body(graph.name, facts, (inner, bodyInputs) => {
      const named = bodyInputs.map((value, index) => [graph.inputs[index]?.name ?? "", value] as const);
      const inside = replay(graph, inner, new Map([...values, ...named]), how);
      return graph.outputs.map((output) => existing(inside, output.name, `body "${graph.name}"`));
    });
    attributes.set(name, { kind: "graph", value: body.graph });
    bodies.set(name, body.outputs);
  }
  const facts = node.outputs.map((name) =>
    factsOfType(declared.get(name)?.type, (axis) => symbol(`${name}_dim${axis}`)),
  );
  return emitter.emit({ ...node, inputs, attributes, bodies, facts, name: nameOf(node) });
}

/**
 * The branch of an If whose condition is known: its nodes need none around them, and the other branch may even
 * contradict itself.
 */
function takenBranch({ domain, opType, attributes }: Node, [condition]: readonly (Value | undefined)[]) {
  const isTrue = condition?.elements?.length === 1 ? condition.elements[0] : undefined;
  if (domain !== "" || opType !== "If" || typeof isTrue !== "number") return undefined;
  const branch = attributes.get(isTrue === 0 ? "else_branch" : "then_branch");
  return branch?.kind === "graph" ? branch.value : undefined;
}

function existing(values: ReadonlyMap<string, Value>, name: string, where: string): Value {
  const value = values.get(name);
  if (value === undefined) throw new InputError(where, `reads "${name}", which nothing in the model makes`);
  return value;
}

function nameOf({ name, opType, outputs }: Node): string {
  return name === "" ? (outputs.find((output) => output !== "") ?? opType) : name;
}
