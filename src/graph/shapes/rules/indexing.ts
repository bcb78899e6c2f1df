import type { DataType } from "../../data-type.js";
import { integerAttribute, stringAttribute } from "../../model.js";
import {
  type Element,
  type ElementFunction,
  greatest,
  heldBy,
  productIn,
  smallest,
  strict,
  sumIn,
} from "../element-arithmetic.js";
import { type Elements, elementsAt, followedShape, indicesOf, knownOf, knownOrNulls, offsetOf } from "../elements.js";
import type { Extent, Shape } from "../extent.js";
import { type Facts, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";
import { formatShape, normalizedAxis } from "../shape-math.js";

/** The slices of an axis that the indices name; their shape takes the axis' place. */
function gather(context: ShapeContext): readonly Facts[] {
  const [data, indices] = [context.input(0), context.input(1)];
  const { shape } = data;
  if (shape === undefined || indices.shape === undefined) return [tensorFacts(data.dataType, undefined)];
  const axis = normalizedAxis(integerAttribute(context.node, "axis", 0), shape.length, context);
  const gathered = [...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)];
  const rank = indices.shape.length;
  const [known, places] = [knownOf(data), knownOf(indices)];
  const elements =
    known &&
    places &&
    elementsAt(gathered, (index) => {
      const place = placed(places[offsetOf(indices.shape ?? [], index.slice(axis, axis + rank))], shape[axis], context);
      return place === null ? null : known[offsetOf(shape, index.toSpliced(axis, rank, place))];
    });
  return [tensorFacts(data.dataType, gathered, elements)];
}

/** An index as a number from the front; null where it is unknown. */
function placed(place: Element | undefined, extent: Extent | undefined, { fail }: ShapeContext): number | null {
  if (typeof place !== "number" || typeof extent !== "number") return null;
  if (place < -extent || place >= extent) fail(`has index ${place} into an extent of ${extent}`);
  return place < 0 ? place + extent : place;
}

/** The elements at the indices along an axis, in the indices' shape. */
function gatherElements(context: ShapeContext): readonly Facts[] {
  const [data, indices] = [context.input(0), context.input(1)];
  const rank = requireEqualRanks(context, data.shape, indices.shape);
  if (data.shape === undefined || rank === undefined) return [tensorFacts(data.dataType, indices.shape)];
  const { shape } = data;
  const axis = normalizedAxis(integerAttribute(context.node, "axis", 0), rank, context);
  const [known, places] = [knownOf(data), knownOf(indices)];
  const elements =
    known &&
    places &&
    elementsAt(indices.shape, (index) => {
      const place = placed(places[offsetOf(indices.shape ?? [], index)], shape[axis], context);
      return place === null ? null : known[offsetOf(shape, index.with(axis, place))];
    });
  return [tensorFacts(data.dataType, indices.shape, elements)];
}

function requireEqualRanks(
  { fail }: ShapeContext,
  data: Shape | undefined,
  indices: Shape | undefined,
): number | undefined {
  if (data === undefined || indices === undefined) return undefined;
  if (data.length !== indices.length)
    fail(`has data ${formatShape(data)} and indices ${formatShape(indices)} of another rank`);
  return data.length;
}

/**
 * The slices that index tuples, the last axis of the indices, name; the first `batch_dims` axes are gone through
 * together.
 */
function gatherND(context: ShapeContext): readonly Facts[] {
  const [data, indices] = [context.input(0), context.input(1)];
  const batches = integerAttribute(context.node, "batch_dims", 0);
  const length = indices.shape?.at(-1);
  if (data.shape === undefined || indices.shape === undefined || typeof length !== "number") {
    return [tensorFacts(data.dataType, undefined)];
  }
  const { shape } = data;
  const outer = indices.shape.slice(0, -1);
  if (batches < 0 || batches + length > shape.length || batches > outer.length) {
    context.fail(`has indices ${formatShape(indices.shape)} into ${formatShape(shape)} with batch_dims ${batches}`);
  }
  const gathered = [...outer, ...shape.slice(batches + length)];
  const [known, places] = [knownOf(data), knownOf(indices)];
  const elements =
    known &&
    places &&
    elementsAt(gathered, (index) => {
      const outerIndex = index.slice(0, outer.length);
      const tuple = Array.from({ length }, (_, part) =>
        placed(places[offsetOf(indices.shape ?? [], [...outerIndex, part])], shape[batches + part], context),
      );
      const inside = tuple.filter((place) => place !== null);
      if (inside.length < length) return null;
      return known[offsetOf(shape, [...index.slice(0, batches), ...inside, ...index.slice(outer.length)])];
    });
  return [tensorFacts(data.dataType, gathered, elements)];
}

