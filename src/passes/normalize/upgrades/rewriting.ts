import { withoutTrailing } from "../../../graph/emission-key.js";
import { float32Tensor, int64Tensor } from "../../../graph/builder.js";
import { InputError } from "../../../graph/errors.js";
import { type Attribute, describeNode, type Node, stringAttribute } from "../../../graph/model.js";
import { type Tensor, tensorFrom } from "../../../graph/tensor.js";
import type { UniqueNames } from "../../../graph/unique-names.js";

/** How nodes of some operators and opsets are written in the working opset. */
export interface Upgrade {
  readonly operators: readonly string[];
  /** The first opset that needs it; by default the oldest. */
  readonly from?: number;
  /** The first opset that no longer needs it; by default all do. */
  readonly until?: number;
  readonly rewrite: (at: Rewriting) => void;
}

/** An attribute; numbers are ints, texts are strings. */
export type Given = number | string | Tensor | Attribute;

/** Attributes by name; undefined takes one away. */
export type Givens = Readonly<Record<string, Given | undefined>>;

/** What is known around the node. */
export interface Surroundings {
  /** What error messages call the model or the function. */
  readonly label: string;
  readonly opset: number;
  /** Of values and nodes. */
  readonly names: UniqueNames;
  /** Whether a node, or the graph as its output, reads a value. */
  readonly isRead: (name: string) => boolean;
  /** The tensor of an initializer or a Constant node. */
  readonly constant: (name: string) => Tensor | undefined;
}

/** One node of an older opset, and the nodes that come in its place: helpers first, one that makes its outputs last. */
export class Rewriting {
  readonly #nodes: Node[] = [];

  constructor(
    readonly node: Node,
    readonly around: Surroundings,
  ) {}

  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  /** The name of the node's input; "" where it is omitted. */
  input(index: number): string {
    return this.node.inputs[index] ?? "";
  }

  /** An attribute whose value decides what is written. @throws InputError where only a function's caller knows it */
  attribute(name: string): Attribute | undefined {
    const attribute = this.node.attributes.get(name);
    if (attribute?.kind !== "reference") return attribute;
    throw this.refusal(
      `gets its "${name}" from the caller of a function, so what it means at opset ${this.around.opset} is open`,
    );
  }

  /** A float attribute, `fallback` where it is absent. */
  float(name: string, fallback: number): number;
  float(name: string, fallback?: number): number | undefined;
  float(name: string, fallback?: number): number | undefined {
    const attribute = this.attribute(name);
    return attribute?.kind === "float" ? attribute.value : fallback;
  }

  /** An int attribute; undefined where it is absent. */
  integer(name: string): number | undefined {
    const attribute = this.attribute(name);
    return attribute?.kind === "int" ? Number(attribute.value) : undefined;
  }

  /** A string attribute, `fallback` where it is absent. */
  text(name: string, fallback: string): string {
    return this.attribute(name) === undefined ? fallback : (stringAttribute(this.node, name) ?? fallback);
  }

  /** An ints attribute; undefined where it is absent or empty, which exporters write for each other. */
  integers(name: string): readonly bigint[] | undefined {
    const attribute = this.attribute(name);
    return attribute?.kind === "ints" && attribute.value.length > 0 ? attribute.value : undefined;
  }

  /** Adds a helper and returns the name of its output, which is the node's with `role` behind it. */
  emit(role: string, opType: string, inputs: readonly string[], attributes: Givens = {}): string {
    const name = this.fresh(role);
    this.#add(name, opType, inputs, attributes, name);
    return name;
  }

  /** A name that nothing else has. */
  fresh(role: string): string {
    const { name, outputs, opType } = this.node;
    const owner = name === "" ? outputs.find((output) => output !== "") : name;
    return this.around.names.next(`${owner ?? opType}:${role}`);
  }

  /** Adds a Constant of int64, one-dimensional unless a shape is given. */
  constant(role: string, values: readonly number[], shape?: readonly number[]): string {
    return this.emit(role, "Constant", [], { value: int64Tensor("", values, shape) });
  }

