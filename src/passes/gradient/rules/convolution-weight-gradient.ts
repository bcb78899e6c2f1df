import type { Value } from "../../../graph/emitter.js";
import { type Operators, range } from "../../../graph/operators.js";
import { type Extent, product } from "../../../graph/shapes/extent.js";
import type { Convolution, WeightExtents } from "../convolve.js";
import { columnsOf, sizeOfColumns } from "../../../graph/columns.js";
import { overhang, padded, tapCount, tapSlices, type Windows } from "../../../graph/windows.js";

/** A convolution whose weights get a gradient. */
export interface WeightGradientRequest extends Convolution {
  readonly extents: WeightExtents;
  /** What the convolution reads: [N, C, spatial]. */
  readonly input: Value;
  /** The gradient of what it makes: [N, M, counts]. */
  readonly output: Value;
  readonly channelBlock: number | undefined;
}

type Strategy = (g: Operators, request: WeightGradientRequest) => Value;

/**
 * dW[m, c, tap] = Σ_{n, o} dY[n, m, o]·X[n, c, o·stride + tap·dilation − begin], in the shape of the weights. All
 * strategies compute this sum; which one is fast depends on the shape.
 */
export function convolutionWeightGradient(g: Operators, request: WeightGradientRequest): Value {
  const strategy = strategyInBlocks(request) ?? strategyFor(request);
  return g.reshapeLike(strategy(g, request), request.weights);
}

/**
 * By measurements on onnxruntime, 2 threads, as fractions of the time that {@link perTap} takes: {@link byColumns} 0.6 for
 * 3×3 kernels with 16 channels, 0.8 to 1.0 with 32 to 256, 0.2 for 5×5 with 6 and 7×7 with 3. Its columns are as large
 * as the input times the taps, for which larger images have no room, or whose extents are not known. For these, on 1
 * thread, batch 32, as fractions of the time that {@link swapped} takes:
 * - {@link perTap}: 0.3 to 0.5 for 3×3 kernels with 16 to 256 channels at strides 1 and 2, 0.55 to 0.7 for 5×5 and 7×7;
 *   but 1.0 to 1.5 with up to 4 input channels, as the products then have narrow rows. In groups 0.6 with 16 channels
 *   in each, 1.0 with 4.
 * - {@link perImage}: 0.16 for 1×1 kernels (perTap 0.24), as long as the products M×C of all images are not larger than
 *   the data; 0.5 to 0.7 for 3×3 with up to 6 input channels; but 1.1 to 1.8 for larger kernels.
 * - {@link perChannel}: 0.35 to 0.6 for depthwise 3×3 kernels, 0.6 to 0.8 for 5×5.
 */
function strategyFor({ extents, windows, group, output }: WeightGradientRequest): Strategy {
  const { outputChannels, inputChannelsPerGroup } = extents;
  const taps = tapCount(windows);
  if (group === 1 && taps > 1 && hasRoom(sizeOfColumns(inputChannelsPerGroup, windows))) return byColumns;
  if (taps > mostTaps) return swapped;
  if (group > 1 && outputChannels === group && inputChannelsPerGroup === 1) return perChannel;
  if (group > 1) return inputChannelsPerGroup >= 8 ? perTap : swapped;
  const positions = product(output.shape?.slice(2) ?? []);
  const isLarge =
    typeof positions === "number" &&
    outputChannels * inputChannelsPerGroup <= positions * (outputChannels + inputChannelsPerGroup);
  if (taps === 1) return isLarge ? perImage : perTap;
  if (inputChannelsPerGroup >= 8) return perTap;
  return taps <= 9 ? perImage : swapped;
}

/**
 * For convolutions in blocks of channels, measured on onnxruntime 1.32 with blocks of 16 on 2 threads: {@link swapped}
 * takes 0.55 to 0.75 of the time of {@link byColumns} for 3×3 kernels with 16 to 64 channels; as much, or more, with more
 * channels and with strides. {@link perPlane} takes 0.1 to 0.2 of the time of {@link perChannel}.
 */
