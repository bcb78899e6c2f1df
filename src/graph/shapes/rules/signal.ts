import { dataTypeOf } from "../../data-type.js";
import { integerAttribute } from "../../model.js";
import { add, type Extent, floorDivide, multiply, subtract } from "../extent.js";
import { type Facts, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";
import { formatShape, normalizedAxis } from "../shape-math.js";

/**
 * [..., n, ..., 1 or 2] -> [..., m, ..., 2] with m = dft_length; onesided: m = ⌊dft_length/2⌋ + 1 forward, and backward
 * a real signal of dft_length, by default 2·(n − 1).
 */
function fourierTransform(context: ShapeContext): readonly Facts[] {
  const { node, inputs, fail } = context;
  const { dataType, shape } = context.input(0);
  if (shape === undefined) return [tensorFacts(dataType, undefined)];
  if (shape.length < 2) fail(`needs a signal of rank 2 or more, but has ${formatShape(shape)}`);
  const isOneSided = integerAttribute(node, "onesided", 0) === 1;
  const isInverse = integerAttribute(node, "inverse", 0) === 1;
  const parts = isOneSided && isInverse ? 1 : 2;
  const stated = inputs[2] === undefined ? -2 : inputs[2].elements?.[0];
  if (typeof stated !== "number") {
    // Any of the signal's axes may be the transformed one.
    return [tensorFacts(dataType, [...context.unknownShape(0, shape.length - 1), parts])];
  }
  const axis = normalizedAxis(stated, shape.length, context);
  if (axis === shape.length - 1) fail(`has axis ${stated}, the last one, which holds real and imaginary parts`);
  const extent = shape[axis] ?? 1;
  const usual = isOneSided && isInverse ? multiply(subtract(extent, 1), 2) : extent;
  const length = inputs[1] === undefined ? usual : scalar(inputs[1]);
  const bins = length !== undefined && isOneSided && !isInverse ? add(floorDivide(length, 2), 1) : length;
  const result = shape.with(axis, bins ?? context.unknownExtent(0, axis)).with(shape.length - 1, parts);
  return [tensorFacts(dataType, result)];
}

/**
 * Signal [batch, length] or [batch, length, 1 or 2] -> [batch, ⌊(length − frame)/step⌋ + 1, frame or onesided ⌊frame/2⌋
 * + 1, 2].
 */
function shortTimeFourierTransform(context: ShapeContext): readonly Facts[] {
  const { node, inputs, fail } = context;
  const { dataType, shape } = context.input(0);
  // ONNX asks for the third axis; PyTorch leaves it out, and the runtime does without.
  if (shape !== undefined && shape.length !== 2 && shape.length !== 3) {
    fail(`needs a signal [batch, length, 1 or 2], but has ${formatShape(shape)}`);
  }
  const [batch = context.unknownExtent(0, 0), length] = shape ?? [];
  const step = scalar(context.input(1));
  const stated = inputs[3] === undefined ? undefined : scalar(inputs[3]);
  const usual = inputs[2] === undefined && inputs[3] === undefined ? length : undefined;
  const frame = stated ?? inputs[2]?.shape?.[0] ?? usual;
  const frames =
    length === undefined || frame === undefined || typeof step !== "number" || step < 1
      ? undefined
      : add(floorDivide(subtract(length, frame), step), 1);
  const isOneSided = integerAttribute(node, "onesided", 1) === 1;
  const bins = frame !== undefined && isOneSided ? add(floorDivide(frame, 2), 1) : frame;
  const result = [batch, frames ?? context.unknownExtent(0, 1), bins ?? context.unknownExtent(0, 2), 2];
  return [tensorFacts(dataType, result)];
}

/** A window of the length given. */
function window(context: ShapeContext): readonly Facts[] {
  const length = scalar(context.input(0)) ?? context.unknownExtent(0, 0);
  return [tensorFacts(dataTypeOf(integerAttribute(context.node, "output_datatype", 1)), [length])];
}

/** [⌊dft_length/2⌋ + 1, num_mel_bins]. */
function melWeightMatrix(context: ShapeContext): readonly Facts[] {
  const [bins, length] = [scalar(context.input(0)), scalar(context.input(1))];
  const rows = length === undefined ? context.unknownExtent(0, 0) : add(floorDivide(length, 2), 1);
  const shape = [rows, bins ?? context.unknownExtent(0, 1)];
  return [tensorFacts(dataTypeOf(integerAttribute(context.node, "output_datatype", 1)), shape)];
}

function scalar(facts: Facts): Extent | undefined {
  return facts.elements?.[0] ?? undefined;
}

/** Fourier transforms and windows. */
export const signals: ShapeRules = {
  BlackmanWindow: window,
  DFT: fourierTransform,
  HammingWindow: window,
  HannWindow: window,
  MelWeightMatrix: melWeightMatrix,
  STFT: shortTimeFourierTransform,
};
