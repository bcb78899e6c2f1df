import type { Value } from "../../graph/emitter.js";
import type { Operand, Operators } from "../../graph/operators.js";
import { range } from "../../graph/operators.js";
import { type Extent, product } from "../../graph/shapes/extent.js";

/** The two pixels around each point along one axis, and what weighs them: [..., 2]. */
export interface Neighbours {
  readonly places: Value;
  readonly weights: Value;
}

/** X [images, channels, ...image] as a table with a row of channels for each pixel of each image. */
export function pixelTable(g: Operators, x: Value): Value {
  const [images = 1, channels = 1, ...image] = g.shape(x);
  const channelsLast = g.transpose(x, [0, ...range(image.length).map((axis) => axis + 2), 1]);
  return g.reshape(channelsLast, [product([images, ...image]), channels]);
}

/**
 * Linear interpolation between the pixels before and after each point: pixels ⌊p⌋ and ⌊p⌋ + 1, weights 1 − (p − ⌊p⌋)
 * and p − ⌊p⌋.
 */
export function neighbours(g: Operators, points: Value): Neighbours {
  const before = g.op("Floor", [points]);
  const fraction = g.sub(points, before);
  const places = g.add(g.unsqueeze(before, [-1]), g.tensor(points.dataType, [2], [0, 1]));
  const weights = g.concat([g.unsqueeze(g.sub(1, fraction), [-1]), g.unsqueeze(fraction, [-1])], -1);
  return { places, weights };
}

/** The last pixel of an axis, or the number of pixels less so many. */
export function lastPlace(g: Operators, extent: Extent, dataType: Value["dataType"], less = 1): Operand {
  return typeof extent === "number" ? extent - less : g.sub(g.cast(g.extent(extent), dataType), less);
}

/** Sums of pixels: weights [..., count] of rows of a table, named by indices of the same shape -> [..., channels]. */
export function weightedPixels(g: Operators, table: Value, indices: Value, weights: Value): Value {
  return g.squeeze(g.matMul(g.unsqueeze(weights, [-2]), g.gather(table, indices, 0)), [-2]);
}
