import { InputError } from "./errors.js";
import { describeNode, type Graph, identityNode, type Model, type Node, type ValueType } from "./model.js";
import type { Tensor } from "./tensor.js";
import { cycleError, topologicalOrder } from "./topological-order.js";

/** A value: what made it, and everything that reads it. */
export interface Value {
  readonly name: string;
  /** As the file declares it, if it does. */
  readonly type: ValueType | undefined;
  readonly origin: Origin;
  readonly uses: readonly Use[];
}

export type Origin =
  | { readonly kind: "input" }
  | { readonly kind: "initializer"; readonly tensor: Tensor }
  | { readonly kind: "operation"; readonly operation: Operation; readonly output: number };

export interface Use {
  readonly operation: Operation;
  readonly input: number;
}

/** A node with its names resolved. Omitted optional inputs and outputs are undefined. */
export interface Operation {
  readonly node: Node;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly (Value | undefined)[];
}

/**
 * All of a model as one flat graph of values and operations. The bodies of If, Loop and Scan are laid out in place: an
 * Identity links each outer value to the body input that receives it and each body output to the value that leaves,
 * and an If reads its condition and both branches. The back edges of loops are left out, so the graph has no cycle.
 */
export interface Dataflow {
  /** Every operation after those whose outputs it reads; in file order where that already holds. */
  readonly operations: readonly Operation[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Initializers of the graph and of all bodies, in file order. */
  readonly initializers: readonly Value[];
}

/**
 * Resolves the names of a model without function calls (see `inlineFunctions`).
 * @throws InputError for a name defined twice or never, and for a cycle
 */
export function dataflowOf(model: Model): Dataflow {
  return new DataflowBuilder(model.label).build(model.graph);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type OpenValue = Mutable<Value> & { readonly uses: Use[] };

/** Operators that run a body over and over, with values going in and coming out by position. */
const repeating: ReadonlySet<string> = new Set(["Loop", "Scan", "SequenceMap"]);

class Scope {
  readonly #values = new Map<string, OpenValue>();

  constructor(
    readonly label: string,
    readonly outer: Scope | undefined,
  ) {}

  declare(value: OpenValue): OpenValue {
    if (this.#values.has(value.name)) {
      throw new InputError(this.label, `the name "${value.name}" is defined twice`, "every value needs its own name");
    }
    this.#values.set(value.name, value);
    return value;
  }

  find(name: string): OpenValue | undefined {
    return this.#values.get(name) ?? this.outer?.find(name);
  }
}

class DataflowBuilder {
  readonly #operations: Operation[] = [];
  readonly #initializers: Value[] = [];

  constructor(readonly label: string) {}

  build(graph: Graph): Dataflow {
    const inputs: Value[] = [];
    const outputs = this.#graph(graph, undefined, (value) => inputs.push(value));
    return {
      operations: orderOf(this.#operations, this.label),
      inputs,
      outputs,
      initializers: this.#initializers,
    };
  }

  /** Lays out a graph and returns its outputs. `receive` gets each input that is not an initializer. */
  #graph(graph: Graph, outer: Scope | undefined, receive: (input: OpenValue, index: number) => void): OpenValue[] {
    const scope = new Scope(this.label, outer);
    const types = new Map(
      [...graph.valueInfo, ...graph.inputs, ...graph.outputs].flatMap(({ name, type }) =>
        type === undefined ? [] : [[name, type]],
      ),
    );
    const declare = (name: string, origin: Origin): OpenValue =>
      scope.declare({ name, type: types.get(name), origin, uses: [] });

    for (const tensor of graph.initializers) {
      this.#initializers.push(declare(tensor.name, { kind: "initializer", tensor }));
    }
    for (const { name, shape, values } of graph.sparseInitializers) {
      const tensor = { name, shape, dataType: values.dataType, payload: { kind: "none" } } as const;
      this.#initializers.push(declare(name, { kind: "initializer", tensor }));
    }
    // Until IR version 3 initializers had to be listed among the inputs as well.
    const constants = new Set([...graph.initializers, ...graph.sparseInitializers].map(({ name }) => name));
    for (const [index, { name }] of graph.inputs.entries()) {
      if (!constants.has(name)) receive(declare(name, { kind: "input" }), index);
    }
    const opened = graph.nodes.map((node) => this.#open(node, declare));
    for (const { node, outputs } of opened) this.#close(node, outputs, scope);
    return graph.outputs.map(({ name }) => this.#resolve(name, scope, "the graph's outputs"));
  }

  /** Declares a node's outputs, so that nodes may come in any order. The origin is set when the node is closed. */
  #open(node: Node, declare: (name: string, origin: Origin) => OpenValue) {
    const outputs = node.outputs.map((name) => (name === "" ? undefined : declare(name, { kind: "input" })));
    return { node, outputs };
  }

  #close(node: Node, outputs: readonly (OpenValue | undefined)[], scope: Scope): void {
    const inputs = node.inputs.map((name) =>
      name === "" ? undefined : this.#resolve(name, scope, describeNode(node)),
    );
    const bodies = new Map<string, Graph>();
    for (const [name, attribute] of node.attributes) if (attribute.kind === "graph") bodies.set(name, attribute.value);
    if (bodies.size === 0) {
      this.#operation(node, inputs, outputs);
      return;
    }
    const thenBranch = bodies.get("then_branch");
    const elseBranch = bodies.get("else_branch");
    if (node.opType === "If" && thenBranch !== undefined && elseBranch !== undefined) {
      const thenOutputs = this.#graph(thenBranch, scope, () => undefined);
      const elseOutputs = this.#graph(elseBranch, scope, () => undefined);
      this.#requireResults(node, Math.min(thenOutputs.length, elseOutputs.length));
      for (const [index, output] of outputs.entries()) {
        this.#operation(node, [inputs[0], thenOutputs[index], elseOutputs[index]], [output]);
      }
      return;
    }
    const body = bodies.get("body");
    if (body !== undefined && repeating.has(node.opType)) {
      this.#body(node, body, inputs, outputs, scope);
      return;
    }
    const results = [...bodies.values()].flatMap((graph) => this.#graph(graph, scope, () => undefined));
    this.#operation(node, [...inputs, ...results], outputs);
  }

  /** One pass of a repeated body. */
  #body(
    node: Node,
    body: Graph,
    inputs: readonly (OpenValue | undefined)[],
    outputs: readonly (OpenValue | undefined)[],
    scope: Scope,
  ): void {
    // A Loop's body gets the iteration number first, and returns the condition first; Scan had sequence lengths at
    // opset 8.
    const isLoop = node.opType === "Loop";
    const entering = isLoop ? [undefined, inputs[1], ...inputs.slice(2)] : inputs.slice(-body.inputs.length);
    if (entering.length < body.inputs.length) {
      throw new InputError(
        `${this.label}: ${describeNode(node)}`,
        `gives ${entering.length} values to a body that takes ${body.inputs.length}`,
      );
    }
    const leaving = this.#graph(body, scope, (input, index) => {
      const source = entering[index];
      if (source !== undefined) this.#operation(link(node, source, input), [source], [input]);
    }).slice(isLoop ? 1 : 0);
    this.#requireResults(node, leaving.length);
    for (const [index, output] of outputs.entries()) {
      const source = leaving[index];
      if (output !== undefined && source !== undefined) {
        this.#operation(link(node, source, output), [source], [output]);
      }
    }
  }

