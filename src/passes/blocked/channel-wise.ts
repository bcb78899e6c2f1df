import type { Value } from "../../graph/emitter.js";
import { floatAttribute, integerAttribute } from "../../graph/model.js";
import { range } from "../../graph/operators.js";
import { multiply, product } from "../../graph/shapes/extent.js";
import { knownNumbers } from "../../graph/shapes/facts.js";
import { type BlockedContext, type BlockedRule, type Blocks, isLike, isOfKnownExtents, pointwise } from "./blocks.js";

/** What is done alike with all elements of a channel, and what becomes of them together. */
export const channelWise: Readonly<Record<string, BlockedRule>> = {
  BatchNormalization: (context) =>
    integerAttribute(context.node, "training_mode", 0) === 0 ? byGivenStatistics(context) : byOwnStatistics(context),

  /** Over all but the channels, such as for the gradient of a bias. */
  ReduceSum: ({ blocks, g, node, inputs: [x, axes] }) => {
    const form = x && blocks.form(x);
    if (form === undefined || axes === undefined || String(knownNumbers(axes)) !== "0,2,3") return undefined;
    const sums = channelSums(blocks, form);
    if (sums === undefined) return undefined;
    return [integerAttribute(node, "keepdims", 1) === 0 ? sums : g.reshape(sums, [1, g.shape(form)[1] ?? 1, 1, 1])];
  },

  ReduceMean: ({ blocks, g, node, inputs: [x, axes] }) => {
    const form = x && blocks.form(x);
    if (form === undefined || axes === undefined || String(knownNumbers(axes)) !== "2,3") return undefined;
    const [batch = 1, channels = 1] = g.shape(form);
    const means = blocks.means(form);
    return [integerAttribute(node, "keepdims", 1) === 0 ? means : g.reshape(means, [batch, channels, 1, 1])];
  },

  GlobalAveragePool: ({ blocks, g, inputs: [x] }) => {
    const form = x && blocks.form(x);
    if (form === undefined) return undefined;
    const [batch = 1, channels = 1] = g.shape(form);
    return [g.reshape(blocks.means(form), [batch, channels, 1, 1])];
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
  if (made?.node.opType === "Mul" && a !== undefined && b !== undefined && isLike(a, b)) {
    const products = channelProducts(blocks, a, b);
    if (products !== undefined) return products;
  }
  const [, , height = 1, width = 1] = g.shape(x);
  const positions = multiply(height, width);
  return typeof positions === "number" ? g.mul(sumOfImages(blocks, blocks.means(x)), positions) : undefined;
}

/**
 * Σ a·b over each channel of blocked images, [C]: planes of `a` convolved with those of `b`, all at once. undefined where
 * extents are not known.
 */
function channelProducts(blocks: Blocks, a: Value, b: Value): Value | undefined {
  const { g } = blocks;
  if (!isOfKnownExtents(a)) return undefined;
  const [batch = 1, channels = 1, height = 1, width = 1] = g.shape(a).map(Number);
  const planes = batch * channels;
  const images = g.reshape(a, [1, planes, height, width]);
  const filter = g.reshape(b, [planes, 1, height, width]);
  const steps = { ...pointwise, kernel: [height, width] };
  const products = blocks.convolve(images, { filter, group: planes }, steps, [1, planes, 1, 1]);
  return sumOfImages(blocks, g.reshape(products, [batch, channels]));
}

/** Σ over N of [N, C]. */
function sumOfImages({ g }: Blocks, perImage: Value): Value {
  return g.reshape(g.sumOfRows(perImage, 1), [g.shape(perImage)[1] ?? 1]);
}

/** Y = scale·(X − mean)/√(var + ε) + B, as X·slope + shift. */
function byGivenStatistics({ blocks, g, node, inputs }: BlockedContext): readonly Value[] | undefined {
  const [x, scale, bias, mean, variance] = inputs;
  const form = x && blocks.form(x);
  if (form === undefined || !scale || !bias || !mean || !variance) return undefined;
  const slope = g.div(scale, g.sqrt(g.add(variance, floatAttribute(node, "epsilon", 1e-5))));
  const shift = g.sub(bias, g.mul(mean, slope));
  return [blocks.plain(affine(blocks, form, slope, shift))];
}

/** The same with the statistics of the batch, which move the running ones by 1 − momentum. */
function byOwnStatistics({ blocks, g, node, inputs }: BlockedContext): readonly Value[] | undefined {
  const [x, scale, bias, runningMean, runningVariance] = inputs;
  const form = x && blocks.form(x);
  if (form === undefined || !scale || !bias || !runningMean || !runningVariance) return undefined;
  const [batch = 1, , height = 1, width = 1] = g.shape(form);
  const count = product([batch, height, width]);
  const sums = channelSums(blocks, form);
  if (sums === undefined || typeof count !== "number") return undefined;
  const mean = g.div(sums, count);
  const centred = affine(blocks, form, undefined, g.neg(mean));
  const squares = channelProducts(blocks, centred, centred);
  if (squares === undefined) return undefined;
  const variance = g.div(squares, count);
  const slope = g.div(scale, g.sqrt(g.add(variance, floatAttribute(node, "epsilon", 1e-5))));
  const momentum = floatAttribute(node, "momentum", 0.9);
  const moved = (running: Value, current: Value) =>
    momentum === 0 ? current : g.add(g.mul(running, momentum), g.mul(current, 1 - momentum));
  return [
    blocks.plain(affine(blocks, centred, slope, bias)),
    moved(runningMean, mean),
    moved(runningVariance, variance),
  ];
}
