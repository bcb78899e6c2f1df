import { valueNames } from "../../graph/bodies.js";
import { InputError } from "../../graph/errors.js";
import { UniqueNames } from "../../graph/unique-names.js";
import {
  type Attribute,
  describeNode,
  type Graph,
  identityNode,
  type Model,
  type ModelFunction,
  type Node,
  type ValueInfo,
} from "../../graph/model.js";

/** Calls inside calls can multiply a small file into any number of nodes; real models stay far below this. */
const MOST_NODES = 1_000_000;
/** Each call inside a call makes names longer and the stack deeper. */
const DEEPEST_CALLS = 100;

/**
 * Replaces every call of a model-local function by the function's body, also in control-flow bodies and in functions.
 * Names in a body get the calling node's name and a colon in front; a model without functions is returned as it is.
 * @throws InputError for a function that calls itself, for calls nested more than a hundred deep, and for bodies that
 *   multiply beyond a million nodes
 */
export function inlineFunctions(model: Model): Model {
  if (model.functions.length === 0) return model;
  const inliner = new Inliner(model);
  const opsetImports = new Map(model.functions.flatMap(({ opsetImports: imports }) => [...imports]));
  for (const [domain, version] of model.opsetImports) opsetImports.set(domain, version);
  return { ...model, opsetImports, graph: inliner.graph(model.graph, identity), functions: [] };
}

/** How a body's names read where the body is put. */
interface Renaming {
  value(name: string): string;
  node(name: string): string;
  /** The calling node, whose attributes the body may refer to and whose metadata it inherits. */
  readonly call: { readonly node: Node; readonly callee: ModelFunction } | undefined;
}

const identity: Renaming = { value: (name) => name, node: (name) => name, call: undefined };

class Inliner {
  readonly #functions: ReadonlyMap<string, ModelFunction>;
  readonly #active: ModelFunction[] = [];
  readonly #prefixes = new UniqueNames();
  readonly #names: UniqueNames;
  readonly #label: string;
  #nodeCount = 0;

  constructor(model: Model) {
    this.#label = model.label;
    this.#names = new UniqueNames(valueNames(model.graph));
    this.#functions = new Map(
      model.functions.map((callee) => [callKey(callee.domain, callee.name, callee.overload), callee]),
    );
  }

  graph(graph: Graph, renaming: Renaming): Graph {
    const valueInfo: ValueInfo[] = graph.valueInfo.map((info) => renamed(info, renaming));
    return {
      ...graph,
      inputs: graph.inputs.map((info) => renamed(info, renaming)),
      outputs: graph.outputs.map((info) => renamed(info, renaming)),
      initializers: graph.initializers.map((tensor) => ({ ...tensor, name: renaming.value(tensor.name) })),
      sparseInitializers: graph.sparseInitializers.map((tensor) => ({ ...tensor, name: renaming.value(tensor.name) })),
      nodes: this.#nodes(graph.nodes, renaming, valueInfo),
      valueInfo,
    };
  }

  #nodes(nodes: readonly Node[], renaming: Renaming, valueInfo: ValueInfo[]): Node[] {
    return nodes.flatMap((node) => {
      const placed = this.#node(node, renaming);
      const callee = this.#functions.get(callKey(node.domain, node.opType, node.overload));
      return callee === undefined ? [placed] : this.#call(placed, callee, valueInfo);
    });
  }

  #node(node: Node, renaming: Renaming): Node {
    if (++this.#nodeCount > MOST_NODES) {
      throw new InputError(this.#label, `its functions unfold to more than ${MOST_NODES} nodes`);
    }
    const attributes = new Map<string, Attribute>();
    for (const [name, attribute] of node.attributes) {
      const resolved = this.#attribute(attribute, renaming);
      if (resolved !== undefined) attributes.set(name, resolved);
    }
    return {
      ...node,
      name: renaming.node(node.name),
      inputs: node.inputs.map((name) => (name === "" ? "" : renaming.value(name))),
      outputs: node.outputs.map((name) => (name === "" ? "" : renaming.value(name))),
      attributes,
      metadata:
        renaming.call === undefined ? node.metadata : new Map([...renaming.call.node.metadata, ...node.metadata]),
    };
  }

  /** An attribute with references resolved; undefined where neither the call nor the function gives a value. */
  #attribute(attribute: Attribute, renaming: Renaming): Attribute | undefined {
    if (attribute.kind === "reference" && renaming.call !== undefined) {
      const { node, callee } = renaming.call;
      return node.attributes.get(attribute.attribute) ?? callee.attributeDefaults.get(attribute.attribute);
    }
    if (attribute.kind === "graph") return { kind: "graph", value: this.graph(attribute.value, renaming) };
    if (attribute.kind === "graphs") {
      return { kind: "graphs", value: attribute.value.map((graph) => this.graph(graph, renaming)) };
    }
    return attribute;
  }

  #call(node: Node, callee: ModelFunction, valueInfo: ValueInfo[]): Node[] {
    if (this.#active.includes(callee)) {
      throw new InputError(`${this.#label}: ${describeNode(node)}`, `the function "${callee.name}" calls itself`);
    }
    if (this.#active.length >= DEEPEST_CALLS) {
      throw new InputError(this.#label, `its functions call each other more than ${DEEPEST_CALLS} deep`);
    }
    this.#active.push(callee);
    const prefix = this.#prefixes.next(node.name === "" ? node.opType : node.name);
    const passed = new Map<string, string>();
    for (const [index, name] of callee.inputs.entries()) passed.set(name, node.inputs[index] ?? "");
    const copies: Node[] = [];
    for (const [index, name] of callee.outputs.entries()) {
      const output = node.outputs[index] ?? "";
      const source = passed.get(name);
      if (output === "") continue;
      if (source === undefined) passed.set(name, output);
      // A function may return one of its inputs, or one value twice: no node of its body makes that output.
      else if (source !== "") copies.push(identityNode(`${prefix}:${name}`, source, output, node.metadata));
    }
    const renaming: Renaming = {
      value: (name) => {
        const known = passed.get(name);
        if (known !== undefined) return known;
        const fresh = this.#names.next(`${prefix}:${name}`);
        passed.set(name, fresh);
        return fresh;
      },
      node: (name) => (name === "" ? "" : `${prefix}:${name}`),
      call: { node, callee },
    };
    for (const info of callee.valueInfo) if (!passed.has(info.name)) valueInfo.push(renamed(info, renaming));
    const body = this.#nodes(callee.nodes, renaming, valueInfo);
    this.#active.pop();
    return [...body, ...copies];
  }
}

function renamed(info: ValueInfo, renaming: Renaming): ValueInfo {
  return { ...info, name: renaming.value(info.name) };
}

function callKey(domain: string, name: string, overload: string): string {
  return JSON.stringify([domain, name, overload]);
}
