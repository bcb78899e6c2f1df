import { InputError } from "../../graph/errors.js";
import {
  type Attribute,
  describeNode,
  type Graph,
  type Model,
  type ModelFunction,
  type Node,
} from "../../graph/model.js";
import type { Tensor } from "../../graph/tensor.js";
import { UniqueNames } from "../../graph/unique-names.js";
import { upgrades } from "./upgrades/index.js";
import { Rewriting } from "./upgrades/rewriting.js";

/** The opset of the standard domain that all passes after {@link upgradeOpset} work in. */
export const workingOpset = 26;

const oldestOpset = 7;
/** The newest whose changes are known, so that nodes without them can be taken for older ones. */
const newestOpset = 28;

/**
 * The same model in the working opset: every node of the standard domain, in the graph, in bodies of control flow and
 * in functions, is replaced by nodes that mean there what it means in the opset that its model or function imports.
 * Holds for any rank and shape. Domain "ai.onnx" becomes "", its other name; other domains stay as they are.
 * @throws InputError for opsets below 7 and above 28, and for a node whose meaning opset 26 cannot express
 */
export function upgradeOpset(model: Model): Model {
  const functions = new Set(model.functions.map(({ domain, name, overload }) => callKey(domain, name, overload)));
  const opset = standardOpset(model.opsetImports, model.label);
  const names = new Names();
  names.addGraph(model.graph);
  return {
    ...model,
    opsetImports: upgradedImports(model.opsetImports),
    graph: new Upgrader(model.label, opset, names, functions).graph(model.graph),
    functions: model.functions.map((callee) => upgradedFunction(callee, model.label, opset, functions)),
  };
}

function upgradedFunction(
  callee: ModelFunction,
  label: string,
  opsetOfModel: number | undefined,
  functions: ReadonlySet<string>,
): ModelFunction {
  const where = `${label}: function "${callee.name}"`;
  const opset = standardOpset(callee.opsetImports, where) ?? opsetOfModel;
  const names = new Names();
  for (const name of callee.inputs) names.used.add(name);
  for (const name of callee.outputs) names.read.add(name);
  for (const { name } of callee.valueInfo) names.used.add(name);
  names.addNodes(callee.nodes);
  const upgrader = new Upgrader(where, opset, names, functions);
  return {
    ...callee,
    domain: domainOf(callee),
    nodes: upgrader.nodes(callee.nodes, () => undefined),
    attributeDefaults: upgrader.attributes(callee.attributeDefaults, () => undefined),
    opsetImports: upgradedImports(callee.opsetImports),
  };
}

/** The tensor of an initializer or a Constant node that can be seen from a place in the graph. */
type Constants = (name: string) => Tensor | undefined;

class Upgrader {
  readonly #names: UniqueNames;

  constructor(
    readonly label: string,
    readonly opset: number | undefined,
    readonly found: Names,
    readonly functions: ReadonlySet<string>,
  ) {
    this.#names = new UniqueNames(found.used);
  }

  graph(graph: Graph, outer: Constants = () => undefined): Graph {
    const own = constantsOf(graph);
    return { ...graph, nodes: this.nodes(graph.nodes, (name) => own().get(name) ?? outer(name)) };
  }

  nodes(nodes: readonly Node[], constants: Constants): readonly Node[] {
    return nodes.flatMap((node) => this.#node(node, constants));
  }

  attributes(attributes: ReadonlyMap<string, Attribute>, constants: Constants): ReadonlyMap<string, Attribute> {
    return new Map([...attributes].map(([name, attribute]) => [name, this.#attribute(attribute, constants)]));
  }

  #attribute(attribute: Attribute, constants: Constants): Attribute {
    if (attribute.kind === "graph") return { kind: "graph", value: this.graph(attribute.value, constants) };
    if (attribute.kind !== "graphs") return attribute;
    return { kind: "graphs", value: attribute.value.map((graph) => this.graph(graph, constants)) };
  }

  #node(given: Node, constant: Constants): readonly Node[] {
    const domain = domainOf(given);
    const node: Node = { ...given, domain, attributes: this.attributes(given.attributes, constant) };
    // A function of the model goes before an operator of its name.
    if (domain !== "" || this.functions.has(callKey(domain, node.opType, node.overload))) return [node];
    const { label, opset } = this;
    if (opset === undefined) {
      throw new InputError(
        `${label}: ${describeNode(node)}`,
        "is a standard operator, but no opset of the standard domain is imported",
        "the file is incomplete or damaged",
      );
    }
    const upgrade = upgrades.get(node.opType);
    const { from = oldestOpset, until = newestOpset + 1 } = upgrade ?? {};
    if (upgrade === undefined || opset < from || opset >= until) return [node];
    const isRead = (name: string) => this.found.read.has(name);
    const at = new Rewriting(node, { label, opset, names: this.#names, isRead, constant });
    upgrade.rewrite(at);
    return at.nodes;
  }
}

/** All names of a graph or a function, with those of the bodies inside. */
class Names {
  /** Of values and nodes. */
  readonly used = new Set<string>();
  /** Of values that a node or an output of a graph reads. */
  readonly read = new Set<string>();

  addGraph(graph: Graph): void {
    const lists = [graph.inputs, graph.outputs, graph.initializers, graph.sparseInitializers, graph.valueInfo];
    for (const list of lists) for (const { name } of list) this.used.add(name);
    for (const { name } of graph.outputs) this.read.add(name);
    this.addNodes(graph.nodes);
  }

  addNodes(nodes: readonly Node[]): void {
    for (const { name, inputs, outputs, attributes } of nodes) {
      this.used.add(name);
      for (const output of outputs) this.used.add(output);
      for (const input of inputs) {
        this.used.add(input);
        this.read.add(input);
      }
      for (const attribute of attributes.values()) {
        if (attribute.kind === "graph") this.addGraph(attribute.value);
        if (attribute.kind === "graphs") for (const body of attribute.value) this.addGraph(body);
      }
    }
  }
}

/** Collected when the first upgrade asks. */
function constantsOf(graph: Graph): () => ReadonlyMap<string, Tensor> {
  let collected: Map<string, Tensor> | undefined;
  return () => {
    if (collected !== undefined) return collected;
    collected = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
    for (const { opType, domain, outputs, attributes } of graph.nodes) {
      const value = attributes.get("value");
      const [output] = outputs;
      const isConstant = opType === "Constant" && (domain === "" || domain === "ai.onnx");
      if (isConstant && output !== undefined && value?.kind === "tensor") collected.set(output, value.value);
    }
    return collected;
  };
}

function standardOpset(imports: ReadonlyMap<string, number>, where: string): number | undefined {
  const opset = imports.get("") ?? imports.get("ai.onnx");
  if (opset !== undefined && opset < oldestOpset) {
    throw new InputError(
      where,
      `uses opset ${opset} of the standard operators, the oldest supported is ${oldestOpset}`,
      "export it again with a newer opset, or convert it with onnx.version_converter",
    );
  }
  if (opset !== undefined && opset > newestOpset) {
    throw new InputError(
      where,
      `uses opset ${opset} of the standard operators, the newest supported is ${workingOpset}`,
      `export it with opset ${workingOpset} or lower`,
    );
  }
  return opset;
}

function upgradedImports(imports: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const others = [...imports].filter(([domain]) => domain !== "" && domain !== "ai.onnx");
  return new Map([["", workingOpset], ...others]);
}

function domainOf({ domain }: { readonly domain: string }): string {
  return domain === "ai.onnx" ? "" : domain;
}

function callKey(domain: string, name: string, overload: string): string {
  return JSON.stringify([domainOf({ domain }), name, overload]);
}
