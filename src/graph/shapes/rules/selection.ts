import { integerAttribute } from "../../model.js";
import { type Element, isEqual } from "../element-arithmetic.js";
import { elementsAt, followedShape, indicesOf, knownOf } from "../elements.js";
import { type Extent, product, type Shape } from "../extent.js";
import { type Facts, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";
import { normalizedAxis } from "../shape-math.js";

/** The K greatest or smallest values along an axis, and their int64 positions. */
function topK(context: ShapeContext): readonly Facts[] {
  const { node, input, fail } = context;
  const { dataType, shape } = input(0);
  if (shape === undefined) return [tensorFacts(dataType, undefined), tensorFacts("int64", undefined)];
  const axis = normalizedAxis(integerAttribute(node, "axis", -1), shape.length, context);
  const count = input(1).elements?.[0] ?? context.unknownExtent(0, axis);
  const extent = shape[axis];
  if (typeof count === "number" && (count < 0 || (typeof extent === "number" && count > extent))) {
    fail(`selects ${count} of the ${extent ?? ""} along axis ${axis}`);
  }
  const selected = shape.with(axis, count);
  return [tensorFacts(dataType, selected), tensorFacts("int64", selected)];
}

/** The values or slices that differ; where each is first, which of them each input is, and how often it occurs. */
function unique(context: ShapeContext): readonly Facts[] {
  const { node, input } = context;
  const { dataType, shape } = input(0);
  const attribute = node.attributes.get("axis");
  const isFlat = attribute === undefined;
  const axis =
    isFlat || shape === undefined ? 0 : normalizedAxis(integerAttribute(node, "axis", 0), shape.length, context);
  const count = context.unknownExtent(0, axis);
  const total: Extent = (isFlat ? shape && product(shape) : shape?.[axis]) ?? context.unknownExtent(2, 0);
  const values = isFlat ? [count] : shape?.with(axis, count);
  return [
    tensorFacts(dataType, values),
    tensorFacts("int64", [count]),
    tensorFacts("int64", [total]),
    tensorFacts("int64", [count]),
  ];
}

/** The positions of elements other than 0: [rank, count]. */
function nonZero(context: ShapeContext): readonly Facts[] {
  const shape = context.shape(0);
  // ONNX and its runtime differ on what a scalar gives.
  if (shape === undefined || shape.length === 0) return [tensorFacts("int64", context.unknownShape(0, 2))];
  const unknown: Shape = [shape.length, context.unknownExtent(0, 1)];
  const followed = followedShape(shape);
  const areZero = knownOf(context.input(0))?.map(isZero);
  if (followed === undefined || areZero === undefined || areZero.includes(null)) return [tensorFacts("int64", unknown)];
  const positions = indicesOf(followed).filter((_, offset) => areZero[offset] === 0);
  const found = [shape.length, positions.length];
  return [
    tensorFacts(
      "int64",
      found,
      elementsAt(found, ([axis = 0, count = 0]) => positions[count]?.[axis]),
    ),
  ];
}

function isZero(element: Element): Element {
  return element === null ? null : isEqual(element, 0);
}

/** The elements, or slices along an axis, where a condition holds. */
function compress(context: ShapeContext): readonly Facts[] {
  const { node, input } = context;
  const { dataType, shape } = input(0);
  const isFlat = node.attributes.get("axis") === undefined;
  if (shape === undefined && !isFlat) return [tensorFacts(dataType, undefined)];
  const axis = isFlat ? 0 : normalizedAxis(integerAttribute(node, "axis", 0), shape?.length ?? 0, context);
  const conditions = knownOf(input(1));
  const count =
    conditions === undefined || conditions.includes(null)
      ? context.unknownExtent(0, axis)
      : conditions.filter((condition) => condition === 1).length;
  return [tensorFacts(dataType, isFlat ? [count] : shape?.with(axis, count))];
}

/** Choice of elements by their values. */
export const selections: ShapeRules = {
  Compress: compress,
  NonZero: nonZero,
  TopK: topK,
  Unique: unique,
};