  /** An output that no body returns would look like an input of the model. */
  #requireResults(node: Node, returned: number): void {
    if (node.outputs.length > returned) {
      throw new InputError(
        `${this.label}: ${describeNode(node)}`,
        `has ${node.outputs.length} outputs, but a body that returns ${returned}`,
      );
    }
  }

  #operation(
    node: Node,
    inputs: readonly (OpenValue | undefined)[],
    outputs: readonly (OpenValue | undefined)[],
  ): void {
    const operation: Operation = { node, inputs, outputs };
    for (const [index, value] of inputs.entries()) value?.uses.push({ operation, input: index });
    for (const [index, value] of outputs.entries()) {
      if (value !== undefined) value.origin = { kind: "operation", operation, output: index };
    }
    this.#operations.push(operation);
  }

  #resolve(name: string, scope: Scope, reader: string): OpenValue {
    const value = scope.find(name);
    if (value === undefined) {
      throw new InputError(
        `${this.label}: ${reader}`,
        `reads "${name}", which no input, initializer or node defines`,
        "the file is incomplete or damaged",
      );
    }
    return value;
  }
}

function link(owner: Node, from: Value, to: Value): Node {
  return identityNode(owner.name, from.name, to.name, owner.metadata);
}

function orderOf(operations: readonly Operation[], label: string): readonly Operation[] {
  const before = ({ inputs }: Operation) =>
    inputs.flatMap((input) => (input?.origin.kind === "operation" ? [input.origin.operation] : []));
  return topologicalOrder(operations, before, (cycle) => {
    throw cycleError(
      label,
      cycle.map(({ node }) => node),
    );
  });
}
