import type { Value } from "../../graph/emitter.js";
import { integerAttribute, integersAttribute, type Node } from "../../graph/model.js";
import type { Operators } from "../../graph/operators.js";
import { knownNumbers } from "../../graph/shapes/facts.js";
import { inferOutputs } from "../../graph/shapes/infer.js";
import { product, type Shape } from "../../graph/shapes/extent.js";
import { isPaddedAutomatically } from "../../graph/windows.js";
import { type BlockedContext, type BlockedRule, isKnown, knownImages, type Steps } from "./blocks.js";
import { filterOf, filterOfImages, filterOfOutputs, mirroredFilterOf } from "./filters.js";

/** Convolutions of images whose channels fill blocks. */
export const convolutions: Readonly<Record<string, BlockedRule>> = {
  Conv: (context) => {
    const { blocks, node, inputs } = context;
    const [x, weights, bias] = inputs;
    if (x === undefined || weights === undefined) return undefined;
    const steps = stepsOf(node, weights);
    const [shape] = inferOutputs(node, inputs).map((facts) => facts.shape);
    const operands = steps && shape && (depthwise(context, x, weights) ?? dense(context, x, weights, shape));
    if (operands === undefined || steps === undefined || shape === undefined) return undefined;
    const { images, filter, group } = operands;
    const isWide = group === 1 && (steps.kernel[1] ?? 1) >= WIDE && blocks.fits(images) && isKnown(images);
    const [top = 0, left = 0, bottom = 0, right = 0] = steps.pads;
    const y = isWide
      ? blocks.convolve(
          blocks.widened(images, left, right),
          { filter, bias, group },
          { ...steps, pads: [top, 0, bottom, 0] },
          shape,
        )
      : blocks.convolve(images, { filter, bias, group }, steps, shape);
    return [blocks.plain(y)];
  },

  /** The gradient of a depthwise convolution with strides: one of the gradient with zeros between its elements. */
  ConvTranspose: ({ blocks, g, node, inputs }) => {
    const [y, weights, bias] = inputs;
    if (y === undefined || weights === undefined || bias !== undefined) return undefined;
    const steps = stepsOf(node, weights);
    const [shape] = inferOutputs(node, inputs).map((facts) => facts.shape);
    const [channels] = weights.shape ?? [];
    const isDepthwise = weights.shape?.[1] === 1 && integerAttribute(node, "group", 1) === channels;
    if (steps === undefined || shape === undefined || !isDepthwise || !blocks.fits(y)) return undefined;
    const { kernel, strides, dilations, pads } = steps;
    const [down = 1, right = 1] = strides;
    const extra = integersAttribute(node, "output_padding") ?? [0, 0];
    const reach = kernel.map((taps, axis) => (taps - 1) * (dilations[axis] ?? 1) + 1);
    const flipped = [
      ...reach.map((taps, axis) => taps - 1 - (pads[axis] ?? 0)),
      ...reach.map((taps, axis) => taps - (strides[axis] ?? 1) - (pads[axis + 2] ?? 0) + (extra[axis] ?? 0)),
    ];
    if (!isKnown(y) || flipped.some((pad) => pad < 0)) return undefined;
    const filter = filterOfOutputs(blocks, g.reversed(weights, [2, 3]));
    const images = blocks.spread(blocks.blocked(y), [down, right]);
    const flippedSteps = { kernel, strides: [1, 1], dilations, pads: flipped };
    return [blocks.plain(blocks.convolve(images, { filter, group: channels }, flippedSteps, shape))];
  },
};

/**
 * From so wide a kernel on, zeros at the sides are written down: the runtime convolves what they reach position by
 * position. Measured: 5.5 instead of 10.9 ms for a kernel of 32x32.
 */
const WIDE = 8;

/** Where a result has fewer elements for each output channel, rearranging the weights costs what the layout saves. */
const FEWEST_POSITIONS = 1024;

/** Of images with so few channels, such as those of colours, the runtime makes blocks as it convolves them. */
const MOST_PLAIN_CHANNELS = 4;

/** What is convolved, and with what. */
interface Operands {
  readonly images: Value;
  readonly filter: Value;
  readonly group: number;
}

/** One kernel for each channel. */
function depthwise(context: BlockedContext, x: Value, weights: Value): Operands | undefined {
  const { blocks, node } = context;
  const group = integerAttribute(node, "group", 1);
  const isDepthwise = weights.shape?.[0] === group && weights.shape[1] === 1 && x.shape?.[1] === group;
  if (!isDepthwise || !blocks.fits(x)) return undefined;
  const filter = filterOfPlanes(context, weights) ?? filterOfOutputs(blocks, weights);
  return { images: blocks.blocked(x), filter, group };
}

