import { integerAttribute, integersAttribute, stringAttribute } from "../../model.js";
import { type Elements, elementsAt, knownOf, knownOrNulls, offsetOf } from "../elements.js";
import { add, ceilDivide, type Extent, floorDivide, multiply, type Shape, subtract } from "../extent.js";
import { type Facts, knownNumbers, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";
import { broadcastShapes, commonType, equalExtent, formatShape, normalizedAxis, slicedExtent } from "../shape-math.js";

/** A tensor whose elements are those of another one: at each index, the one at the index that `source` tells. */
function moved(from: Facts, shape: Shape | undefined, source: (index: readonly number[]) => readonly number[]): Facts {
  const known = knownOf(from);
  const elements = known && elementsAt(shape, (index) => known[offsetOf(from.shape ?? [], source(index))]);
  return tensorFacts(from.dataType, shape, elements);
}

/** Axes in another order, by default the reverse one. */
function transpose(context: ShapeContext): readonly Facts[] {
  const data = context.input(0);
  const given = integersAttribute(context.node, "perm");
  const rank = data.shape?.length ?? given?.length;
  if (rank === undefined) return [tensorFacts(data.dataType, undefined)];
  const order = given ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  const isOrder = order.length === rank && [...order].toSorted((a, b) => a - b).every((axis, index) => axis === index);
  if (!isOrder) context.fail(`has perm ${formatShape(order)} for an input of rank ${rank}`);
  const shape = data.shape === undefined ? context.unknownShape(0, rank) : order.map((axis) => data.shape?.[axis] ?? 1);
  return [
    moved(data, shape, (index) => {
      const source = [...index];
      for (const [position, axis] of order.entries()) source[axis] = index[position] ?? 0;
      return source;
    }),
  ];
}

/** The input broadcast against a shape. */
function expand(context: ShapeContext): readonly Facts[] {
  const [data, target] = [context.input(0), context.input(1)];
  const rank = target.elements?.length ?? target.shape?.[0];
  if (data.shape === undefined || typeof rank !== "number") return [tensorFacts(data.dataType, undefined)];
  const wanted = target.elements ?? Array.from({ length: rank }, () => null);
  const total = Math.max(rank, data.shape.length);
  const shape = Array.from({ length: total }, (_, axis): Extent => {
    const own = data.shape?.[axis - total + data.shape.length] ?? 1;
    const asked = axis < total - rank ? 1 : wanted[axis - total + rank];
    if (asked === null || asked === undefined || (typeof asked === "number" && asked < 0)) {
      // What broadcasts against a number other than 1 does not change it.
      return typeof own === "number" && own > 1 ? own : context.unknownExtent(0, axis);
    }
    return broadcastShapes([[own], [asked]], context)?.[0] ?? own;
  });
  return [moved(data, shape, (index) => index)];
}

/** Each axis as often as the second input says. */
function tile(context: ShapeContext): readonly Facts[] {
  const [data, repeats] = [context.input(0), context.input(1)];
  const rank = data.shape?.length ?? repeats.elements?.length ?? repeats.shape?.[0];
  if (typeof rank !== "number") return [tensorFacts(data.dataType, undefined)];
  const count = repeats.elements?.length ?? repeats.shape?.[0];
  if (typeof count === "number" && count !== rank) context.fail(`has ${count} repeats for an input of rank ${rank}`);
  const shape = Array.from({ length: rank }, (_, axis) => {
    const [own, times] = [data.shape?.[axis], repeats.elements?.[axis]];
    return own === undefined || times === undefined || times === null
      ? context.unknownExtent(0, axis)
      : multiply(own, times);
  });
  return [moved(data, shape, (index) => index.map((position, axis) => position % Number(data.shape?.[axis])))];
}

/** The inputs one after another along an axis. */
function concat(context: ShapeContext): readonly Facts[] {
  const inputs = context.inputs.map((_, index) => context.input(index));
  const dataType = commonType(inputs, context);
  const shapes = inputs.map(({ shape }) => shape).filter((shape) => shape !== undefined);
  const [first] = shapes;
  if (first === undefined) return [tensorFacts(dataType, undefined)];
  const axis = normalizedAxis(integerAttribute(context.node, "axis", 0), first.length, context);
  const fail = (): never => context.fail(`cannot join ${shapes.map(formatShape).join(" and ")} along axis ${axis}`);
  if (shapes.some(({ length }) => length !== first.length)) fail();
  // The runtime lets empty tensors take part, whatever their other extents.
  const [full = first, ...others] = shapes.filter((shape) => !shape.includes(0));
  const common = (a: Shape, b: Shape): Shape =>
    a.map((extent, of) => (of === axis ? extent : equalExtent(extent, b[of] ?? 1, { fail })));
  const isComplete = shapes.length === inputs.length;
  const length = isComplete ? shapes.map((each) => each[axis] ?? 1).reduce(add) : context.unknownExtent(0, axis);
  const shape = others.reduce(common, full).with(axis, length);
  return [tensorFacts(dataType, shape, joined(inputs, shape, axis))];
}

function joined(inputs: readonly Facts[], shape: Shape, axis: number): Elements | undefined {
  if (!inputs.some(({ elements }) => elements !== undefined)) return undefined;
  const parts = inputs.map((facts) => ({ shape: facts.shape ?? [], elements: knownOrNulls(facts) }));
  return elementsAt(shape, (index) => {
    let position = index[axis] ?? 0;
    for (const part of parts) {
      const extent = Number(part.shape[axis]);
      if (position < extent) return part.elements?.[offsetOf(part.shape, index.with(axis, position))];
      position -= extent;
    }
    return null;
  });
}

/** Consecutive parts along an axis: of the sizes given, or of equal ones, the last one possibly smaller. */
function split(context: ShapeContext): readonly Facts[] {
  const { node, inputs, input } = context;
  const data = input(0);
  const { shape } = data;
  const count = node.outputs.length;
  if (shape === undefined) return node.outputs.map(() => tensorFacts(data.dataType, undefined));
  const axis = normalizedAxis(integerAttribute(node, "axis", 0), shape.length, context);
  const extent = shape[axis] ?? 1;
  const sizes = inputs[1] === undefined ? equalParts(context, extent) : givenParts(context, inputs[1], extent);
  let start: number | undefined = 0;
  return Array.from({ length: count }, (_, output) => {
    const size = sizes?.[output] ?? context.unknownExtent(output, axis);
    const from = start;
    start = typeof size === "number" && start !== undefined ? start + size : undefined;
    const part = shape.with(axis, size);
    if (from === undefined) return tensorFacts(data.dataType, part);
    return moved(data, part, (index) => index.with(axis, (index[axis] ?? 0) + from));
  });
}

function givenParts({ node, fail }: ShapeContext, given: Facts, extent: Extent): Elements | undefined {
  const sizes = given.elements;
  if (sizes === undefined) return undefined;
  if (sizes.length !== node.outputs.length) fail(`has ${sizes.length} sizes for ${node.outputs.length} outputs`);
  const numbers = knownNumbers(given);
  const total = numbers?.reduce((sum, size) => sum + size, 0);
  if (total !== undefined && typeof extent === "number" && total !== extent) {
    fail(`splits an extent of ${extent} into ${sizes.join(" + ")}`);
  }
  if (sizes.filter((size) => size === null).length !== 1) return sizes;
  // A single size that is left is what the others leave.
  const left = sizes.filter((size) => size !== null).reduce(subtract, extent);
  return sizes.map((size) => size ?? left);
}

function equalParts({ node, fail }: ShapeContext, extent: Extent): Elements | undefined {
  const count = integerAttribute(node, "num_outputs", node.outputs.length);
  if (count !== node.outputs.length) fail(`has num_outputs ${count} and ${node.outputs.length} outputs`);
  const size = ceilDivide(extent, count);
  const last = subtract(extent, multiply(size, count - 1));
  if (typeof last === "number" && last < 0) return undefined;
  return Array.from({ length: count }, (_, output) => (output < count - 1 ? size : last));
}

/** A range with a step of some axes. */
function slice(context: ShapeContext): readonly Facts[] {
  const { inputs, input, fail } = context;
  const data = input(0);
  const { shape } = data;
  if (shape === undefined) return [tensorFacts(data.dataType, undefined)];
  const [starts, ends] = [input(1), input(2)];
  const axes = slicedAxes(context);
  if (axes === undefined) return [tensorFacts(data.dataType, context.unknownShape(0, shape.length))];
  const sliced = [...shape];
  const from = shape.map(() => 0);
  const by = shape.map(() => 1);
  let isPlaced = true;
  for (const [position, given] of axes.entries()) {
    const axis = normalizedAxis(given, shape.length, context);
    const [extent, start, end] = [
      shape[axis] ?? 1,
      starts.elements?.[position] ?? null,
      ends.elements?.[position] ?? null,
    ];
    const step = inputs[4] === undefined ? 1 : (inputs[4].elements?.[position] ?? null);
    if (step === 0) fail(`has step 0 along axis ${axis}`);
    const range =
      start === null || end === null || typeof step !== "number" ? undefined : slicedExtent(extent, start, end, step);
    sliced[axis] = range ?? context.unknownExtent(0, axis);
    if (typeof start !== "number" || typeof extent !== "number" || typeof step !== "number") isPlaced = false;
    else {
      from[axis] = Math.min(Math.max(start < 0 ? start + extent : start, 0), step > 0 ? extent : extent - 1);
      by[axis] = step;
    }
  }
  if (!isPlaced) return [tensorFacts(data.dataType, sliced)];
  return [
    moved(data, sliced, (index) => index.map((position, axis) => (from[axis] ?? 0) + position * (by[axis] ?? 1))),
  ];
}

function slicedAxes({ inputs, input, fail }: ShapeContext): readonly number[] | undefined {
  const [starts, ends] = [input(1), input(2)];
  const count = starts.elements?.length ?? starts.shape?.[0] ?? ends.shape?.[0];
  if (inputs[3] === undefined)
    return typeof count === "number" ? Array.from({ length: count }, (_, axis) => axis) : undefined;
  const axes = knownNumbers(inputs[3]);
  if (axes !== undefined && typeof count === "number" && axes.length !== count) {
    fail(`has ${count} starts for ${axes.length} axes`);
  }
  return axes;
}

/** Axes with elements added, or removed by negative pads, before and after. */
function pad(context: ShapeContext): readonly Facts[] {
  const { node, inputs, input, fail } = context;
  const data = input(0);
  const { shape } = data;
  if (shape === undefined) return [tensorFacts(data.dataType, undefined)];
  const axes =
    inputs[3] === undefined
      ? [...shape.keys()]
      : knownNumbers(inputs[3])?.map((axis) => normalizedAxis(axis, shape.length, context));
  if (axes === undefined) return [tensorFacts(data.dataType, context.unknownShape(0, shape.length))];
  const pads = input(1);
  const count = pads.elements?.length ?? pads.shape?.[0];
  if (typeof count === "number" && count !== 2 * axes.length) fail(`has ${count} pads for ${axes.length} axes`);
  const padded = [...shape];
  const before = shape.map(() => 0);
  let isPlaced = true;
  for (const [position, axis] of axes.entries()) {
    const [first, last] = [pads.elements?.[position] ?? null, pads.elements?.[position + axes.length] ?? null];
    const extent =
      first === null || last === null ? context.unknownExtent(0, axis) : add(shape[axis] ?? 1, add(first, last));
    if (typeof extent === "number" && extent < 0)
      fail(`removes more than there is: ${formatShape(shape)} by ${pads.elements?.join(", ") ?? ""}`);
    padded[axis] = extent;
    if (typeof first === "number") before[axis] = first;
    else isPlaced = false;
  }
  const isConstant = (stringAttribute(node, "mode") ?? "constant") === "constant";
  const known = knownOf(data);
  if (known === undefined || !isPlaced || !isConstant) return [tensorFacts(data.dataType, padded)];
  const filling = inputs[2] === undefined ? 0 : knownOf(inputs[2])?.[0];
  const elements = elementsAt(padded, (index) => {
    const source = index.map((position, axis) => position - (before[axis] ?? 0));
    const isInside = source.every((position, axis) => position >= 0 && position < Number(shape[axis]));
    return isInside ? known[offsetOf(shape, source)] : filling;
  });
  return [tensorFacts(data.dataType, padded, elements)];
}

/** [N, C·b², H, W] -> [N, C, H·b, W·b]. */
function depthToSpace(context: ShapeContext): readonly Facts[] {
  const [[batch, channels, height, width], block, unknown] = imageOf(context);
  const area = block * block;
  if (typeof channels === "number" && channels % area !== 0)
    context.fail(`cannot make blocks of ${block} x ${block} out of ${channels} channels`);
  const shape = [
    batch,
    channels && floorDivide(channels, area),
    height && multiply(height, block),
    width && multiply(width, block),
  ];
  return [
    tensorFacts(
      context.input(0).dataType,
      shape.map((extent, axis) => extent ?? unknown[axis] ?? 1),
    ),
  ];
}

/** [N, C, H·b, W·b] -> [N, C·b², H, W]. */
function spaceToDepth(context: ShapeContext): readonly Facts[] {
  const [[batch, channels, height, width], block, unknown] = imageOf(context);
  for (const extent of [height, width]) {
    if (typeof extent === "number" && extent % block !== 0)
      context.fail(`cannot divide an extent of ${extent} into blocks of ${block}`);
  }
  const shape = [
    batch,
    channels && multiply(channels, block * block),
    height && floorDivide(height, block),
    width && floorDivide(width, block),
  ];
  return [
    tensorFacts(
      context.input(0).dataType,
      shape.map((extent, axis) => extent ?? unknown[axis] ?? 1),
    ),
  ];
}

function imageOf(context: ShapeContext): readonly [shape: Shape, block: number, unknown: Shape] {
  const shape = context.shape(0);
  if (shape !== undefined && shape.length !== 4)
    context.fail(`needs an input [N, C, H, W], but has ${formatShape(shape)}`);
  const block = integerAttribute(context.node, "blocksize", 0);
  if (block < 1) context.fail(`has blocksize ${block}`);
  return [shape ?? [], block, context.unknownShape(0, 4)];
}

/** Some axes, by default all, cropped or padded to the extents given. */
function centerCropPad(context: ShapeContext): readonly Facts[] {
  const { dataType, shape } = context.input(0);
  if (shape === undefined) return [tensorFacts(dataType, undefined)];
  const axes = integersAttribute(context.node, "axes") ?? [...shape.keys()];
  const targets = context.input(1).elements;
  const result = [...shape];
  for (const [position, given] of axes.entries()) {
    const axis = normalizedAxis(given, shape.length, context);
    result[axis] = targets?.[position] ?? context.unknownExtent(0, axis);
  }
  return [tensorFacts(dataType, result)];
}

/** The input with 0 below (`upper`) or above its k-th diagonal. */
function trilu(context: ShapeContext): readonly Facts[] {
  const { node, inputs, input, fail } = context;
  const data = input(0);
  const { shape } = data;
  if (shape !== undefined && shape.length < 2) fail(`needs matrices, but has ${formatShape(shape)}`);
  const diagonal = inputs[1] === undefined ? 0 : knownOf(inputs[1])?.[0];
  const known = knownOf(data);
  if (shape === undefined || known === undefined || typeof diagonal !== "number")
    return [tensorFacts(data.dataType, shape)];
  const isUpper = integerAttribute(node, "upper", 1) !== 0;
  const elements = elementsAt(shape, (index) => {
    const [row = 0, column = 0] = index.slice(-2);
    const isKept = isUpper ? column >= row + diagonal : column <= row + diagonal;
    return isKept ? known[offsetOf(shape, index)] : 0;
  });
  return [tensorFacts(data.dataType, shape, elements)];
}

/** Each sequence of a batch reversed up to its length. */
function reverseSequence({ input }: ShapeContext): readonly Facts[] {
  const { dataType, shape } = input(0);
  return [tensorFacts(dataType, shape)];
}

/** Operators that move elements: joining, cutting, padding, repeating, reordering. */
export const movements: ShapeRules = {
  CenterCropPad: centerCropPad,
  Concat: concat,
  DepthToSpace: depthToSpace,
  Expand: expand,
  Pad: pad,
  ReverseSequence: reverseSequence,
  Slice: slice,
  SpaceToDepth: spaceToDepth,
  Split: split,
  Tile: tile,
  Transpose: transpose,
  Trilu: trilu,
};
