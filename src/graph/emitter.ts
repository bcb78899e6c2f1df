import { capturedNames, renamedNode, valueNames } from "./bodies.js";
import { type AttributeInputs, attributesOf } from "./builder.js";
import type { Emission, NodeEmitter, Request, Value } from "./emission.js";
import { constantKey, emissionKey, withoutTrailing } from "./emission-key.js";
import { type Attribute, type Graph, identityNode, type Node, type ValueInfo } from "./model.js";
import { typeOfFacts } from "./shapes/declared-facts.js";
import type { Extent } from "./shapes/extent.js";
import { type Facts, knownNumbers } from "./shapes/facts.js";
import { factsOfTensor } from "./shapes/tensor-facts.js";
import { inferOutputs } from "./shapes/infer.js";
import { simplified } from "./simplify.js";
import { numberTensor, type Tensor } from "./tensor.js";
import { UniqueNames } from "./unique-names.js";

export type { Emission, Request, Value } from "./emission.js";

/** A body for a control-flow operator, with the facts of its outputs. */
export interface Body {
  readonly graph: Graph;
  readonly outputs: readonly Facts[];
}

/** Where an extent can be read while the graph runs. */
export interface ExtentSource {
  readonly value: Value;
  readonly axis: number;
}

/**
 * Emits a graph node by node. Each value comes with its type and symbolic shape; a node that is there already is not
 * emitted again, one that does nothing is left out, and integers that are known become constants.
 */
export class Emitter implements NodeEmitter {
  readonly #parent: Emitter | undefined;
  readonly #shared: SharedState;
  readonly #inputs: ValueInfo[] = [];
  readonly #emissions: Emission[] = [];
  /** Where a node is, by what it applies. */
  readonly #positions = new Map<string, number>();
  /** Where the node is that makes a value, by the value's name. */
  readonly #origins = new Map<string, number>();
  readonly #extents = new Map<Extent, ExtentSource>();

  readonly #isIsolated: boolean;

  /**
   * @param parent the graph that a body is in
   * @param isIsolated whether a body has its own node for what a node outside of it does already
   */
  constructor(parent?: Emitter, isIsolated = false) {
    this.#parent = parent;
    this.#isIsolated = isIsolated;
    this.#shared = parent === undefined ? newState() : parent.#shared;
  }