  /** Adds a float32 Constant, one-dimensional unless a shape is given. */
  floats(role: string, values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.emit(role, "Constant", [], { value: float32Tensor("", shape, values) });
  }

  /** Adds a Constant of the type of another value. */
  floatsLike(like: string, role: string, values: readonly number[], shape: readonly number[] = []): string {
    return this.emit(role, "CastLike", [this.floats(`${role}_float`, values, shape), like]);
  }

  /**
   * Adds an ints attribute as a one-dimensional Constant, "" where it is absent or empty. In a function it may stay a
   * reference to the caller's attribute.
   */
  movedIntegers(name: string): string {
    return this.#isReference(name) || this.integers(name) !== undefined ? this.requiredIntegers(name) : "";
  }

  /** The same of an attribute that must be there, be it empty. */
  requiredIntegers(name: string): string {
    const attribute = this.node.attributes.get(name);
    if (attribute?.kind === "reference") return this.emit(name, "Constant", [], { value_ints: attribute });
    if (attribute?.kind !== "ints") throw this.missing(name);
    return this.emit(name, "Constant", [], { value: bigTensor(attribute.value) });
  }

  /** The same of an int attribute, as a scalar. */
  movedInteger(name: string, fallback?: number): string {
    const attribute = this.node.attributes.get(name) ?? fallback;
    if (attribute === undefined) throw this.missing(name);
    return this.emit(name, "Constant", [], { value_int: attribute });
  }

  #isReference(name: string): boolean {
    return this.node.attributes.get(name)?.kind === "reference";
  }

  /** Adds the node itself, with other inputs, attributes or outputs. Omitted inputs and outputs at the end go. */
  keep(inputs: readonly string[], attributes: Givens = {}, outputs: readonly string[] = this.node.outputs): void {
    this.put(this.node.opType, inputs, attributes, outputs);
  }

  /** Adds an operator under the node's name and with its attributes, changed as said. */
  put(
    opType: string,
    inputs: readonly string[],
    attributes: Givens = {},
    outputs: readonly string[] = this.node.outputs,
  ): void {
    this.#nodes.push({
      ...this.node,
      opType,
      inputs: withoutTrailing(inputs),
      outputs: withoutTrailing(outputs),
      attributes: withAttributes(this.node.attributes, attributes),
    });
  }

  /** Adds a helper that makes one of the node's outputs, the first unless another is named. */
  finish(
    role: string,
    opType: string,
    inputs: readonly string[],
    attributes: Givens = {},
    output = this.node.outputs[0] ?? "",
  ): void {
    this.#add(this.fresh(role), opType, inputs, attributes, output);
  }

  #add(name: string, opType: string, inputs: readonly string[], attributes: Givens, output: string): void {
    this.#nodes.push({
      name,
      domain: "",
      opType,
      overload: "",
      inputs,
      outputs: [output],
      attributes: withAttributes(new Map(), attributes),
      metadata: this.node.metadata,
    });
  }

  /** The error for a node whose meaning has no equal today. */
  refusal(what: string, remedy = "export the model with a newer opset"): InputError {
    return new InputError(`${this.around.label}: ${describeNode(this.node)}`, what, remedy);
  }

  /** The error for a node without an attribute that it needs. */
  missing(name: string): InputError {
    return this.refusal(`has no attribute "${name}" that can be read`, "the file is incomplete or damaged");
  }
}

function withAttributes(attributes: ReadonlyMap<string, Attribute>, changes: Givens): ReadonlyMap<string, Attribute> {
  const result = new Map(attributes);
  for (const [name, given] of Object.entries(changes)) {
    if (given === undefined) result.delete(name);
    else result.set(name, toAttribute(given));
  }
  return result;
}

function toAttribute(given: Given): Attribute {
  if (typeof given === "number") return { kind: "int", value: BigInt(given) };
  if (typeof given === "string") return { kind: "string", value: Buffer.from(given) };
  return "kind" in given ? given : { kind: "tensor", value: given };
}

/** Exporters write INT64_MAX for "to the end", which a number does not hold. */
function bigTensor(values: readonly bigint[]): Tensor {
  return tensorFrom("", "int64", [values.length], new Uint8Array(BigInt64Array.from(values).buffer));
}
