import { graphBuilder } from "../../graph/builder.js";
import { InputError } from "../../graph/errors.js";
import type { Model } from "../../graph/model.js";
import { elementCount } from "../../graph/tensor.js";
import type { InitializationOptions } from "../initialization/initialize.js";
import { activations } from "./activations.js";
import { type LayerOptions, LayerWriter } from "./layer-writer.js";
import { requireSizes } from "./sizes.js";
import { withWeights } from "./with-weights.js";

/** A new convolutional network. The scheme of its weights is by default that of its activation. */
export interface CnnOptions extends LayerOptions, InitializationOptions {
  /** Channels and one to three extents: [channels, height, width] for images. */
  readonly input: readonly number[];
  /** Channels of each block. */
  readonly channels: readonly number[];
  /** Outputs. */
  readonly classes: number;
  /** The kernels' extent along each axis, odd; by default 3. */
  readonly kernel?: number;
  /** Units of dense layers before the last; by default there are none. */
  readonly hidden?: readonly number[];
  /** Averages each channel before the dense layers, instead of laying out all its elements. */
  readonly globalPooling?: boolean;
}

/**
 * A convolutional network from `x` [batch, channels, height, width] to `output` [batch, classes]: blocks of a
 * convolution, a batch normalization (if any), an activation and a max pooling that halves every extent, then dense
 * layers with activation, and dropout (if any) before each.
 * @throws InputError for sizes that are none, more blocks than the extents can be halved, and a model that is too large
 *   for a file
 */
export function newCnn(options: CnnOptions): Model {
  const { input, channels, classes, kernel = 3, hidden = [], globalPooling = false, activation = "relu" } = options;
  const [depth, ...extents] = input;
  if (depth === undefined || extents.length < 1 || extents.length > 3) {
    throw new InputError("new cnn", "takes channels and one to three extents", "say 1x28x28 for grey images of 28x28");
  }
  requireSizes("new cnn", input);
  requireSizes("--channels", channels);
  requireSizes("--hidden", hidden);
  requireSizes("--classes", [classes]);
  requireSizes("--kernel", [kernel]);
  if (kernel % 2 === 0) throw new InputError(`--kernel ${kernel}`, "is even, and has no middle", "choose an odd one");
  if (channels.length === 0) throw new InputError("--channels", "names no block", "say 16,32 for two");

  const graph = graphBuilder("cnn");
  const layers = new LayerWriter(graph, options);
  let value = graph.input("x", "float32", ["batch", depth, ...extents]);
  let width = depth;
  let remaining = extents;
  for (const [block, units] of channels.entries()) {
    if (remaining.some((extent) => extent < 2)) {
      const what = `has ${channels.length} blocks that halve its extents, but after ${block} these are ${remaining.join("x")}`;
      throw new InputError("--channels", what, "name fewer, or take a larger input");
    }
    const convolved = layers.convolution(
      value,
      width,
      units,
      extents.map(() => kernel),
    );
    value = layers.halved(layers.activated(convolved, units), extents.length);
    remaining = remaining.map((extent) => Math.floor(extent / 2));
    width = units;
  }
  const pooled = globalPooling ? graph.node("GlobalAveragePool", [value], {}, { name: "average" }) : value;
  value = layers.dropped(graph.node("Flatten", [pooled], { axis: 1 }, { name: "flatten" }));
  if (!globalPooling) width *= elementCount(remaining);
  for (const units of hidden) {
    value = layers.dropped(layers.activated(layers.dense(value, width, units), units));
    width = units;
  }
  layers.last(value, width, classes);
  const scheme = options.scheme ?? activations.get(activation)?.scheme ?? "he";
  return withWeights(graph.graph(), { ...options, scheme });
}
