import { isFloatingPoint } from "../data-type.js";
import { elementCount, readNumbers } from "../tensor.js";
import type { Element } from "./element-arithmetic.js";
import type { Shape } from "./extent.js";
import { type Facts, mostElements } from "./facts.js";

/** Elements, row-major. */
export type Elements = readonly Element[];

/** Longer float constants are weights; factors and scales of extents are scalars or one per axis. */
const mostFloats = 16;

/** The shape where all extents are numbers. */
function staticShape(shape: Shape | undefined): readonly number[] | undefined {
  return shape?.every((extent) => typeof extent === "number") === true ? shape : undefined;
}

/** The shape of a tensor that is small enough for its elements to be followed. */
export function followedShape(shape: Shape | undefined): readonly number[] | undefined {
  const numbers = staticShape(shape);
  // Also no extent of an empty tensor may be greater.
  const isSmall = numbers !== undefined && Math.max(elementCount(numbers), ...numbers) <= mostElements;
  return isSmall ? numbers : undefined;
}

/** What is known of a tensor's elements; those of small float constants are read here. */
export function knownOf(facts: Facts | undefined): Elements | undefined {
  if (facts === undefined || facts.elements !== undefined) return facts?.elements;
  const { constant } = facts;
  const isRead =
    constant !== undefined &&
    isFloatingPoint(constant.dataType) &&
    constant.payload.kind !== "none" &&
    elementCount(constant.shape) <= mostFloats;
  return isRead ? readNumbers(constant)?.map((number) => (Number.isFinite(number) ? number : null)) : undefined;
}

/** What is known of a tensor's elements, null for each of a small tensor of which nothing is known. */
export function knownOrNulls(facts: Facts): Elements | undefined {
  const shape = followedShape(facts.shape);
  return knownOf(facts) ?? (shape && Array.from({ length: elementCount(shape) }, () => null));
}

/**
 * The elements of a tensor of a shape, by their indices; undefined where the shape is not followed, or nothing is
 * known.
 */
export function elementsAt(
  shape: Shape | undefined,
  elementAt: (index: readonly number[]) => Element | undefined,
): Elements | undefined {
  const followed = followedShape(shape);
  if (followed === undefined) return undefined;
  const elements = indicesOf(followed).map((index) => elementAt(index) ?? null);
  return elements.length === 0 || elements.some((element) => element !== null) ? elements : undefined;
}

/** All indices into a shape, in row-major order. */
export function indicesOf(shape: readonly number[]): readonly (readonly number[])[] {
  let indices: readonly (readonly number[])[] = [[]];
  for (const extent of shape) {
    indices = indices.flatMap((index) => Array.from({ length: extent }, (_, position) => [...index, position]));
  }
  return indices;
}

/** The place of an element in row-major order; axes of extent 1 are read at 0, as broadcasting has it. */
export function offsetOf(shape: Shape, index: readonly number[]): number {
  let offset = 0;
  for (const [axis, extent] of shape.entries()) {
    const position = index[axis + index.length - shape.length] ?? 0;
    offset = offset * Number(extent) + (extent === 1 ? 0 : position);
  }
  return offset;
}
