import type { Value } from "../../graph/emitter.js";
import { floatAttribute, integerAttribute } from "../../graph/model.js";
import { range } from "../../graph/operators.js";
import { multiply } from "../../graph/shapes/extent.js";
import { knownNumbers } from "../../graph/shapes/facts.js";
import {
  type BlockedContext,
  type BlockedRule,
  type Blocks,
  isKnown,
  isLike,
  knownImages,
  pointwise,
} from "./blocks.js";

/** What is done alike with all elements of a channel, and what becomes of them together. */
export const channelWise: Readonly<Record<string, BlockedRule>> = {
  BatchNormalization: (context) =>
    integerAttribute(context.node, "training_mode", 0) === 0 ? byGivenStatistics(context) : byOwnStatistics(context),

  /** Over all but the channels, such as for the gradient of a bias. */
  ReduceSum: ({ blocks, g, node, inputs: [x, axes] }) => {
    const form = blocks.images(x);
    if (form === undefined || axes === undefined || String(knownNumbers(axes)) !== "0,2,3") return undefined;
    const sums = channelSums(blocks, form);
    if (sums === undefined) return undefined;
    return [integerAttribute(node, "keepdims", 1) === 0 ? sums : g.reshape(sums, [1, g.shape(form)[1] ?? 1, 1, 1])];
  },

  ReduceMean: ({ blocks, g, node, inputs: [x, axes] }) => {
    const form = blocks.images(x);
    if (form === undefined || axes === undefined || String(knownNumbers(axes)) !== "2,3") return undefined;
    const [batch = 1, channels = 1] = g.shape(form);
    const means = meansOf(blocks, form);
    return [integerAttribute(node, "keepdims", 1) === 0 ? means : g.reshape(means, [batch, channels, 1, 1])];
  },

  GlobalAveragePool: ({ blocks, g, inputs: [x] }) => {
    const form = blocks.images(x);
    if (form === undefined) return undefined;
    const [batch = 1, channels = 1] = g.shape(form);
    return [g.reshape(meansOf(blocks, form), [batch, channels, 1, 1])];
  },
};

/** x·slope + shift, for each channel, of blocked images: a depthwise convolution with kernels of one tap. */
export function affine(blocks: Blocks, x: Value, slope: Value | undefined, shift: Value | undefined): Value {
  const { g } = blocks;
  const channels = Number(x.shape?.[1]);
  const ones = () =>
    g.tensor(
      "float32",
      [channels, 1, 1, 1],
      range(channels).map(() => 1),
    );
  const filter = slope === undefined ? ones() : g.reshape(slope, [channels, 1, 1, 1]);
  const bias = shift && g.reshape(shift, [channels]);
  const rows = blocks.rows(x);
  return g.reshape(blocks.convolve(rows, { filter, bias, group: channels }, pointwise, g.shape(rows)), g.shape(x));
}

/** The sum of each channel of blocked images, [C]; of a product, without the product. */
function channelSums(blocks: Blocks, x: Value): Value | undefined {
  const { g } = blocks;
  const made = g.emitter.emissionOf(x);
  const [a, b] = made?.inputs ?? [];
  if (made?.node.opType === "Mul" && a !== undefined && b !== undefined && isLike(a, b) && isKnown(a)) {
    return channelProducts(blocks, a, b);
  }
  const [, , height = 1, width = 1] = g.shape(x);
  const positions = multiply(height, width);
  return typeof positions === "number" ? g.mul(sumOfImages(blocks, meansOf(blocks, x)), positions) : undefined;
}

/**
 * The runtime adds up the positions of a plane one after another. Of planes that are larger, first those of each row are,
 * so that rounding does not add up.
 */
const LARGE_PLANE = 4096;

/** The mean of each channel of each image, [N, C]. */
function meansOf(blocks: Blocks, x: Value): Value {
  if (!isKnown(x)) return blocks.means(x);
  const [batch, channels, height, width] = knownImages(x);
  if (height * width <= LARGE_PLANE) return blocks.means(x);
  const ofRows = blocks.means(blocks.g.reshape(x, [1, batch * channels * height, 1, width]));
  return blocks.means(blocks.g.reshape(ofRows, [batch, channels, 1, height]));
}

/** Σ a·b over each channel of blocked images of known extents, [C]: planes of `a` convolved with those of `b`, all at once. */
function channelProducts(blocks: Blocks, a: Value, b: Value): Value {
  const { g } = blocks;
  const [batch, channels, height, width] = knownImages(a);
  const isLarge = height * width > LARGE_PLANE;
  const [group, rows] = isLarge ? [batch * channels * height, 1] : [batch * channels, height];
  const products = blocks.convolve(
    g.reshape(a, [1, group, rows, width]),
    { filter: g.reshape(b, [group, 1, rows, width]), group },
    { ...pointwise, kernel: [rows, width] },
    [1, group, 1, 1],
  );
  if (!isLarge) return sumOfImages(blocks, g.reshape(products, [batch, channels]));
  return g.mul(sumOfImages(blocks, blocks.means(g.reshape(products, [batch, channels, 1, height]))), height);
}

/** Σ over N of [N, C]. */
function sumOfImages({ g }: Blocks, perImage: Value): Value {
  return g.reshape(g.sumOfRows(perImage, 1), [g.shape(perImage)[1] ?? 1]);
}

/** Y = scale·(X − mean)/√(var + ε) + B, as X·slope + shift. */
function byGivenStatistics({ blocks, g, node, inputs }: BlockedContext): readonly Value[] | undefined {
  const [x, scale, bias, mean, variance] = inputs;
  const form = blocks.images(x);
  if (form === undefined || !scale || !bias || !mean || !variance) return undefined;
  const slope = g.div(scale, g.sqrt(g.add(variance, floatAttribute(node, "epsilon", 1e-5))));
  const shift = g.sub(bias, g.mul(mean, slope));
  return [blocks.plain(affine(blocks, form, slope, shift))];
}

/**
 * The same with the statistics of the batch. Those are outputs, too, as training graphs have it: running ones with
 * momentum 0.
 */
function byOwnStatistics({ blocks, g, node, inputs }: BlockedContext): readonly Value[] | undefined {
  const [x, scale, bias] = inputs;
  const form = blocks.images(x);
  if (form === undefined || !scale || !bias || !isKnown(form) || floatAttribute(node, "momentum", 0.9) !== 0) {
    return undefined;
  }
  const sums = channelSums(blocks, form);
  if (sums === undefined) return undefined;
  const [batch, , height, width] = knownImages(form);
  const count = batch * height * width;
  const mean = g.div(sums, count);
  const centred = affine(blocks, form, undefined, g.neg(mean));
  const variance = g.div(channelProducts(blocks, centred, centred), count);
  const slope = g.div(scale, g.sqrt(g.add(variance, floatAttribute(node, "epsilon", 1e-5))));
  return [blocks.plain(affine(blocks, centred, slope, bias)), mean, variance];
}
