import { integerAttribute } from "../../model.js";
import { type Extent, floorDivide, isAtLeast, product, type Shape } from "../extent.js";
import { type Facts, knownNumbers, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";
import { formatShape, normalizedAxis } from "../shape-math.js";

/** The extents of the axes from `start` to `end`. */
function shapeOf(context: ShapeContext): readonly Facts[] {
  const shape = context.shape(0);
  if (shape === undefined) return [tensorFacts("int64", [context.unknownExtent(0, 0)])];
  const rank = shape.length;
  const clamped = (position: number) => Math.min(Math.max(position < 0 ? position + rank : position, 0), rank);
  const start = clamped(integerAttribute(context.node, "start", 0));
  const end = clamped(integerAttribute(context.node, "end", rank));
  const extents = shape.slice(start, Math.max(start, end));
  return [tensorFacts("int64", [extents.length], extents)];
}

/** The number of elements. */
function size(context: ShapeContext): readonly Facts[] {
  const shape = context.shape(0);
  return [tensorFacts("int64", [], shape && [product(shape)])];
}

/** The same elements in another shape: 0 keeps an extent (unless `allowzero`), −1 stands for what remains. */
function reshape(context: ShapeContext): readonly Facts[] {
  const { node, input } = context;
  const { dataType, shape, elements } = input(0);
  const targets = input(1).elements;
  if (targets === undefined) {
    const rank = input(1).shape?.[0];
    const unknown = typeof rank === "number" ? context.unknownShape(0, rank) : undefined;
    if (rank === 1 && shape !== undefined) return [tensorFacts(dataType, [product(shape)], elements)];
    return [tensorFacts(dataType, unknown)];
  }
  const keepsZeros = integerAttribute(node, "allowzero", 0) !== 0;
  const wanted = targets.map((target, axis) => {
    if (target !== 0 || keepsZeros) return target;
    if (shape !== undefined && axis >= shape.length) {
      context.fail(`keeps extent ${axis} of a shape that has none: ${formatShape(shape)}`);
    }
    return shape?.[axis] ?? null;
  });
  return [tensorFacts(dataType, reshapedShape(context, shape, wanted), elements)];
}

/** @param wanted extents, −1 for the one that remains, null for unknown ones */
function reshapedShape(context: ShapeContext, shape: Shape | undefined, wanted: readonly (Extent | null)[]): Shape {
  const isFree = (extent: Extent | null) => extent === null || extent === -1;
  const free = wanted.filter(isFree);
  const given = product(wanted.filter((extent) => extent !== null).filter((extent) => extent !== -1));
  const total = shape && product(shape);
  const refuse = () =>
    context.fail(
      `cannot give ${formatShape(shape ?? [])} the shape ${formatShape(wanted.map((extent) => extent ?? "?"))}`,
    );
  if (wanted.some((extent) => typeof extent === "number" && extent < -1)) refuse();
  if (wanted.filter((extent) => extent === -1).length > 1) refuse();
  if (typeof given === "number" && typeof total === "number") {
    const fits = free.length === 0 ? given === total : given === 0 ? total === 0 : total % given === 0;
    if (!fits) refuse();
  }
  // A single extent that is left is what the others leave, also where the element is unknown that asks for it.
  const remains = free.length === 1 && total !== undefined && given !== 0 ? floorDivide(total, given) : undefined;
  return wanted.map((extent, axis) =>
    extent === null || extent === -1 ? (remains ?? context.unknownExtent(0, axis)) : extent,
  );
}

/** [∏ extents before the axis, ∏ extents from it on]. */
function flatten(context: ShapeContext): readonly Facts[] {
  const { dataType, shape, elements } = context.input(0);
  if (shape === undefined) return [tensorFacts(dataType, context.unknownShape(0, 2))];
  const given = integerAttribute(context.node, "axis", 1);
  const axis = given < 0 ? given + shape.length : given;
  if (axis < 0 || axis > shape.length) context.fail(`has axis ${given}, its input has rank ${shape.length}`);
  return [tensorFacts(dataType, [product(shape.slice(0, axis)), product(shape.slice(axis))], elements)];
}

/** Without the axes given, which have extent 1; without all that have, by default. */
function squeeze(context: ShapeContext): readonly Facts[] {
  const { inputs, fail } = context;
  const { dataType, shape, elements } = context.input(0);
  if (shape === undefined) return [tensorFacts(dataType, undefined)];
  const given = inputs[1] === undefined || inputs[1].shape?.[0] === 0 ? [] : knownNumbers(inputs[1]);
  if (given === undefined) return [tensorFacts(dataType, squeezedSomewhere(context, shape))];
  if (given.length === 0) {
    // Whether a symbol is 1 decides on the rank.
    const isClear = shape.every((extent) => typeof extent === "number" || isAtLeast(extent, 2));
    return [tensorFacts(dataType, isClear ? shape.filter((extent) => extent !== 1) : undefined, elements)];
  }
  const axes = new Set(given.map((axis) => normalizedAxis(axis, shape.length, context)));
  for (const axis of axes) {
    const extent = shape[axis];
    if (typeof extent === "number" && extent !== 1)
      fail(`removes axis ${axis} of ${formatShape(shape)}, which is not 1`);
  }
  return [
    tensorFacts(
      dataType,
      shape.filter((_, axis) => !axes.has(axis)),
      elements,
    ),
  ];
}

function squeezedSomewhere(context: ShapeContext, shape: Shape): Shape | undefined {
  const count = context.inputs[1]?.shape?.[0];
  return typeof count === "number" && count <= shape.length ? context.unknownShape(0, shape.length - count) : undefined;
}

/** With axes of extent 1 at the places given, which are those of the result. */
function unsqueeze(context: ShapeContext): readonly Facts[] {
  const { dataType, shape, elements } = context.input(0);
  const axesInput = context.input(1);
  const count = axesInput.elements?.length ?? axesInput.shape?.[0] ?? (axesInput.shape?.length === 0 ? 1 : undefined);
  if (shape === undefined || typeof count !== "number") return [tensorFacts(dataType, undefined)];
  const rank = shape.length + count;
  const given = knownNumbers(axesInput);
  if (given === undefined) return [tensorFacts(dataType, context.unknownShape(0, rank))];
  const axes = new Set(given.map((axis) => (axis < 0 ? axis + rank : axis)));
  if (axes.size < count || [...axes].some((axis) => axis < 0 || axis >= rank)) {
    context.fail(`cannot add axes ${given.join(", ")} to ${formatShape(shape)}`);
  }
  const kept = shape.values();
  const unsqueezed = Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : (kept.next().value ?? 1)));
  return [tensorFacts(dataType, unsqueezed, elements)];
}

/** The value itself, whatever it is. */
function identity({ input }: ShapeContext): readonly Facts[] {
  return [input(0)];
}

/** Shapes as values, and values in other shapes. */
export const reshaping: ShapeRules = {
  Flatten: flatten,
  Identity: identity,
  Reshape: reshape,
  Shape: shapeOf,
  Size: size,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
};
