import type { Node } from "../model.js";
import type { Extent, Shape } from "./extent.js";
import type { Facts } from "./facts.js";

/** What a shape rule works with. */
export interface ShapeContext {
  readonly node: Node;
  /** What is known of the inputs; undefined for omitted optional ones. */
  readonly inputs: readonly (Facts | undefined)[];
  /** The facts of an input that the operator requires. @throws InputError where it is omitted */
  readonly input: (index: number) => Facts;
  /** The shape of an input that the operator requires; undefined where its rank is unknown. */
  readonly shape: (index: number) => Shape | undefined;
  /** A new symbol, for an extent of an output that only running the graph would tell. */
  readonly unknownExtent: (output: number, axis: number) => Extent;
  /** A shape of new symbols. */
  readonly unknownShape: (output: number, rank: number) => Shape;
  /** What the outputs of a control-flow body are, by the attribute that holds it. */
  readonly body: (attribute: string) => readonly Facts[];
  /** Stops with an error: the node contradicts its operator's specification. */
  readonly fail: (what: string) => never;
}

/** What an operator's outputs are, by its inputs and attributes, in the order of its outputs. */
export type ShapeRule = (context: ShapeContext) => readonly Facts[];

/** Rules by operator name. */
export type ShapeRules = Readonly<Record<string, ShapeRule>>;