function strategyInBlocks(request: WeightGradientRequest): Strategy | undefined {
  const { extents, windows, group, input, channelBlock } = request;
  const { outputChannels, inputChannelsPerGroup } = extents;
  const [batch] = input.shape ?? [];
  const isOfImages = windows.length === 2 && input.dataType === "float32";
  if (channelBlock === undefined || typeof batch !== "number" || !isOfImages) return undefined;
  if (padsOf(windows).some((pad) => typeof pad === "string")) return undefined;
  if (group > 1) {
    const isDepthwise = outputChannels === group && inputChannelsPerGroup === 1;
    return isDepthwise && group % channelBlock === 0 ? perPlane : undefined;
  }
  const isFilled = batch % channelBlock === 0 && outputChannels % channelBlock === 0;
  const isNarrow = outputChannels <= 64 && inputChannelsPerGroup <= 64;
  const isPlain = windows.every(({ stride, count }) => stride === 1 && typeof count === "number" && count >= 8);
  return isFilled && isNarrow && isPlain && tapCount(windows) > 1 ? swapped : undefined;
}

/** How far windows reach beyond the input: in front of all axes, behind all axes. */
function padsOf(windows: readonly Windows[]): readonly Extent[] {
  return [...windows.map(({ begin }) => begin), ...windows.map(overhang)];
}

/** Of the columns of an image at most 1 MB of float32. */
function hasRoom(elements: number | undefined): boolean {
  return elements !== undefined && elements <= 2 ** 18;
}

/** Larger kernels would make too many nodes. */
const mostTaps = 64;

/** From as many weights on it is cheaper to have the runtime transpose the columns than their gradient. */
const largestTransposed = 2 ** 18;

/**
 * One product with the {@link columnsOf} all images: dWᵀ = columns·dYᵀ, [taps·C, o·N]·[o·N, M]. With the columns on the
 * left the runtime does not rearrange them: 0.7 to 0.9 of the time of dY·columnsᵀ.
 */
const byColumns: Strategy = (g, { input, output, windows, extents }) => {
  const { outputChannels, inputChannelsPerGroup } = extents;
  const rows = inputChannelsPerGroup * tapCount(windows);
  const columns = g.reshape(columnsOf(g, input, windows), g.integers([rows, -1]));
  const batchLast = g.transpose(output, [1, ...windows.map((_, axis) => axis + 2), 0]);
  const dY = g.reshape(batchLast, g.integers([outputChannels, -1]));
  return rows * outputChannels > largestTransposed
    ? g.matMul(dY, g.transposeLast(columns))
    : g.transposeLast(g.matMul(columns, g.transposeLast(dY)));
};

/**
 * For each tap one product of matrices over all positions of all images, with channels last: dWₜ = dYᵀ·Xₜ, [M,
 * N·o]·[N·o, C]; in groups one product for each.
 */
const perTap: Strategy = (g, { input, output, windows, group, extents }) => {
  const { outputChannels, inputChannelsPerGroup } = extents;
  const spatial = windows.map((_, axis) => axis + 2);
  const isGrouped = group > 1;
  const [batch = 1, , ...extent] = g.shape(input);
  const x = isGrouped
    ? g.transpose(g.reshape(input, [batch, group, inputChannelsPerGroup, ...extent]), [
        1,
        0,
        ...spatial.map((axis) => axis + 1),
        2,
      ])
    : g.transpose(input, [0, ...spatial, 1]);
  const firstAxis = isGrouped ? 2 : 1;
  const groups = isGrouped ? [group] : [];
  const columns = g.integers([...groups, outputChannels / group, -1]);
  const rows = g.integers([...groups, -1, inputChannelsPerGroup]);
  const dY = g.reshape(batchSecond(g, output), columns);
  const products = tapSlices(g, padded(g, x, windows, firstAxis), windows, firstAxis).map((slice) =>
    g.matMul(dY, g.reshape(slice, rows)),
  );
  return stacked(g, products, g.rank(dY));
};

/**
 * For each image one product with its unfolded patches, summed over images: dW = Σ_n dYₙ·columns(Xₙ)ᵀ, [M, o]·[o,
 * taps·C].
 */
const perImage: Strategy = (g, { input, output, windows, extents }) => {
  const { outputChannels, inputChannelsPerGroup } = extents;
  const slices = tapSlices(g, padded(g, input, windows), windows);
  const unfolded = slices.length * inputChannelsPerGroup;
  const columns = g.reshape(g.concat(slices, 1), g.integers([0, unfolded, -1]));
  const dY = g.reshape(output, g.integers([0, outputChannels, -1]));
  const sum = g.reduceSum(g.matMul(dY, g.transposeLast(columns)), [0], false);
  return g.transposeLast(g.reshape(sum, [outputChannels, slices.length, inputChannelsPerGroup]));
};

