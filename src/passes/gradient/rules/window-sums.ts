import type { DataType } from "../../../graph/data-type.js";
import type { Value } from "../../../graph/emitter.js";
import { type Operand, type Operators, range } from "../../../graph/operators.js";
import { add, type Extent, isAtLeast } from "../../../graph/shapes/extent.js";
import { transposedConvolve } from "../convolve.js";
import { overhang, span, tapCount, type Windows } from "../../../graph/windows.js";

/**
 * For each element of x [N, C, spatial] the sum of the values [N, C, counts] of all windows that it is in, times a
 * factor: a transposed convolution of each channel with a kernel of ones. Where windows move by 1, that is a pooling
 * again, at a quarter of the time.
 */
export function windowSums(g: Operators, values: Value, x: Value, windows: readonly Windows[], factor = 1): Value {
  const taps = tapCount(windows);
  const pads = mirroredPads(windows);
  if (pads !== undefined) {
    const mean = g.op("AveragePool", [values], {
      kernel_shape: windows.map((window) => window.taps),
      // Opsets before 19 know none.
      ...(windows.every(({ dilation }) => dilation === 1)
        ? {}
        : { dilations: windows.map(({ dilation }) => dilation) }),
      pads,
      count_include_pad: 1,
    });
    return g.mul(mean, factor * taps);
  }
  const kernel = windows.map((window) => window.taps);
  const weights = g.tensor(
    values.dataType,
    [1, 1, ...kernel],
    range(taps).map(() => factor),
  );
  const channels = g.reshape(values, g.integers([-1, 1, ...kernel.map(() => 0)]));
  return g.reshapeLike(transposedConvolve(g, channels, { weights, windows, group: 1 }), x);
}

/**
 * The same for values that are divided by the number of elements of their window. @param isPaddingCounted whether
 * padding counts, too
 */
export function meanOfWindows(
  g: Operators,
  values: Value,
  x: Value,
  windows: readonly Windows[],
  isPaddingCounted: boolean,
): Value {
  const counts = windows.map((window) => elementCounts(g, window, isPaddingCounted, values.dataType));
  const partial = counts.flatMap((count, axis) =>
    typeof count === "number"
      ? []
      : [
          g.unsqueeze(
            count,
            range(windows.length - axis - 1).map((behind) => behind + 1),
          ),
        ],
  );
  const factor = counts.reduce<number>((product, count) => (typeof count === "number" ? product / count : product), 1);
  const [first, ...others] = partial;
  if (first === undefined) return windowSums(g, values, x, windows, factor);
  const divisor = others.reduce((product, count) => g.mul(product, count), first);
  return windowSums(g, g.div(values, divisor), x, windows, factor);
}

/** How many elements each window has along an axis: the number of taps where all windows are full, else a vector. */
function elementCounts(g: Operators, window: Windows, isPaddingCounted: boolean, dataType: DataType): Operand {
  const { taps, stride, dilation, begin, end, input, count } = window;
  const [low, high] = isPaddingCounted ? [0, add(add(begin, input), end)] : [begin, add(begin, input)];
  // Positions counted from the first one of the first window, in the padding.
  const last = add(overhang(window), add(begin, input));
  if (low === 0 && isAtLeast(high, last)) return taps;
  if (typeof count === "number" && typeof low === "number" && typeof high === "number") {
    const counts = range(count).map((position) => {
      const read = range(taps).map((tap) => position * stride + tap * dilation);
      return read.filter((at) => at >= low && at < high).length;
    });
    return g.tensor(dataType, [count], counts);
  }
  const starts = g.mul(g.range(count), stride);
  const offsets = g.integers(range(taps).map((tap) => tap * dilation));
  const read = g.add(g.unsqueeze(starts, [1]), offsets);
  const isCounted = g.and(g.greaterOrEqual(read, g.extent(low)), g.less(read, g.extent(high)));
  return g.reduceSum(g.cast(isCounted, dataType), [1], false);
}

/**
 * What the pooling pads that sums up windows which move by 1; undefined where they move further, or it would pad more
 * than a window.
 */
function mirroredPads(windows: readonly Windows[]): readonly number[] | undefined {
  const front = windows.map((window) => pad(window, window.begin));
  const behind = windows.map((window) => pad(window, overhang(window)));
  const pads = [...front, ...behind].filter((extent) => extent !== undefined);
  return pads.length === 2 * windows.length && windows.every(({ stride }) => stride === 1) ? pads : undefined;
}

function pad(window: Windows, reach: Extent): number | undefined {
  const extent = typeof reach === "number" ? span(window) - 1 - reach : -1;
  return extent >= 0 && extent < window.taps ? extent : undefined;
}
