import type { Value } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import { describeNode, integersAttribute, type Node } from "../../graph/model.js";
import { type Operators, range } from "../../graph/operators.js";
import { overhang, padded, span, unpadded, type Windows } from "../../graph/windows.js";

/**
 * A convolution, or what is computed like one: weights [M, C/group, taps] lead from [N, C, spatial] to [N, M, counts].
 */
export interface Convolution {
  readonly weights: Value;
  readonly windows: readonly Windows[];
  readonly group: number;
}

/** Extents of weights [M, C/group, taps]. */
export interface WeightExtents {
  readonly outputChannels: number;
  readonly inputChannelsPerGroup: number;
  readonly taps: readonly number[];
}

/** The extents of weights. @throws InputError where they are not known */
export function weightExtents(g: Operators, node: Node, weights: Value): WeightExtents {
  const shape = g.shape(weights);
  const [outputChannels, inputChannelsPerGroup, ...taps] = shape.filter((extent) => typeof extent === "number");
  const kernel = integersAttribute(node, "kernel_shape") ?? taps;
  if (outputChannels === undefined || inputChannelsPerGroup === undefined || kernel.length + 2 !== shape.length) {
    throw new InputError(
      describeNode(node),
      `has weights [${shape.join(", ")}] of unknown extents, which its gradient needs`,
      "declare the shape of the weights",
    );
  }
  return { outputChannels, inputChannelsPerGroup, taps: kernel };
}

/** Y[n, m, o] = Σ_{c, tap} X[n, c, o·stride + tap·dilation − begin]·W[m, c, tap]. */
export function convolve(g: Operators, x: Value, { weights, windows, group }: Convolution): Value {
  const pads = numericPads(windows);
  // Without padding behind, elements that are in no window may be as many as make no further window.
  const isExact = pads !== undefined && windows.every(({ stride }, axis) => (pads.end[axis] ?? 0) > -stride);
  const input = isExact ? x : padded(g, x, windows);
  return g.op("Conv", [input, weights], {
    ...stepsOf(windows),
    pads: isExact ? [...pads.begin, ...pads.end.map((end) => Math.max(end, 0))] : zeroPads(windows),
    group,
  });
}

/**
 * The gradient of a convolution towards its input: X[n, c, i] = Σ Y[n, m, o]·W[m, c, tap] over all o, tap that read
 * element i.
 */
export function transposedConvolve(g: Operators, y: Value, convolution: Convolution): Value {
  const { weights, windows, group } = convolution;
  const flipped = flippedPads(windows);
  if (flipped !== undefined && isFasterFlipped(convolution)) {
    return g.op("Conv", [y, flippedWeights(g, convolution)], { ...stepsOf(windows), pads: flipped, group });
  }
  const pads = numericPads(windows);
  const isExact = pads !== undefined && windows.every(({ stride }, axis) => (pads.end[axis] ?? 0) > -stride);
  const spread = g.op("ConvTranspose", [y, weights], {
    ...stepsOf(windows),
    pads: isExact ? [...pads.begin, ...pads.end.map((end) => Math.max(end, 0))] : zeroPads(windows),
    ...(isExact ? { output_padding: pads.end.map((end) => Math.max(-end, 0)) } : {}),
    group,
  });
  return isExact ? spread : unpadded(g, spread, windows);
}

/**
 * Where windows move by 1, the gradient is a convolution with the weights mirrored: dX = dY ∗ W′. ConvTranspose unfolds
 * the columns of all C input channels, Conv those of all M output channels. Measured on onnxruntime-node 1.30, 1
 * thread, Conv takes 0.9 of ConvTranspose's time for 3×3 kernels and 64 channels, 0.4 for 32 -> 8 channels, 0.55 for
 * depthwise ones, 0.5 to 0.8 for 1×1, where nothing is unfolded; but 1.2 to 2 where M > C or without padding. At
 * greater strides, zeros between the elements of dY took 4, a convolution for each phase 1.2 to 1.6 of its time.
 */
function isFasterFlipped({ weights, windows, group }: Convolution): boolean {
  if (windows.every(({ taps }) => taps === 1)) return true;
  const [outputChannels, inputChannelsPerGroup] = weights.shape ?? [];
  return (
    typeof outputChannels === "number" &&
    typeof inputChannelsPerGroup === "number" &&
    outputChannels / group <= inputChannelsPerGroup &&
    windows.every(({ input, count }) => input === count)
  );
}

/** What a mirrored convolution pads; undefined where there is none. */
function flippedPads(windows: readonly Windows[]): readonly number[] | undefined {
  const pads = numericPads(windows);
  if (pads === undefined || windows.some(({ stride }) => stride > 1)) return undefined;
  const flipped = [...pads.begin, ...pads.end].map((pad, index) => {
    const window = windows[index % windows.length];
    return window === undefined ? -1 : span(window) - 1 - pad;
  });
  return flipped.every((pad) => pad >= 0) ? flipped : undefined;
}

/** W′[c, m, tap] = W[m, c, last − tap], in each group. */
function flippedWeights(g: Operators, { weights, windows, group }: Convolution): Value {
  const shape = g.shape(weights);
  const [outputChannels = 1, perGroup = 1, ...taps] = shape;
  const spatial = windows.map((_, axis) => axis + 2);
  const mirrored = windows.every((window) => window.taps === 1) ? weights : g.reversed(weights, spatial);
  if (group === 1) return g.transpose(mirrored, [1, 0, ...spatial]);
  if (typeof outputChannels !== "number" || typeof perGroup !== "number") return g.unreachable("Conv");
  const outputsPerGroup = outputChannels / group;
  const grouped = g.reshape(mirrored, [group, outputsPerGroup, perGroup, ...taps]);
  const swapped = g.transpose(grouped, [0, 2, 1, ...spatial.map((axis) => axis + 1)]);
  return g.reshape(swapped, [group * perGroup, outputsPerGroup, ...taps]);
}

/**
 * Padding as attributes can state it: in front, and behind as far as windows reach; undefined where it depends on
 * symbols.
 */
function numericPads(windows: readonly Windows[]) {
  const begin = windows.map((window) => window.begin).filter((pad) => typeof pad === "number");
  const end = windows.map(overhang).filter((pad) => typeof pad === "number");
  return begin.length + end.length === 2 * windows.length ? { begin, end } : undefined;
}

function zeroPads(windows: readonly Windows[]): readonly number[] {
  return range(2 * windows.length).map(() => 0);
}

function stepsOf(windows: readonly Windows[]) {
  return {
    kernel_shape: windows.map(({ taps }) => taps),
    strides: windows.map(({ stride }) => stride),
    dilations: windows.map(({ dilation }) => dilation),
  };
}