  /** Starts a graph that a model's graph is emitted into: the names of its values are kept for them. */
  static into(source: Graph): Emitter {
    const emitter = new Emitter();
    for (const name of valueNames(source)) {
      emitter.#shared.reserved.add(name);
      if (!emitter.#shared.names.has(name)) emitter.#shared.names.next(name);
    }
    return emitter;
  }

  /** The nodes so far. */
  get emissions(): readonly Emission[] {
    return this.#emissions;
  }

  /** Declares an input. @returns its value, under that name or, where it is taken, one like it */
  input(name: string, facts: Facts): Value {
    return this.#input(this.#claimed(name), facts);
  }

  /** Declares an input that the source graph does not have: it takes none of its names. */
  newInput(name: string, facts: Facts): Value {
    return this.#input(this.#shared.names.next(name), facts);
  }

  /** An initializer of the outermost graph that stays itself, even where another one is equal. */
  initializer(tensor: Tensor): Value {
    return this.#initializer(this.#claimed(tensor.name), tensor);
  }

  /** A constant, as an initializer of the outermost graph. Small ones that are equal become one. */
  constant(tensor: Tensor): Value {
    const key = constantKey(tensor);
    const known = key === undefined ? undefined : this.#shared.folded.get(key);
    if (known !== undefined) return known;
    const value = this.#initializer(this.#shared.names.next(tensor.name), tensor);
    if (key !== undefined) this.#shared.folded.set(key, value);
    return value;
  }

  /** Applies an operator. @returns its outputs; undefined for those that the request names "" */
  emit(request: Request): readonly (Value | undefined)[] {
    const { opType, inputs, domain = "", bodies } = request;
    const { nodeNames, scopes } = this.#shared;
    const attributes = toAttributes(request.attributes);
    const wanted = typeof request.outputs === "object" ? request.outputs : undefined;
    const count = wanted?.length ?? (typeof request.outputs === "number" ? request.outputs : 1);
    const application = { opType, domain, attributes, inputs };
    const shortcut = simplified(application, this);
    if (shortcut !== undefined) return [shortcut];
    const key = emissionKey(application);
    const existing = key === undefined ? undefined : this.#existing(key, count);
    if (existing !== undefined) return existing;

    const name = nodeNames.next(request.name ?? [...scopes, opType].join("/"));
    const draft: Node = {
      name,
      domain,
      opType,
      overload: "",
      inputs: withoutTrailing(inputs.map((input) => input?.name ?? "")),
      outputs: Array.from({ length: count }, (_, index) => wanted?.[index] ?? outputName(name, index)),
      attributes,
      metadata: request.metadata ?? new Map(),
    };
    const facts = inferOutputs(draft, inputs, bodies).map((found, index) => merged(found, request.facts?.[index]));
    const folded = count === 1 ? this.#folded(facts[0], draft) : undefined;
    if (folded !== undefined) return [folded];
    const outputs = draft.outputs.map((output, index) => this.#output(output, facts[index], wanted !== undefined));
    const node = { ...draft, outputs: outputs.map((output) => output?.name ?? "") };
    const captures = this.#capturesOf(node);
    if (key !== undefined) this.#positions.set(key, this.#emissions.length);
    this.#emissions.push({ node, inputs, captures, outputs, bodies });
    return outputs;
  }

  /**
   * Builds a body for a control-flow operator: it sees all values of this graph.
   * @param isIsolated whether it has its own node for what a node of this graph does already
   */
  body(name: string, inputs: readonly BodyInput[], build: BodyBuilder, isIsolated = false): Body {
    const inner = new Emitter(this, isIsolated);
    const values = inputs.map((input) => inner.input(input.name, input.facts));
    const outputs = build(inner, values);
    const graph = inner.graph(
      name,
      outputs.map((value) => ({ value })),
    );
    return { graph, outputs };
  }

  /** A name that no value has yet, like the wanted one. */
  uniqueName(wanted: string): string {
    return this.#shared.names.next(wanted);
  }

  /** Names of nodes emitted in `run` begin with `scope`. */
  scoped<Result>(scope: string, run: () => Result): Result {
    this.#shared.scopes.push(scope);
    try {
      return run();
    } finally {
      this.#shared.scopes.pop();
    }
  }

  /** A value that has this extent on an axis, if there is one. */
  extentSource(extent: Extent): ExtentSource | undefined {
    return this.#extents.get(extent) ?? this.#parent?.extentSource(extent);
  }

  /** The node that makes a value; undefined for inputs, constants, and values of the graph around this one. */
  emissionOf(value: Value): Emission | undefined {
    return this.#emissions[this.#origins.get(value.name) ?? -1];
  }

  /**
   * Gives a node that is there other attributes, and further outputs behind those that it has.
   * @returns the further outputs
   */
  extend({ outputs: known }: Emission, attributes: AttributeInputs, further: readonly Facts[]): readonly Value[] {
    const position = this.#origins.get(known.find((output) => output !== undefined)?.name ?? "") ?? -1;
    const emission = this.#emissions[position];
    if (emission === undefined) throw new Error("only a node of this graph can be extended");
    const { node, outputs } = emission;
    const added = further.map((facts, index) => {
      const value = this.#define(this.#shared.names.next(outputName(node.name, outputs.length + index)), facts);
      this.#origins.set(value.name, position);
      return value;
    });
    const all = [...outputs, ...added];
    const extended: Node = {
      ...node,
      attributes: new Map([...node.attributes, ...attributesOf(attributes)]),
      outputs: all.map((output) => output?.name ?? ""),
    };
    this.#emissions[position] = { ...emission, node: extended, captures: this.#capturesOf(extended), outputs: all };
    return added;
  }

  /** The names of all values that these are made of, and their own. */
  neededFor(values: readonly Value[]): ReadonlySet<string> {
    const needed = new Set(values.map(({ name }) => name));
    for (const emission of this.#emissions.toReversed()) {
      if (!makesAny(emission, needed)) continue;
      for (const value of [...emission.inputs, ...emission.captures]) if (value !== undefined) needed.add(value.name);
    }
    return needed;
  }

  /**
   * The graph so far, without the nodes and initializers that no output needs.
   * @param outputs in order; `name` is what the output is called, by default as the value
   */
  graph(name: string, outputs: readonly { readonly value: Value; readonly name?: string }[]): Graph {
    const { names, nodeNames, values } = this.#shared;
    /** Of values that become outputs as they are, or under another name. */
    const renames = new Map(
      outputs.flatMap(({ value, name: wanted = value.name }) =>
        wanted === value.name && this.#canBeOutput(value) ? [[wanted, wanted] as const] : [],
      ),
    );
    const taken = new Set<string>();
    const copies: Node[] = [];
    const declared = outputs.map(({ value, name: wanted = value.name }) => {
      const isRenamed =
        !renames.has(value.name) && !values.has(wanted) && !taken.has(wanted) && this.emissionOf(value) !== undefined;
      if (isRenamed) renames.set(value.name, wanted);
      const isItself = renames.get(value.name) === wanted && !taken.has(wanted);
      const isFree = !values.has(wanted) && !taken.has(wanted);
      const output = isItself || isFree ? wanted : names.next(wanted);
      if (!isItself) copies.push(identityNode(nodeNames.next(`${output}/Identity`), value.name, output));
      taken.add(output);
      return { name: output, ...typeOf(value) };
    });
    const needed = this.neededFor(outputs.map(({ value }) => value));
    const nodes = this.#emissions
      .filter((emission) => makesAny(emission, needed))
      .map(({ node }) => renamedNode(node, renames));
    return {
      name,
      inputs: this.#inputs,
      outputs: declared,
      initializers: this.#parent === undefined ? this.#constants(needed) : [],
      sparseInitializers: [],
      nodes: [...nodes, ...copies.map((node) => renamedNode(node, renames))],
      valueInfo: [],
      metadata: new Map(),
    };
  }

  /** Of a body, only what its own nodes make; of a whole model inputs and initializers, too. */
  #canBeOutput(value: Value): boolean {
    return this.#parent === undefined || this.emissionOf(value) !== undefined;
  }

  #constants(needed: ReadonlySet<string>): readonly Tensor[] {
    return [...this.#shared.constants.values()].flatMap(({ name, constant }) =>
      constant === undefined || !needed.has(name) ? [] : [{ ...constant, name }],
    );
  }

