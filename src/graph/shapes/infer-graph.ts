import { capturedNames } from "../bodies.js";
import { InputError } from "../errors.js";
import {
  type Attribute,
  describeNode,
  type Graph,
  integerAttribute,
  integersAttribute,
  type Node,
  type ValueType,
} from "../model.js";
import { cycleError, topologicalOrder } from "../topological-order.js";
import { completedByType, factsOfType } from "./declared-facts.js";
import { type Extent, extentOf, type Shape, symbol, symbolsOf } from "./extent.js";
import { type Facts, tensorFacts, unknownFacts } from "./facts.js";
import { generalize, typeAlone } from "./generalize.js";
import { inferOutputs, unknownExtentName } from "./infer.js";
import { factsOfTensor } from "./tensor-facts.js";

/** The facts of a value by its name; undefined for a name that is not visible. */
export type FactsLookup = (name: string) => Facts | undefined;

/** What is known of a graph from outside. */
export interface InferGraphOptions {
  /** Facts of inputs, instead of the types that the graph declares for them. */
  readonly inputs?: ReadonlyMap<string, Facts>;
  /** For the body of a control-flow node: the values of the graphs around it. */
  readonly outer?: FactsLookup;
}

/**
 * The facts of every value of a graph, those inside of control-flow bodies left out: the inputs, the initializers, and
 * the outputs of all nodes. Where inference knows nothing, as of operators of other domains, the types count that the
 * file declares.
 * @throws InputError for a node that contradicts its operator, for names defined twice or never, and for a cycle
 */
export function inferGraph(graph: Graph, options: InferGraphOptions = {}): ReadonlyMap<string, Facts> {
  const { inputs = new Map<string, Facts>(), outer = () => undefined } = options;
  const given = [...inputs.values()].flatMap(({ shape }) => shape ?? []);
  const declared = graph.inputs.flatMap(({ type }) => (type?.kind === "tensor" ? (type.shape ?? []) : []));
  const extents = [...given, ...declared.map((dimension) => (dimension === null ? 0 : extentOf(String(dimension))))];
  return valuesOf(graph, inputs, outer, { taken: new Set(extents.flatMap(symbolsOf)), prefix: "", depth: 0 });
}

/**
 * The facts of a node's outputs: {@link inferOutputs}, also for If, Loop, Scan and SequenceMap with their bodies.
 * @param lookup the values that the node and its bodies can see
 */
export function inferNode(node: Node, lookup: FactsLookup): readonly Facts[] {
  return outputsOf(node, lookup, topLevel);
}

/**
 * The facts that the inputs of a node's bodies have in every iteration, by the attribute that holds the body.
 * @param inputs the facts of the node's own inputs
 * @param lookup the values that the bodies can see
 */
export function bodyInputFacts(
  node: Node,
  inputs: readonly (Facts | undefined)[],
  lookup: FactsLookup,
): ReadonlyMap<string, readonly Facts[]> {
  return new Map([...bodyFactsOf(node, inputs, lookup, topLevel)].map(([attribute, body]) => [attribute, body.inputs]));
}

/** Where inference is: symbols made in a body must not be mistaken for those of its siblings. */
interface Scope {
  /** Symbols that files use themselves. */
  readonly taken: ReadonlySet<string>;
  /** What the names of new symbols start with. */
  readonly prefix: string;
  /** How many bodies are around. */
  readonly depth: number;
}

const topLevel: Scope = { taken: new Set(), prefix: "", depth: 0 };

/** How often the body of a loop is inferred, by its depth, until nothing but types is assumed of what it carries. */
const mostPasses: readonly number[] = [16, 4];

function newSymbol({ taken, prefix }: Scope, name: string): Extent {
  let result = symbol(`${prefix}${name}`);
  while (taken.has(result)) result += "_";
  return result;
}

