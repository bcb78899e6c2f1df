import type { AttributeInputs } from "./builder.js";
import type { Attribute, Node } from "./model.js";
import type { Facts } from "./shapes/facts.js";
import type { Tensor } from "./tensor.js";

/** A value of a graph under construction, with what is known of it. */
export interface Value extends Facts {
  readonly name: string;
}

/** An operator to apply. */
export interface Request {
  readonly opType: string;
  /** undefined for omitted optional ones. */
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes?: AttributeInputs | ReadonlyMap<string, Attribute>;
  /** How many outputs are wanted, or their names, "" for those that are not; by default one. */
  readonly outputs?: number | readonly string[];
  /** The node's name; by default made from the scope and the operator. */
  readonly name?: string;
  readonly domain?: string;
  readonly metadata?: ReadonlyMap<string, string>;
  /** What is known of the outputs, where inference cannot know it. */
  readonly facts?: readonly Facts[];
  /** Facts of the outputs of control-flow bodies, by attribute. */
  readonly bodies?: ReadonlyMap<string, readonly Facts[]>;
}

/** A node of a graph under construction with its values. */
export interface Emission {
  readonly node: Node;
  readonly inputs: readonly (Value | undefined)[];
  /** Values from outside that the node's control-flow bodies use. */
  readonly captures: readonly Value[];
  /** undefined for outputs that are not used. */
  readonly outputs: readonly (Value | undefined)[];
  readonly bodies: ReadonlyMap<string, readonly Facts[]> | undefined;
}

/** What a graph under construction does for those who only add nodes to it. */
export interface NodeEmitter {
  /** Applies an operator. @returns its outputs; undefined for those that the request names "" */
  emit(request: Request): readonly (Value | undefined)[];
  /** A constant, as an initializer of the outermost graph. Small ones that are equal become one. */
  constant(tensor: Tensor): Value;
  /** The node that makes a value; undefined for inputs, constants, and values of the graph around this one. */
  emissionOf(value: Value): Emission | undefined;
}
