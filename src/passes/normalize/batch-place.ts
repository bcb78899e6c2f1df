import { divideExactly, type Extent, multiply, product, type Shape } from "../../graph/shapes/extent.js";

/** Where the examples of a batch lie in a tensor. */
export interface BatchPlace {
  readonly axis: number;
  /**
   * How many steps along the axis one example takes: more than 1 where the batch was merged with an axis inside of it.
   */
  readonly inner: Extent;
}

/** From an element of one example to the same one of the next, elements in between, in a tensor of this shape. */
export function strideOf(shape: Shape, { axis, inner }: BatchPlace): Extent {
  return multiply(inner, product(shape.slice(axis + 1)));
}

/**
 * Where the batch may be in a shape, by the stride from example to example, which reshaping keeps. At a batch size of 1
 * it may often be at several places. Where there is an axis of the batch alone, it is that; else it is merged with the
 * axes around it. Outer axes come first.
 * @param size of the batch in this shape
 */
export function placesAtStride(shape: Shape, stride: Extent, size: number): readonly BatchPlace[] {
  const places = shape.flatMap((extent, axis): readonly BatchPlace[] => {
    const inner = divideExactly(stride, product(shape.slice(axis + 1)));
    const isWhole = inner !== undefined && divideExactly(extent, multiply(inner, size)) !== undefined;
    return isWhole ? [{ axis, inner }] : [];
  });
  const own = places.filter(({ axis, inner }) => inner === 1 && shape[axis] === size);
  return own.length > 0 ? own : places;
}

/**
 * Decisions between places that shapes alone do not tell apart: equal ones are taken alike, and when one proves wrong,
 * the next is tried.
 */
export class Choices {
  /** What was chosen of how many, in the order in which the questions came. */
  readonly #chosen = new Map<string, { readonly index: number; readonly count: number }>();

  /** The number of the option to take. @param question the same for questions that must have one answer */
  choose(question: string, count: number): number {
    const known = this.#chosen.get(question);
    if (known === undefined && count > 1) this.#chosen.set(question, { index: 0, count });
    return known?.index ?? 0;
  }

  /** Takes other options, the latest question first. @returns whether there are any left */
  next(): boolean {
    for (const [question, { index, count }] of [...this.#chosen].toReversed()) {
      if (index + 1 < count) {
        this.#chosen.set(question, { index: index + 1, count });
        return true;
      }
      this.#chosen.delete(question);
    }
    return false;
  }
}