function valuesOf(
  graph: Graph,
  inputs: ReadonlyMap<string, Facts>,
  outer: FactsLookup,
  scope: Scope,
): ReadonlyMap<string, Facts> {
  const values = new Map<string, Facts>();
  for (const tensor of graph.initializers) values.set(tensor.name, factsOfTensor(tensor));
  for (const { name, shape, values: kept } of graph.sparseInitializers) {
    values.set(name, tensorFacts(kept.dataType, shape));
  }
  for (const { name, type } of graph.inputs) {
    const facts = inputs.get(name) ?? values.get(name);
    values.set(name, facts ?? factsOfType(type, (axis) => newSymbol(scope, `${name}_dim${axis}`)));
  }
  const types = new Map<string, ValueType | undefined>(
    [...graph.outputs, ...graph.valueInfo].map(({ name, type }) => [name, type]),
  );
  const lookup: FactsLookup = (name) => values.get(name) ?? outer(name);
  for (const node of nodesInOrder(graph, values)) {
    const facts = outputsOf(node, lookup, scope);
    for (const [output, name] of node.outputs.entries()) {
      const unknownExtent = (axis: number): Extent => newSymbol(scope, unknownExtentName(node, output, axis));
      if (name !== "") values.set(name, completedByType(facts[output] ?? unknownFacts, types.get(name), unknownExtent));
    }
  }
  return values;
}

/**
 * A graph's nodes, each after those whose outputs it reads.
 * @param defined the names of what is there before: inputs and initializers
 * @throws InputError for names defined twice, and for a cycle
 */
export function nodesInOrder(graph: Graph, defined: { has(name: string): boolean }): readonly Node[] {
  const producers = new Map<string, Node>();
  for (const node of graph.nodes) {
    for (const name of node.outputs) {
      if (name === "") continue;
      if (producers.has(name) || defined.has(name)) {
        throw new InputError(
          describeNode(node),
          `defines "${name}" for the second time`,
          "every value needs its own name",
        );
      }
      producers.set(name, node);
    }
  }
  const dependencies = (node: Node): readonly Node[] =>
    [...node.inputs, ...capturedNames(node)]
      .map((name) => producers.get(name))
      .filter((producer) => producer !== undefined);
  return topologicalOrder(graph.nodes, dependencies, (cycle) => {
    throw cycleError(`graph "${graph.name}"`, cycle);
  });
}

function graphsOf(node: Node): readonly (readonly [string, Graph])[] {
  const graphs: [string, Graph][] = [];
  for (const [name, attribute] of node.attributes) if (isGraph(attribute)) graphs.push([name, attribute.value]);
  return graphs;
}

function isGraph(attribute: Attribute): attribute is Extract<Attribute, { kind: "graph" }> {
  return attribute.kind === "graph";
}

function outputsOf(node: Node, lookup: FactsLookup, scope: Scope): readonly Facts[] {
  const inputs = node.inputs.map((name) => {
    if (name === "") return undefined;
    const facts = lookup(name);
    if (facts !== undefined) return facts;
    throw new InputError(
      describeNode(node),
      `reads "${name}", which no input, initializer or node defines`,
      "the file is incomplete or damaged",
    );
  });
  const nameSymbol = (name: string): Extent => newSymbol(scope, name);
  const bodies = bodyFactsOf(node, inputs, lookup, scope);
  if (bodies.size === 0) return inferOutputs(node, inputs, undefined, nameSymbol);
  const results = new Map([...bodies].map(([attribute, { outputs }]) => [attribute, outputs]));
  const facts = inferOutputs(node, inputs, results, nameSymbol);
  const isLocal = isOf(ownerPrefix(node, scope));
  return facts.map((outputFacts, output) =>
    withoutLocalSymbols(outputFacts, isLocal, (axis) => nameSymbol(unknownExtentName(node, output, axis))),
  );
}

/** What is known of a body. */
interface BodyFacts {
  readonly inputs: readonly Facts[];
  readonly outputs: readonly Facts[];
}