  #input(name: string, facts: Facts): Value {
    this.#inputs.push({ name, ...typeOf(facts) });
    return this.#define(name, facts);
  }

  #initializer(name: string, tensor: Tensor): Value {
    const value = this.#define(name, factsOfTensor({ ...tensor, name }));
    this.#shared.constants.set(name, value);
    return value;
  }

  /** The name itself for the value of the source graph that has it; for any other one like it. */
  #claimed(name: string): string {
    return this.#shared.reserved.delete(name) ? name : this.#shared.names.next(name);
  }

  #output(name: string, facts: Facts | undefined, isWanted: boolean): Value | undefined {
    if (name === "" || facts === undefined) return undefined;
    const value = this.#define(isWanted ? this.#claimed(name) : this.#shared.names.next(name), facts);
    this.#origins.set(value.name, this.#emissions.length);
    return value;
  }

  #define(name: string, facts: Facts): Value {
    const value: Value = { ...facts, name };
    this.#shared.values.set(name, value);
    for (const [axis, extent] of (facts.shape ?? []).entries()) {
      if (typeof extent === "string" && this.extentSource(extent) === undefined) {
        this.#extents.set(extent, { value, axis });
      }
    }
    return value;
  }

  #capturesOf(node: Node): readonly Value[] {
    return capturedNames(node).flatMap((name) => this.#shared.values.get(name) ?? []);
  }

  /** The outputs of a node that is there already; outputs that it does not have yet are added to it. */
  #existing(key: string, count: number): readonly (Value | undefined)[] | undefined {
    const position = this.#positions.get(key);
    const emission = this.#emissions[position ?? -1];
    if (position === undefined || emission === undefined) {
      return this.#parent === undefined || this.#isIsolated ? undefined : this.#parent.#existing(key, count);
    }
    const { node, inputs, outputs, bodies } = emission;
    if (count <= outputs.length && outputs.slice(0, count).every((output) => output !== undefined)) {
      return outputs.slice(0, count);
    }
    const names = Array.from(
      { length: Math.max(count, outputs.length) },
      (_, index) => outputs[index]?.name ?? (index < count ? outputName(node.name, index) : ""),
    );
    const facts = inferOutputs({ ...node, outputs: names }, inputs, bodies);
    const extended = names.map((name, index) => {
      if (outputs[index] !== undefined || name === "") return outputs[index];
      const value = this.#define(
        this.#shared.names.next(name),
        facts[index] ?? { dataType: "undefined", shape: undefined },
      );
      this.#origins.set(value.name, position);
      return value;
    });
    const extendedNode = { ...node, outputs: extended.map((output) => output?.name ?? "") };
    this.#emissions[position] = { ...emission, node: extendedNode, outputs: extended };
    return extended.slice(0, count);
  }

  /** What is known to be constant needs no node. */
  #folded(facts: Facts | undefined, { outputs, name }: Node): Value | undefined {
    if (facts?.constant !== undefined) return this.constant({ ...facts.constant, name: outputs[0] ?? name });
    if (facts?.shape === undefined || (facts.dataType !== "int64" && facts.dataType !== "int32")) return undefined;
    const numbers = knownNumbers(facts);
    const shape = facts.shape.filter((extent) => typeof extent === "number");
    if (numbers === undefined || shape.length < facts.shape.length) return undefined;
    return this.constant(numberTensor(`${name}/constant`, facts.dataType, shape, numbers));
  }
}

