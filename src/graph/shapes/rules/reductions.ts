import type { DataType } from "../../data-type.js";
import { integerAttribute } from "../../model.js";
import {
  type Combination,
  type Element,
  type ElementFunction,
  greatest,
  heldBy,
  productIn,
  smallest,
  strict,
  sumIn,
} from "../element-arithmetic.js";
import { elementsAt, followedShape, indicesOf, knownOf, offsetOf } from "../elements.js";
import type { Shape } from "../extent.js";
import { type Facts, knownNumbers, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRule, ShapeRules } from "../shape-rule.js";
import { normalizedAxis } from "../shape-math.js";

/** The axes given as second input, all of them by default, become 1 or vanish. */
function reduction(combine?: (dataType: DataType) => ElementFunction): ShapeRule {
  return (context) => {
    const { node, input, inputs } = context;
    const { dataType, shape } = input(0);
    const keeps = integerAttribute(node, "keepdims", 1) !== 0;
    const given = inputs[1] === undefined || inputs[1].shape?.[0] === 0 ? [] : knownNumbers(inputs[1]);
    const isNoop = given?.length === 0 && integerAttribute(node, "noop_with_empty_axes", 0) !== 0;
    if (isNoop) return [tensorFacts(dataType, shape)];
    if (shape === undefined) return [tensorFacts(dataType, given?.length === 0 && !keeps ? [] : undefined)];
    if (given === undefined) return [tensorFacts(dataType, shapeForUnknownAxes(context, shape, keeps))];
    const axes = axesOf(given, shape, context);
    const elements = combine && reduced(input(0), axes, keeps, strict(combine(dataType)));
    return [
      tensorFacts(
        dataType,
        reducedShape(shape, axes, keeps),
        elements?.map((element) => heldBy(dataType, element)),
      ),
    ];
  };
}

function axesOf(given: readonly number[], shape: Shape, context: ShapeContext): ReadonlySet<number> {
  if (given.length === 0) return new Set(shape.keys());
  // The runtime reduces a scalar along its only imaginable axis.
  if (shape.length === 0 && given.every((axis) => axis === 0 || axis === -1)) return new Set();
  return new Set(given.map((axis) => normalizedAxis(axis, shape.length, context)));
}

function reducedShape(shape: Shape, axes: ReadonlySet<number>, keeps: boolean): Shape {
  return keeps
    ? shape.map((extent, axis) => (axes.has(axis) ? 1 : extent))
    : shape.filter((_, axis) => !axes.has(axis));
}

function shapeForUnknownAxes(context: ShapeContext, shape: Shape, keeps: boolean): Shape | undefined {
  if (keeps) return shape.map((extent, axis) => (extent === 1 ? 1 : context.unknownExtent(0, axis)));
  const count = context.inputs[1]?.shape?.[0];
  return typeof count === "number" && count <= shape.length ? context.unknownShape(0, shape.length - count) : undefined;
}

function reduced(
  data: Facts,
  axes: ReadonlySet<number>,
  keeps: boolean,
  combine: Combination,
): readonly Element[] | undefined {
  const shape = followedShape(data.shape);
  const elements = knownOf(data);
  if (shape === undefined || elements === undefined) return undefined;
  const steps = indicesOf(shape.map((extent, axis) => (axes.has(axis) ? extent : 1))).map((step) =>
    offsetOf(shape, step),
  );
  return elementsAt(reducedShape(shape, axes, keeps), (index) => {
    const kept = index.values();
    const first = shape.map((_, axis) => (axes.has(axis) && !keeps ? 0 : (kept.next().value ?? 0)));
    return combine(...steps.map((step) => elements[offsetOf(shape, first) + step] ?? null));
  });
}

/** int64 positions: one axis becomes 1 or vanishes. */
function argExtreme(context: ShapeContext): readonly Facts[] {
  const shape = context.shape(0);
  if (shape === undefined) return [tensorFacts("int64", undefined)];
  const axes = axesOf([integerAttribute(context.node, "axis", 0)], shape, context);
  return [tensorFacts("int64", reducedShape(shape, axes, integerAttribute(context.node, "keepdims", 1) !== 0))];
}

/** y has the type and shape of x; each element combines those up to it along an axis. */
function cumulative(combine: (dataType: DataType) => ElementFunction): ShapeRule {
  return (context) => {
    const { node, input } = context;
    const { dataType, shape } = input(0);
    const [given] = knownNumbers(input(1)) ?? [];
    if (shape === undefined || given === undefined) return [tensorFacts(dataType, shape)];
    const along = normalizedAxis(given, shape.length, context);
    const elements = knownOf(input(0));
    if (elements === undefined) return [tensorFacts(dataType, shape)];
    const isExclusive = integerAttribute(node, "exclusive", 0) !== 0;
    const isReversed = integerAttribute(node, "reverse", 0) !== 0;
    const extent = Number(shape[along]);
    const cumulated = elementsAt(shape, (index) => {
      const own = index[along] ?? 0;
      const group = Array.from({ length: extent }, (_, position) => position)
        .filter((position) => (isReversed ? position >= own : position <= own) && !(isExclusive && position === own))
        .map((position) => elements[offsetOf(shape, index.with(along, position))] ?? null);
      return heldBy(dataType, strict(combine(dataType))(...group));
    });
    return [tensorFacts(dataType, shape, cumulated)];
  };
}

/** Y has the type and shape of X; the axis must be one of its. */
function normalizedAlongAxis(context: ShapeContext): readonly Facts[] {
  const { dataType, shape } = context.input(0);
  if (shape !== undefined && shape.length > 0) {
    normalizedAxis(integerAttribute(context.node, "axis", -1), shape.length, context);
  }
  return [tensorFacts(dataType, shape)];
}

/** Operators along axes: reductions, cumulations, the Softmax family. */
export const reductions: ShapeRules = {
  ArgMax: argExtreme,
  ArgMin: argExtreme,
  CumProd: cumulative(productIn),
  CumSum: cumulative(sumIn),
  Hardmax: normalizedAlongAxis,
  LogSoftmax: normalizedAlongAxis,
  ReduceL1: reduction(),
  ReduceL2: reduction(),
  ReduceLogSum: reduction(),
  ReduceLogSumExp: reduction(),
  ReduceMax: reduction(() => greatest),
  ReduceMean: reduction(),
  ReduceMin: reduction(() => smallest),
  ReduceProd: reduction(productIn),
  ReduceSum: reduction(sumIn),
  ReduceSumSquare: reduction(),
  Softmax: normalizedAlongAxis,
};
