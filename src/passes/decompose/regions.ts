import type { Value } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import {
  describeNode,
  floatAttribute,
  integerAttribute,
  integersAttribute,
  type Node,
  stringAttribute,
} from "../../graph/model.js";
import { type Operand, type Operators, range } from "../../graph/operators.js";
import { type Extent, product } from "../../graph/shapes/extent.js";
import { type Decompositions, decomposition } from "./decomposition.js";
import { lastPlace, neighbours, pixelTable, weightedPixels } from "./pixels.js";

/** Regions of images X [N, C, H, W], pooled to [regions, C, height, width]. */
export const regions: Decompositions = {
  /**
   * In each bin of each region the mean over sampling points that are read between the pixels; or the maximum over the
   * pixels around all points, each times its weight, as ONNX Runtime has it. As in PyTorch, regions get no gradient.
   */
  RoiAlign: decomposition(3, ({ g, node, inputs: [x, given, images] }) => {
    const [, , height = 1, width = 1] = g.shape(x);
    const isHalfPixel = (stringAttribute(node, "coordinate_transformation_mode") ?? "half_pixel") === "half_pixel";
    const scaled = g.mul(withoutGradient(g, given), floatAttribute(node, "spatial_scale", 1));
    const [left, top, right, bottom] = g.split(isHalfPixel ? g.sub(scaled, 0.5) : scaled, 4, 1);
    if (left === undefined || top === undefined || right === undefined || bottom === undefined) {
      return g.unreachable(node.opType);
    }
    const along = (axis: SampledAxis) =>
      samplesAlong(g, axis, integerAttribute(node, "sampling_ratio", 0), isHalfPixel);
    const rows = along({ from: top, to: bottom, bins: integerAttribute(node, "output_height", 1), extent: height });
    const columns = along({ from: left, to: right, bins: integerAttribute(node, "output_width", 1), extent: width });

    const table = pixelTable(g, x);
    const indices = pixelIndices(g, images, rows.places, columns.places, height, width);
    const weights = pairs(g, rows.weights, columns.weights, (row, column) => g.mul(row, column));
    if (stringAttribute(node, "mode") !== "max") {
      const count = g.mul(rows.count, columns.count);
      return [channelsSecond(g, g.div(weightedPixels(g, table, indices, weights), g.unsqueeze(count, [2, 3])))];
    }
    const products = g.mul(g.gather(table, indices, 0), g.unsqueeze(weights, [-1]));
    if (rows.isSample === undefined || columns.isSample === undefined) {
      return [channelsSecond(g, g.reduceMax(products, [3], false))];
    }
    const isSample = g.unsqueeze(
      pairs(g, rows.isSample, columns.isSample, (row, column) => g.and(row, column)),
      [-1],
    );
    const greatest = g.reduceMax(g.where(isSample, products, -Infinity), [3], false);
    return [channelsSecond(g, g.where(g.equal(greatest, -Infinity), 0, greatest))];
  }),

  /**
   * The maximum over the pixels of each bin of each region; 0 where a bin is outside of the image. Bins overlap, as in
   * Fast R-CNN.
   */
  MaxRoiPool: decomposition(2, ({ g, node, inputs: [x, rois] }) => {
    const [, channels = 1, height = 1, width = 1] = g.shape(x);
    const [pooledHeight, pooledWidth] = pooledShape(node);
    const [images, left, top, right, bottom] = g.split(rois, 5, 1);
    if (
      images === undefined ||
      left === undefined ||
      top === undefined ||
      right === undefined ||
      bottom === undefined
    ) {
      return g.unreachable(node.opType);
    }
    const place = (corner: Value) => nearestPlace(g, g.mul(corner, floatAttribute(node, "spatial_scale", 1)));
    const rows = binsAlong(g, { from: place(top), to: place(bottom), bins: pooledHeight, extent: height });
    const columns = binsAlong(g, { from: place(left), to: place(right), bins: pooledWidth, extent: width });

    const table = pixelTable(g, x);
    const image = g.cast(g.squeeze(images, [1]), "int64");
    const indices = pixelIndices(g, image, rows.places, columns.places, height, width);
    const isInBin = pairs(g, rows.isInBin, columns.isInBin, (row, column) => g.and(row, column));
    const candidates = g.where(g.unsqueeze(isInBin, [-1]), g.gather(table, indices, 0), -Infinity);
    const first = g.op("ArgMax", [candidates], { axis: 3, keepdims: 0 });
    const pixel = g.op("GatherElements", [indices, first], { axis: 3 });
    const element = g.add(g.mul(pixel, g.integer(channels)), g.range(channels));
    const greatest = g.gather(g.reshape(table, [-1]), element, 0);
    const isEmpty = g.not(g.cast(g.reduceMax(g.cast(isInBin, "int32"), [3]), "bool"));
    return [channelsSecond(g, g.where(isEmpty, 0, greatest))];
  }),
};

/** One axis of all regions. */
interface SampledAxis {
  /** Where each region begins and ends: [regions, 1]. */
  readonly from: Value;
  readonly to: Value;
  readonly bins: number;
  /** The extent of the image. */
  readonly extent: Extent;
}

/**
 * The pixels around the sampling points of each bin along one axis, [regions, bins, pixels], and how many points there
 * are in a bin, [regions, 1] or for all the same. `isSample` where regions have different numbers of points, and some
 * are none.
 */
interface Samples {
  readonly places: Value;
  readonly weights: Value;
  readonly count: Value;
  readonly isSample: Value | undefined;
}

/**
 * Point i of bin b is at from + (b + (i + ½)/count)·size/bins; count is the sampling ratio or, where that is 0,
 * ⌈size/bins⌉.
 */