/**
 * A depthwise convolution, channels last: dWₜ = Σ dY ⊙ Xₜ over all positions of all images, a product with a row of
 * ones.
 */
const perChannel: Strategy = (g, { input, output, windows, group }) => {
  const spatial = windows.map((_, axis) => axis + 2);
  const channelsLast = [0, ...spatial, 1];
  const rows = g.integers([-1, group]);
  const dY = g.reshape(g.transpose(output, channelsLast), rows);
  const ones = g.full(g.extentsOf(dY, 0, 1), 1, dY.dataType);
  const sums = tapSlices(g, padded(g, g.transpose(input, channelsLast), windows, 1), windows, 1).map((slice) =>
    g.matMul(ones, g.mul(g.reshape(slice, rows), dY)),
  );
  return stacked(g, sums, 1);
};

/**
 * A depthwise convolution, the planes of all images as the channels of one: each with dY's plane as its kernel, strides
 * and dilations exchanged, and then summed over images. Of batches of a known size.
 */
const perPlane: Strategy = (g, { input, output, windows, group }) => {
  const [batch = 1, , ...extent] = g.shape(input);
  const planes = product([batch, group]);
  const x = g.reshape(input, [1, planes, ...extent]);
  const weights = g.reshape(output, [planes, 1, ...g.shape(output).slice(2)]);
  const correlation = g.op("Conv", [x, weights], {
    strides: windows.map(({ dilation }) => dilation),
    dilations: windows.map(({ stride }) => stride),
    pads: padsOf(windows).map((pad) => Math.max(Number(pad), 0)),
    group: Number(planes),
  });
  const taps = windows.map((window) => window.taps);
  const sums = g.reshape(firstTaps(g, correlation, windows), [batch, group, ...taps]);
  return g.sumOfRows(sums, 1);
};

/**
 * One convolution with batch and channels swapped, dY as its weights, strides and dilations exchanged: dWᵀ = Xᵀ ∗ dYᵀ.
 * In groups, the batch of each group are its channels: [C/group, group·N, spatial] ∗ [M, N, counts].
 */
const swapped: Strategy = (g, { input, output, windows, group, extents }) => {
  const x = swappedInput(g, input, extents.inputChannelsPerGroup, group);
  const pads = padsOf(windows).filter((pad) => typeof pad === "number");
  const isStated = pads.length === 2 * windows.length;
  const weights = batchSecond(g, output);
  const correlation = g.op("Conv", [isStated ? x : padded(g, x, windows), weights], {
    strides: windows.map(({ dilation }) => dilation),
    dilations: windows.map(({ stride }) => stride),
    pads: isStated ? pads.map((pad) => Math.max(pad, 0)) : range(2 * windows.length).map(() => 0),
    group,
  });
  return batchSecond(g, isStated ? firstTaps(g, correlation, windows) : correlation);
};

/** Where X has elements that are in no window, there are further positions, which are no taps. */
function firstTaps(g: Operators, correlation: Value, windows: readonly Windows[]): Value {
  if (windows.map(overhang).every((extent) => typeof extent === "number" && extent >= 0)) return correlation;
  const spatial = windows.map((_, axis) => axis + 2);
  const taps = windows.map((window) => window.taps);
  return g.op("Slice", [correlation, g.integers(spatial.map(() => 0)), g.integers(taps), g.integers(spatial)]);
}

function swappedInput(g: Operators, input: Value, perGroup: number, group: number): Value {
  if (group === 1) return batchSecond(g, input);
  const [batch = 1, , ...extent] = g.shape(input);
  const grouped = g.reshape(input, [batch, group, perGroup, ...extent]);
  const swap = g.transpose(grouped, [2, 1, 0, ...extent.map((_, axis) => axis + 3)]);
  return g.reshape(swap, [perGroup, product([group, batch]), ...extent]);
}

/** The first two axes swapped. */
function batchSecond(g: Operators, x: Value): Value {
  return g.transpose(x, [1, 0, ...range(g.rank(x) - 2).map((axis) => axis + 2)]);
}

/** Values of one shape along a new last axis. */
function stacked(g: Operators, values: readonly Value[], rank: number): Value {
  const [first] = values;
  if (first !== undefined && values.length === 1) return first;
  return g.concat(
    values.map((value) => g.unsqueeze(value, [rank])),
    rank,
  );
}
