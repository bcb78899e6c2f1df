import type { Value } from "../../graph/emitter.js";
import { integerAttribute } from "../../graph/model.js";
import { type Operators, range } from "../../graph/operators.js";
import { type Extent, product, type Shape } from "../../graph/shapes/extent.js";
import { weightExtents } from "../gradient/convolve.js";
import { tapCount, type Windows, windowsOf } from "../../graph/windows.js";
import { type Decompositions, decomposition } from "./decomposition.js";
import { lastPlace, type Neighbours, neighbours, pixelTable, weightedPixels } from "./pixels.js";

/** Convolutions that read between the pixels. */
export const deformableConvolutions: Decompositions = {
  /**
   * A convolution that reads X at each tap's place plus an offset, between the pixels, times a mask: Y[n, m, o] = Σ_{c,
   * tap} W[m, c, tap]·mask[n, tap, o]·X(n, c, o·stride + tap·dilation − begin + offset[n, tap, o]) + B[m]. X is 0
   * outside. Each of `offset_group` groups of channels has its own offsets.
   */
  DeformConv: decomposition(3, ({ g, node, inputs: [x, w, offset, b, mask] }) => {
    const { outputChannels, inputChannelsPerGroup, taps: kernel } = weightExtents(g, node, w);
    const [group, offsetGroup] = [integerAttribute(node, "group", 1), integerAttribute(node, "offset_group", 1)];
    const channels = (inputChannelsPerGroup * group) / offsetGroup;
    const [batch = 1, , ...image] = g.shape(x);
    const counts = g.shape(offset).slice(2);
    const windows = windowsOf(node, image, counts, kernel);
    const [taps, positions] = [product(kernel), product(counts)];

    // Each group of channels of an image is an image of its own, read at all taps of all positions.
    const images = product([batch, offsetGroup]);
    const points = product([taps, positions]);
    const shifts = g.reshape(offset, [images, taps, windows.length, positions]);
    const axes = image.map((extent, axis) => {
      const shift = g.reshape(g.slice(shifts, 2, axis, axis + 1), [images, taps, positions]);
      const places = g.add(shift, tapPlaces(g, windows, axis, x.dataType));
      return insideOnly(g, neighbours(g, g.reshape(places, [images, points])), extent);
    });
    const weights = combined(
      g,
      axes.map((axis) => axis.weights),
      (all, own) => g.mul(all, own),
    );
    const masked = mask === undefined ? weights : g.mul(weights, g.reshape(mask, [images, points, 1]));
    const indices = g.add(pixelIndices(g, axes, image), g.reshape(firstPixels(g, images, image), [images, 1, 1]));
    const read = weightedPixels(g, pixelTable(g, g.reshape(x, [images, channels, ...image])), indices, masked);

    const perTap = g.transpose(g.reshape(read, [batch, offsetGroup, taps, positions, channels]), [0, 1, 4, 2, 3]);
    const inner = product([inputChannelsPerGroup, taps]);
    const y = g.matMul(
      g.reshape(w, [group, outputChannels / group, inner]),
      g.reshape(perTap, [batch, group, inner, positions]),
    );
    const shaped = g.reshape(y, [batch, outputChannels, ...counts]);
    return [
      b === undefined
        ? shaped
        : g.add(
            shaped,
            g.unsqueeze(
              b,
              range(counts.length).map((axis) => axis + 1),
            ),
          ),
    ];
  }),
};

/** Where the taps read along one axis before they are shifted: o·stride + tap·dilation − begin, [taps, positions]. */
function tapPlaces(g: Operators, windows: readonly Windows[], axis: number, dataType: Value["dataType"]): Value {
  const counts = windows.map(({ count }) => count);
  const { stride = 1, dilation = 1, begin = 0 } = windows[axis] ?? {};
  const starts = g.sub(g.mul(g.range(counts[axis] ?? 1), stride), g.integer(begin));
  const along = g.reshape(starts, [-1, ...counts.slice(axis + 1).map(() => 1)]);
  const behind = tapCount(windows.slice(axis + 1));
  const all = tapCount(windows);
  const own = range(all).map((tap) => (Math.floor(tap / behind) % (windows[axis]?.taps ?? 1)) * dilation);
  const places = g.add(g.reshape(g.expand(along, counts), [1, product(counts)]), g.tensor("int64", [all, 1], own));
  return g.cast(places, dataType);
}

/** Pixels outside weigh nothing. */
function insideOnly(g: Operators, { places, weights }: Neighbours, extent: Extent): Neighbours {
  const nearest = g.min(g.max(places, 0), lastPlace(g, extent, places.dataType));
  return { places: nearest, weights: g.where(g.equal(nearest, places), weights, 0) };
}

/** The first pixel of each image in a table of all pixels. */
function firstPixels(g: Operators, images: Extent, image: Shape): Value {
  return g.mul(g.range(images), g.integer(product(image)));
}

/** The pixels around each point, counted row-major through the image. */
function pixelIndices(g: Operators, axes: readonly Neighbours[], image: Shape): Value {
  const scaled = axes.map(({ places }, axis) =>
    g.mul(g.cast(places, "int64"), g.integer(product(image.slice(axis + 1)))),
  );
  return combined(g, scaled, (all, own) => g.add(all, own));
}

/** All combinations of what each axis has, [images, points, 2] -> [images, points, 4, ...]. */
function combined(g: Operators, axes: readonly Value[], combine: (all: Value, own: Value) => Value): Value {
  return axes.reduce((all, own) => g.reshape(combine(g.unsqueeze(all, [3]), g.unsqueeze(own, [2])), [0, 0, -1]));
}