function samplesAlong(
  g: Operators,
  { from, to, bins, extent }: SampledAxis,
  samplingRatio: number,
  isHalfPixel: boolean,
): Samples {
  const dataType = from.dataType;
  const size = isHalfPixel ? g.sub(to, from) : g.max(g.sub(to, from), 1);
  const bin = g.unsqueeze(g.div(size, bins), [2]);
  const isAdaptive = samplingRatio <= 0;
  const wanted = isAdaptive ? g.op("Ceil", [bin]) : g.tensor(dataType, [1, 1, 1], [samplingRatio]);
  const count = isAdaptive ? g.max(wanted, 1) : wanted;
  const most = isAdaptive ? greatestOf(g, count) : samplingRatio;
  const steps = g.cast(g.range(most), dataType);
  const inBin = g.div(g.add(steps, 0.5), count);
  const binStarts = g.tensor(dataType, [bins, 1], range(bins));
  const points = g.add(g.unsqueeze(from, [2]), g.mul(g.add(binStarts, inBin), bin));

  const end = lastPlace(g, extent, dataType, 0);
  const isInside = g.and(g.greaterOrEqual(points, -1), g.lessOrEqual(points, end));
  const isSample = isAdaptive ? g.less(steps, wanted) : undefined;
  const isRead = isSample === undefined ? isInside : g.and(isInside, isSample);
  const last = lastPlace(g, extent, dataType);
  const around = neighbours(g, g.min(g.max(points, 0), last));
  const flat = (values: Value) => mergedFrom(g, values, 2);
  return {
    places: flat(g.cast(g.min(around.places, last), "int64")),
    weights: flat(g.where(g.unsqueeze(isRead, [-1]), around.weights, 0)),
    count: g.squeeze(count, [2]),
    isSample:
      isSample &&
      flat(
        g.concat(
          [isSample, isSample].map((half) => g.unsqueeze(half, [-1])),
          -1,
        ),
      ),
  };
}

/** The pixels of each bin along one axis, [regions, bins, pixels]: bins have different numbers of them. */
interface Bins {
  readonly places: Value;
  readonly isInBin: Value;
}

/** Bin b takes the pixels from ⌊b·size/bins⌋ up to ⌈(b + 1)·size/bins⌉ of its region, whose size is at least 1. */
function binsAlong(g: Operators, { from, to, bins, extent }: SampledAxis): Bins {
  const bin = g.div(g.max(g.add(g.sub(to, from), 1), 1), bins);
  const numbers = g.tensor(from.dataType, [bins], range(bins));
  const end = lastPlace(g, extent, from.dataType, 0);
  const within = (place: Value) => g.cast(g.min(g.max(g.add(place, from), 0), end), "int64");
  const first = within(g.op("Floor", [g.mul(numbers, bin)]));
  const behind = within(g.op("Ceil", [g.mul(g.add(numbers, 1), bin)]));
  const most = greatestOf(g, g.sub(behind, first));
  const places = g.add(g.unsqueeze(first, [2]), g.range(most));
  const isInBin = g.less(places, g.unsqueeze(behind, [2]));
  return { places: g.min(places, minusOne(g, extent)), isInBin };
}

function minusOne(g: Operators, extent: Extent): Operand {
  return typeof extent === "number" ? extent - 1 : g.sub(g.extent(extent), 1);
}

/** Rounded half away from zero, to whole numbers. */
function nearestPlace(g: Operators, x: Value): Value {
  return g.mul(g.sign(x), g.op("Floor", [g.add(g.abs(x), 0.5)]));
}

/** The greatest of all values, a scalar of int64; 1 where there are none or all are smaller. */
function greatestOf(g: Operators, values: Value): Value {
  const flat = g.reshape(g.cast(values, "int64"), [-1]);
  return g.reduceMax(g.concat([flat, g.integers([1])], 0), [0], false);
}

/** Pixels of rows and columns in a table of all pixels: [regions, height, width, pixels]. @param images by region */
function pixelIndices(g: Operators, images: Value, rows: Value, columns: Value, height: Extent, width: Extent): Value {
  const inImage = pairs(g, g.mul(rows, g.integer(width)), columns, (row, column) => g.add(row, column));
  return g.add(inImage, g.unsqueeze(g.mul(images, g.integer(product([height, width]))), [1, 2, 3]));
}

/** What rows [regions, height, a] and columns [regions, width, b] are together: [regions, height, width, a·b]. */
function pairs(g: Operators, rows: Value, columns: Value, combine: (row: Value, column: Value) => Value): Value {
  return mergedFrom(g, combine(g.unsqueeze(rows, [2, 4]), g.unsqueeze(columns, [1, 3])), 3);
}

/** All axes from one on as one. */
function mergedFrom(g: Operators, x: Value, axis: number): Value {
  const shape = g.shape(x);
  return g.reshape(x, [...shape.slice(0, axis), product(shape.slice(axis))]);
}

function channelsSecond(g: Operators, pooled: Value): Value {
  return g.transpose(pooled, [0, 3, 1, 2]);
}

/**
 * The same numbers, which for a gradient are constant: rounded where that changes no digit, or those behind the last
 * one of 1.
 */
function withoutGradient(g: Operators, x: Value): Value {
  const digits = 2 ** (x.dataType === "float64" ? 52 : 23);
  return g.div(g.op("Round", [g.mul(x, digits)]), digits);
}

function pooledShape(node: Node): readonly [number, number] {
  const [height, width] = integersAttribute(node, "pooled_shape") ?? [];
  if (height === undefined || width === undefined) {
    throw new InputError(describeNode(node), "lacks its attribute pooled_shape");
  }
  return [height, width];
}