/** Planes of images [N, C, H, W] as kernels [N·C, 1, H, W] are in the order of a filter when they are blocked. */
function filterOfPlanes({ blocks, g }: BlockedContext, kernels: Value): Value | undefined {
  const made = g.emitter.emissionOf(kernels);
  const [source] = made?.inputs ?? [];
  if (made?.node.opType !== "Reshape" || source === undefined || !blocks.fits(source)) return undefined;
  const isOfPlanes = String(source.shape?.slice(2)) === String(kernels.shape?.slice(2));
  return isOfPlanes ? g.reshape(blocks.blocked(source), g.shape(kernels)) : undefined;
}

/** All input channels in each output channel. @param shape of the result */
function dense(context: BlockedContext, x: Value, weights: Value, shape: Shape): Operands | undefined {
  const { blocks, node } = context;
  const isDense = integerAttribute(node, "group", 1) === 1 && isKnown(weights) && isOfImages(x);
  if (!isDense) return undefined;
  const [outputs, inputs, ...kernel] = knownImages(weights);
  if (outputs % blocks.size !== 0) return undefined;
  const images = imagesAsWeights(context, x, weights);
  if (images !== undefined) return { images: blocks.blocked(x), filter: filterOfImages(blocks, images), group: 1 };
  const positions = product(shape.filter((_, axis) => axis !== 1));
  if (typeof positions === "number" && positions < FEWEST_POSITIONS) return undefined;
  const isBlocked = blocks.form(x) !== undefined;
  if (inputs <= MOST_PLAIN_CHANNELS && !isBlocked) {
    return { images: x, filter: filterOfOutputs(blocks, weights), group: 1 };
  }
  const isProduct = kernel.every((taps) => taps === 1);
  if (!blocks.fits(x) || (isProduct && !isBlocked)) return undefined;
  const mirrored = mirroredOf(context, weights);
  const filter = mirrored === undefined ? filterOf(blocks, weights) : mirroredFilterOf(blocks, mirrored);
  return { images: blocks.blocked(x), filter, group: 1 };
}

function isOfImages({ dataType, shape }: Value): boolean {
  return dataType === "float32" && shape?.length === 4;
}

/**
 * The images [N, C, H, W] that weights [C, N, H, W] are, where both operands are images with batch and channels swapped,
 * as in the gradient of weights.
 */
function imagesAsWeights({ blocks, g }: BlockedContext, x: Value, weights: Value): Value | undefined {
  const source = swappedOf(g, weights);
  const areSwapped = source !== undefined && swappedOf(g, x) !== undefined;
  return areSwapped && blocks.fits(x) && blocks.fits(source) ? source : undefined;
}

/** Weights whose channels are swapped, and whose taps are taken from the last to the first. */
function mirroredOf({ g }: BlockedContext, weights: Value): Value | undefined {
  const mirrored = swappedOf(g, weights);
  const made = mirrored && g.emitter.emissionOf(mirrored);
  const [source, ...bounds] = made?.inputs ?? [];
  const [starts, ends, axes, steps] = bounds.map((input) => (input === undefined ? [] : (knownNumbers(input) ?? [])));
  const isMirrored = made?.node.opType === "Slice" && [starts, steps].every((numbers) => String(numbers) === "-1,-1");
  const isWhole = source?.shape?.slice(2).every((taps, axis) => Number(ends?.[axis]) < -Number(taps)) === true;
  return isMirrored && isWhole && String(axes) === "2,3" ? source : undefined;
}

/** What Transpose has swapped the first two axes of. */
function swappedOf(g: Operators, value: Value): Value | undefined {
  const made = g.emitter.emissionOf(value);
  const isSwapped = made?.node.opType === "Transpose" && String(integersAttribute(made.node, "perm")) === "1,0,2,3";
  return isSwapped ? made.inputs[0] : undefined;
}

/** How a node convolves images; undefined for those that leave padding to the runtime, and for other ranks. */
function stepsOf(node: Node, weights: Value): Steps | undefined {
  if (isPaddedAutomatically(node) || !isKnown(weights) || node.attributes.has("output_shape")) return undefined;
  const [, , ...kernel] = knownImages(weights);
  return {
    kernel,
    strides: integersAttribute(node, "strides") ?? [1, 1],
    dilations: integersAttribute(node, "dilations") ?? [1, 1],
    pads: integersAttribute(node, "pads") ?? [0, 0, 0, 0],
  };
}
