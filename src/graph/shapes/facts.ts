import type { DataType } from "../data-type.js";
import type { ValueType } from "../model.js";
import type { Tensor } from "../tensor.js";
import type { Extent, Shape } from "./extent.js";

/** What is known of a value without running the graph. */
export interface Facts {
  /** The element type; "undefined" where it is unknown and for values that are no tensors. */
  readonly dataType: DataType;
  /** undefined where not even the rank is known. */
  readonly shape: Shape | undefined;
  /**
   * The elements, row-major, as far as shape arithmetic tells them: integers, symbolic extents, booleans as 0 and 1;
   * null where one is unknown. Only for tensors of at most {@link mostElements} elements. Those of float tensors, as
   * exporters compute sizes with them, may also be other numbers and parts of symbols ("0.5*height").
   */
  readonly elements?: readonly (Extent | null)[] | undefined;
  /** The constant that it is. */
  readonly constant?: Tensor | undefined;
  /** The type of a sequence, an optional, a map; undefined for tensors. */
  readonly container?: ValueType | undefined;
}

/** Longer integer tensors are data, not shapes. */
export const mostElements = 1024;

/** The facts of a tensor. */
export function tensorFacts(dataType: DataType, shape: Shape | undefined, elements?: Facts["elements"]): Facts {
  return elements === undefined ? { dataType, shape } : { dataType, shape, elements };
}

/** Nothing is known. */
export const unknownFacts: Facts = { dataType: "undefined", shape: undefined };

/** The elements of an integer tensor where all of them are known extents. */
export function knownElements(facts: Facts | undefined): readonly Extent[] | undefined {
  const { elements } = facts ?? {};
  return elements?.every((element) => element !== null) === true ? elements : undefined;
}

/** The elements of an integer tensor where all of them are known numbers. */
export function knownNumbers(facts: Facts | undefined): readonly number[] | undefined {
  const { elements } = facts ?? {};
  return elements?.every((element) => typeof element === "number") === true ? elements : undefined;
}
