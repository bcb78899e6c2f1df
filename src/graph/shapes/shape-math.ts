import { add, ceilDivide, type Extent, isAtLeast, maximum, minimum, type Shape, subtract } from "./extent.js";
import type { DataType } from "../data-type.js";
import type { Facts } from "./facts.js";
import type { ShapeContext } from "./shape-rule.js";

/** An axis counted from the front; ONNX counts negative ones from the back. @throws InputError outside of the rank */
export function normalizedAxis(axis: number, rank: number, { fail }: Pick<ShapeContext, "fail">): number {
  const normalized = axis < 0 ? axis + rank : axis;
  if (normalized < 0 || normalized >= rank) fail(`has axis ${axis}, its input has rank ${rank}`);
  return normalized;
}

/**
 * The shape of operands broadcast against each other as NumPy does. Of two different extents, a number or symbol that
 * is at least 2 for sure is the result's, as the other one must be 1 or equal to it; of two others the greater one.
 * @throws InputError where two numbers contradict each other
 */
export function broadcastShapes(
  shapes: readonly (Shape | undefined)[],
  { fail }: Pick<ShapeContext, "fail">,
): Shape | undefined {
  const known = shapes.filter((shape) => shape !== undefined);
  if (known.length < shapes.length) return undefined;
  const rank = Math.max(0, ...known.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis) => {
    let result: Extent = 1;
    for (const shape of known) {
      const extent = shape[axis - rank + shape.length] ?? 1;
      if (extent === 1 || extent === result) continue;
      if (typeof extent === "number" && typeof result === "number" && result !== 1) {
        fail(`cannot broadcast ${known.map(formatShape).join(" with ")}`);
      }
      result = broadcastExtent(result, extent);
    }
    return result;
  });
}

function broadcastExtent(a: Extent, b: Extent): Extent {
  if (a === 1 || typeof b === "number") return b;
  if (typeof a === "number" || isAtLeast(a, 2)) return a;
  return isAtLeast(b, 2) ? b : maximum(a, b);
}

/**
 * What is known of an extent by two extents that the operator requires to be equal: a number, if one of them is.
 * @throws InputError where they are different numbers
 */
export function equalExtent(a: Extent, b: Extent, { fail }: Pick<ShapeContext, "fail">): Extent {
  if (typeof a === "number" && typeof b === "number" && a !== b) fail(`has extents ${a} and ${b} that must be equal`);
  return typeof b === "number" ? b : a;
}

/**
 * The element type of inputs that have one in common. @throws InputError where two have different ones, which no
 * runtime accepts
 */
export function commonType(inputs: readonly Facts[], { fail }: Pick<ShapeContext, "fail">): DataType {
  const types = new Set(inputs.map(({ dataType }) => dataType).filter((dataType) => dataType !== "undefined"));
  if (types.size > 1) fail(`has inputs of different types: ${[...types].join(" and ")}`);
  const [type = "undefined"] = types;
  return type;
}

/** A shape as messages write it. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/**
 * The range that a slice takes of an axis, as ONNX clamps it; undefined where it cannot be told whether a symbolic
 * start or end counts from the front or from the back.
 * @param step not 0
 */
export function slicedExtent(extent: Extent, start: Extent, end: Extent, step: number): Extent | undefined {
  const first = fromFront(start, extent);
  const last = fromFront(end, extent);
  if (first === undefined || last === undefined) return undefined;
  if (step > 0) {
    const stop = minimum(last, extent);
    return maximum(ceilDivide(minimum(subtract(stop, first), stop), step), 0);
  }
  const highest = subtract(extent, 1);
  const span = subtract(minimum(maximum(first, 0), highest), maximum(minimum(last, highest), -1));
  return maximum(ceilDivide(span, -step), 0);
}

/** What exporters write for an axis' end is at least this: 2⁶³ − 1, 2³¹ − 1, tf2onnx 10⁹. */
const beyondAnyExtent = 1e9;

/** A position counted from the front, if that can be told. */
function fromFront(position: Extent, extent: Extent): Extent | undefined {
  if (typeof position === "number" && Math.abs(position) >= beyondAnyExtent) {
    return position < 0 ? -1 : extent;
  }
  if (isAtLeast(position, 0)) return position;
  return isAtLeast(-1, position) ? add(position, extent) : undefined;
}

/** Whether two shapes are the same for sure. */
export function isSameShape(a: Shape | undefined, b: Shape | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}