/** The data, with updates at the indices along an axis. */
function scatterElements(context: ShapeContext): readonly Facts[] {
  const [data, indices] = [context.input(0), context.input(1)];
  const rank = requireEqualRanks(context, data.shape, indices.shape);
  if (data.shape === undefined || rank === undefined) return [tensorFacts(data.dataType, data.shape)];
  requireUpdates(context, indices.shape);
  const { shape } = data;
  const axis = normalizedAxis(integerAttribute(context.node, "axis", 0), rank, context);
  const targetOf = (index: readonly number[], places: Elements) => {
    const place = placed(places[offsetOf(indices.shape ?? [], index)], shape[axis], context);
    return place === null ? null : index.with(axis, place);
  };
  return [scattered(context, targetOf)];
}

/** The data, with updates of the slices that index tuples, the last axis of the indices, name. */
function scatterND(context: ShapeContext): readonly Facts[] {
  const [data, indices] = [context.input(0), context.input(1)];
  const { shape } = data;
  const length = indices.shape?.at(-1);
  if (shape === undefined || indices.shape === undefined || typeof length !== "number") {
    return [tensorFacts(data.dataType, shape)];
  }
  if (length > shape.length) context.fail(`has indices ${formatShape(indices.shape)} into ${formatShape(shape)}`);
  const outer = indices.shape.slice(0, -1);
  requireUpdates(context, [...outer, ...shape.slice(length)]);
  const targetOf = (index: readonly number[], places: Elements) => {
    const tuple = Array.from({ length }, (_, part) =>
      placed(places[offsetOf(indices.shape ?? [], [...index.slice(0, outer.length), part])], shape[part], context),
    );
    const inside = tuple.filter((place) => place !== null);
    return inside.length < length ? null : [...inside, ...index.slice(outer.length)];
  };
  return [scattered(context, targetOf)];
}

function requireUpdates(context: ShapeContext, expected: Shape | undefined): void {
  const updates = context.shape(2);
  if (updates === undefined || expected === undefined) return;
  const fits =
    updates.length === expected.length &&
    updates.every((extent, axis) => {
      const other = expected[axis];
      return typeof extent === "string" || typeof other === "string" || extent === other;
    });
  if (!fits) context.fail(`has updates ${formatShape(updates)} for a place of ${formatShape(expected)}`);
}

const reductions: Readonly<Record<string, (dataType: DataType) => ElementFunction>> = {
  add: sumIn,
  mul: productIn,
  max: () => greatest,
  min: () => smallest,
};

/** @param targetOf where in the data an element of the updates goes; null where that is unknown */
function scattered(
  { node, input, fail }: ShapeContext,
  targetOf: (index: readonly number[], places: Elements) => readonly number[] | null,
): Facts {
  const [data, indices, updates] = [input(0), input(1), input(2)];
  const reduction = stringAttribute(node, "reduction") ?? "none";
  const reduce = reductions[reduction]?.(data.dataType);
  if (reduction !== "none" && reduce === undefined) fail(`has reduction "${reduction}"`);
  const [shape, from] = [followedShape(data.shape), followedShape(updates.shape)];
  const [known, places, values] = [knownOf(data), knownOf(indices), knownOrNulls(updates)];
  if (shape === undefined || from === undefined || known === undefined || places === undefined) {
    return tensorFacts(data.dataType, data.shape);
  }
  const elements = [...known];
  for (const [offset, index] of indicesOf(from).entries()) {
    const target = targetOf(index, places);
    if (target === null) return tensorFacts(data.dataType, data.shape);
    const at = offsetOf(shape, target);
    const value = values?.[offset] ?? null;
    elements[at] = heldBy(data.dataType, reduce === undefined ? value : strict(reduce)(elements[at] ?? null, value));
  }
  return tensorFacts(data.dataType, shape, elements);
}

/** The cache with new entries along an axis. */
function tensorScatter({ input }: ShapeContext): readonly Facts[] {
  const { dataType, shape } = input(0);
  return [tensorFacts(dataType, shape)];
}

/** One of two values for each class: a new axis of as many as `depth`. */
function oneHot(context: ShapeContext): readonly Facts[] {
  const shape = context.shape(0);
  const { dataType } = context.input(2);
  if (shape === undefined) return [tensorFacts(dataType, undefined)];
  const axis = normalizedAxis(integerAttribute(context.node, "axis", -1), shape.length + 1, context);
  const depth = knownOf(context.input(1))?.[0] ?? context.unknownExtent(0, axis);
  return [tensorFacts(dataType, shape.toSpliced(axis, 0, depth))];
}

/** Reading and writing at indices. */
export const indexing: ShapeRules = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  OneHot: oneHot,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  TensorScatter: tensorScatter,
};