function bodyFactsOf(
  node: Node,
  inputs: readonly (Facts | undefined)[],
  lookup: FactsLookup,
  scope: Scope,
): ReadonlyMap<string, BodyFacts> {
  return new Map(
    graphsOf(node).map(([attribute, graph]) => {
      const body = new Body(node, attribute, graph, lookup, scope);
      return [attribute, body.facts(inputs)];
    }),
  );
}

/** Which values a repeated body hands to its next iteration. */
interface Carried {
  /** The first such input, and how many there are. */
  readonly first: number;
  readonly count: number;
  /** The output that becomes the first such input. */
  readonly firstOutput: number;
  /** Whether the operator requires their shapes to stay the same. */
  readonly keepsShape: boolean;
}

/** A body being inferred. */
class Body {
  readonly #scope: Scope;

  constructor(
    readonly node: Node,
    readonly attribute: string,
    readonly graph: Graph,
    readonly lookup: FactsLookup,
    scope: Scope,
  ) {
    this.#scope = { ...scope, prefix: `${ownerPrefix(node, scope)}${attribute}.`, depth: scope.depth + 1 };
  }

  facts(inputs: readonly (Facts | undefined)[]): BodyFacts {
    switch (this.node.domain === "" ? this.node.opType : "") {
      case "If":
        return this.#branch(inputs[0]);
      case "Loop": {
        // The iteration number, the condition, and what the body carries; its first output is the next condition. The
        // body runs only where the condition holds.
        const condition = tensorFacts("bool", [], [1]);
        const carried = inputs.slice(2).map((facts, index) => facts ?? this.#fail(`lacks its input ${index + 2}`));
        return this.#repeated([tensorFacts("int64", []), condition, ...carried], {
          first: 2,
          count: carried.length,
          firstOutput: 1,
          keepsShape: false,
        });
      }
      case "Scan": {
        const given = inputs.map((facts, index) => facts ?? this.#fail(`lacks its input ${index}`));
        const scanned = integerAttribute(this.node, "num_scan_inputs", 0);
        const states = given.length - scanned;
        if (scanned < 1 || states < 0) this.#fail(`has num_scan_inputs ${scanned} and ${given.length} inputs`);
        const axes = integersAttribute(this.node, "scan_input_axes") ?? [];
        const slices = given.slice(states).map((facts, index) => this.#slice(facts, axes[index] ?? 0));
        return this.#repeated([...given.slice(0, states), ...slices], {
          first: 0,
          count: states,
          firstOutput: 0,
          keepsShape: true,
        });
      }
      case "SequenceMap": {
        const items = inputs.map((facts, index) => this.#item(facts ?? this.#fail(`lacks its input ${index}`), index));
        return this.#repeated(items, { first: 0, count: 0, firstOutput: 0, keepsShape: true });
      }
      default: {
        const declared = this.graph.inputs.map(({ type }, index) =>
          factsOfType(type, (axis) => this.#inputExtent(index, axis)),
        );
        return { inputs: declared, outputs: this.#outputs(declared) };
      }
    }
  }

  /** A branch that is never taken may contradict itself; nothing is asked of it. */
  #branch(condition: Facts | undefined): BodyFacts {
    const taken = condition?.elements?.[0];
    const isDead = taken === (this.attribute === "then_branch" ? 0 : 1);
    return { inputs: [], outputs: isDead ? this.graph.outputs.map(() => unknownFacts) : this.#outputs([]) };
  }

  /** Facts that hold in every iteration: what the initial values have and the body keeps. */
  #repeated(initial: readonly Facts[], { first, count, firstOutput, keepsShape }: Carried): BodyFacts {
    this.#requireInputs(initial.length);
    if (this.graph.outputs.length < firstOutput + count) {
      this.#fail(`has a body that returns ${this.graph.outputs.length} values and carries ${count}`);
    }
    const isCarried = (index: number): boolean => index >= first && index < first + count;
    let inputs = initial.map((facts, index) =>
      completedByType(facts, this.graph.inputs[index]?.type, (axis) => this.#inputExtent(index, axis)),
    );
    for (let pass = 0; ; pass++) {
      if (pass === (mostPasses[this.#scope.depth - 1] ?? 0)) {
        inputs = inputs.map((facts, index) => {
          if (!isCarried(index)) return facts;
          return keepsShape ? { ...typeAlone(facts), shape: facts.shape } : typeAlone(facts);
        });
      }
      const outputs = this.#outputs(inputs);
      const stable = inputs.map((facts, index) => {
        const output = isCarried(index) ? outputs[index - first + firstOutput] : undefined;
        if (output === undefined) return facts;
        return generalize(
          facts,
          keepsShape ? { ...output, shape: facts.shape } : output,
          (axis) => this.#inputExtent(index, axis),
          (what) => this.#fail(what),
        );
      });
      if (stable.every((facts, index) => facts === inputs[index])) return { inputs, outputs };
      inputs = stable;
    }
  }

  #outputs(inputs: readonly Facts[]): readonly Facts[] {
    const given = new Map(this.graph.inputs.map(({ name }, index) => [name, inputs[index] ?? unknownFacts]));
    const values = valuesOf(this.graph, given, this.lookup, this.#scope);
    return this.graph.outputs.map(({ name }) => {
      return (
        values.get(name) ?? this.lookup(name) ?? this.#fail(`has a body that returns "${name}", which nothing defines`)
      );
    });
  }

  /** What a Scan's body gets of an input. */
  #slice({ dataType, shape }: Facts, axis: number): Facts {
    if (shape === undefined) return tensorFacts(dataType, undefined);
    const scanned = axis < 0 ? axis + shape.length : axis;
    if (scanned < 0 || scanned >= shape.length) this.#fail(`scans axis ${axis} of a shape of rank ${shape.length}`);
    return tensorFacts(dataType, shape.toSpliced(scanned, 1));
  }

  /** What a SequenceMap's body gets of an input: an item of a sequence, anything else as it is. */
  #item(facts: Facts, index: number): Facts {
    if (facts.container?.kind !== "sequence") return facts;
    return factsOfType(facts.container.element, (axis) => this.#inputExtent(index, axis));
  }

  #inputExtent(index: number, axis: number): Extent {
    return newSymbol(this.#scope, `${this.graph.inputs[index]?.name ?? index}_dim${axis}`);
  }

  #requireInputs(count: number): void {
    const { length } = this.graph.inputs;
    if (length !== count) this.#fail(`gives ${count} values to a body that takes ${length}`);
  }

  #fail(what: string): never {
    throw new InputError(describeNode(this.node), what);
  }
}

/** What the names of symbols in a node's bodies start with. */
function ownerPrefix(node: Node, { prefix }: Scope): string {
  return `${prefix}${node.outputs.find((name) => name !== "") ?? node.name}.`;
}

function isOf(prefix: string): (extent: Extent) => boolean {
  const start = symbol(prefix);
  return (extent) => symbolsOf(extent).some((name) => name.startsWith(start));
}

/** Facts for outside of a body: a symbol of the body may stand for another number in each iteration. */
function withoutLocalSymbols(
  facts: Facts,
  isLocal: (extent: Extent) => boolean,
  unknownExtent: (axis: number) => Extent,
): Facts {
  const shape: Shape | undefined = facts.shape?.map((extent, axis) => (isLocal(extent) ? unknownExtent(axis) : extent));
  const elements = facts.elements?.map((element) => (element !== null && isLocal(element) ? null : element));
  const container = facts.container === undefined ? undefined : withoutLocalDimensions(facts.container, isLocal);
  return { ...facts, shape, elements, container };
}

function withoutLocalDimensions(type: ValueType, isLocal: (extent: Extent) => boolean): ValueType {
  if (type.kind === "sequence" || type.kind === "optional") {
    return type.element === undefined ? type : { ...type, element: withoutLocalDimensions(type.element, isLocal) };
  }
  if ((type.kind !== "tensor" && type.kind !== "sparse-tensor") || type.shape === undefined) return type;
  return { ...type, shape: type.shape.map((extent) => (extent !== null && isLocal(extent) ? null : extent)) };
}
