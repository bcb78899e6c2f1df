import type { Value } from "./emitter.js";
import { type Operators, range } from "./operators.js";
import { product } from "./shapes/extent.js";
import { overhang, padded, tapCount, type Windows } from "./windows.js";

/**
 * What all windows read of x [N, C, spatial], batch last: [C, taps, counts, N]. One Gather, on all threads, of rows as
 * long as the batch. Extents must be known: see {@link sizeOfColumns}.
 */
export function columnsOf(g: Operators, x: Value, windows: readonly Windows[]): Value {
  const spatial = windows.map((_, axis) => axis + 2);
  const plane = padded(g, g.transpose(x, [1, ...spatial, 0]), windows, 1);
  const extents = g.shape(plane).slice(1, -1);
  const rows = g.reshape(plane, [g.shape(x)[1] ?? 1, product(extents), g.shape(x)[0] ?? 1]);
  return g.gather(rows, g.reshape(positions(g, windows, extents.map(Number)), [tapCount(windows), -1]), 1);
}

/** How many elements the columns of one image have; undefined where extents are not known. */
export function sizeOfColumns(channels: number, windows: readonly Windows[]): number | undefined {
  const reach = [...windows.map(({ begin }) => begin), ...windows.map(overhang), ...windows.map(({ input }) => input)];
  const count = product(windows.map((window) => window.count));
  if (typeof count !== "number" || reach.some((extent) => typeof extent !== "number")) return undefined;
  return channels * tapCount(windows) * count;
}

/** Where in a plane each tap of each window is, [taps..., counts...]: the sum of what each axis adds. */
function positions(g: Operators, windows: readonly Windows[], extents: readonly number[]): Value {
  const rank = windows.length;
  const along = (axis: number, place: number, numbers: readonly number[]) => {
    const step = extents.slice(axis + 1).reduce((size, extent) => size * extent, 1);
    const shape = range(2 * rank).map((other) => (other === place ? numbers.length : 1));
    return g.tensor(
      "int64",
      shape,
      numbers.map((number) => number * step),
    );
  };
  return windows
    .flatMap(({ taps, stride, dilation, count }, axis) => [
      along(
        axis,
        axis,
        range(taps).map((tap) => tap * dilation),
      ),
      along(
        axis,
        rank + axis,
        range(Number(count)).map((index) => index * stride),
      ),
    ])
    .reduce((sum, part) => g.add(sum, part));
}