/** An input of a body. */
export interface BodyInput {
  readonly name: string;
  readonly facts: Facts;
}

/** Emits the nodes of a body. @returns its outputs */
export type BodyBuilder = (body: Emitter, inputs: readonly Value[]) => readonly Value[];

/** What a graph and the bodies in it have in common. */
interface SharedState {
  readonly names: UniqueNames;
  /** Names of the source graph that none of its values has taken yet. */
  readonly reserved: Set<string>;
  readonly nodeNames: UniqueNames;
  readonly values: Map<string, Value>;
  /** Initializers by name. */
  readonly constants: Map<string, Value>;
  /** Those that may stand for each other, by what they hold. */
  readonly folded: Map<string, Value>;
  readonly scopes: string[];
}

function newState(): SharedState {
  return {
    names: new UniqueNames(),
    reserved: new Set(),
    nodeNames: new UniqueNames(),
    values: new Map(),
    constants: new Map(),
    folded: new Map(),
    scopes: [],
  };
}

/** Attributes as a node has them. */
export function toAttributes(attributes: Request["attributes"] = {}): ReadonlyMap<string, Attribute> {
  return isAttributeMap(attributes) ? attributes : attributesOf(attributes);
}

function isAttributeMap(attributes: NonNullable<Request["attributes"]>): attributes is ReadonlyMap<string, Attribute> {
  return attributes instanceof Map;
}

function outputName(nodeName: string, index: number): string {
  return index === 0 ? nodeName : `${nodeName}:${index}`;
}

function merged(inferred: Facts, given: Facts | undefined): Facts {
  if (given === undefined) return inferred;
  return {
    ...inferred,
    dataType: inferred.dataType === "undefined" ? given.dataType : inferred.dataType,
    shape: inferred.shape ?? given.shape,
    container: inferred.container ?? given.container,
  };
}

function makesAny({ outputs }: Emission, names: ReadonlySet<string>): boolean {
  return outputs.some((output) => output !== undefined && names.has(output.name));
}

function typeOf(facts: Facts): Pick<ValueInfo, "type"> {
  const type = typeOfFacts(facts);
  return type === undefined ? {} : { type };
}
