import type { Value } from "../../graph/emitter.js";
import { integersAttribute, type Node } from "../../graph/model.js";
import { type Operators, range } from "../../graph/operators.js";
import { isAtLeast, product } from "../../graph/shapes/extent.js";
import { columnsOf, sizeOfColumns } from "../../graph/columns.js";
import { fittingWindowsOf, isPaddedAutomatically, type Windows } from "../../graph/windows.js";
import { decomposition, type Decompositions } from "./decomposition.js";

/** Convolutions that runtimes are slow at. */
export const convolutions: Decompositions = {
  /**
   * Y = W·columns(X) + B, [M, C·taps]·[C·taps, o·N], where there are few positions of many channels. The runtime
   * multiplies the weights image by image, by matrices with one column for each position.
   */
  Conv: decomposition(2, ({ g, node, inputs: [x, weights, bias] }) => {
    const windows = windowsOfSmallPlane(g, node, x, weights);
    if (windows === undefined) return undefined;
    const [outputChannels = 1] = g.shape(weights);
    const counts = windows.map(({ count }) => count);
    const columns = g.reshape(columnsOf(g, x, windows), [product(g.shape(weights).slice(1)), -1]);
    const sums = g.matMul(g.reshape(weights, [outputChannels, -1]), columns);
    const biased = bias === undefined ? sums : g.add(sums, g.unsqueeze(bias, [1]));
    const batchLast = g.reshape(biased, [outputChannels, ...counts, -1]);
    return [g.transpose(batchLast, [counts.length + 1, ...range(counts.length + 1)])];
  }),
};

/**
 * Measured on onnxruntime 1.32, 2 threads, batch 32, forward: 0.2 of the runtime's time for 512 channels at 2×2
 * positions, 0.64 for 256 at 4×4; but as much for 128 at 8×8.
 */
const mostPositions = 16;
const fewestChannels = 32;

/** The windows of a convolution that is better a product; undefined for others, and where extents are not known. */
function windowsOfSmallPlane(g: Operators, node: Node, x: Value, weights: Value): readonly Windows[] | undefined {
  const [outputChannels = "", channels = "", ...taps] = weights.shape ?? [];
  const kernel = integersAttribute(node, "kernel_shape") ?? taps.filter((extent) => typeof extent === "number");
  // In groups, weights have fewer channels than x.
  const isPlain = !isPaddedAutomatically(node) && x.shape?.length === kernel.length + 2 && x.shape[1] === channels;
  const isWide = isAtLeast(outputChannels, fewestChannels) && isAtLeast(channels, fewestChannels);
  if (!isPlain || !isWide || kernel.length === 0) return undefined;
  const windows = fittingWindowsOf(node, g.shape(x).slice(2), kernel);
  const counts = windows.map(({ count }) => count).filter((count) => typeof count === "number" && count > 0);
  const isSmall = counts.length === kernel.length && isAtLeast(mostPositions, product(counts));
  return isSmall && sizeOfColumns(1, windows) !== undefined ? windows : undefined;
}
