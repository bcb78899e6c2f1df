import type { Value } from "../../graph/emitter.js";
import { product } from "../../graph/shapes/extent.js";
import { affine } from "./channel-wise.js";
import { type BlockedContext, type BlockedRule, type Blocks, isLike } from "./blocks.js";

/** Operators that do the same with every element, wherever it is. */
const operators = [
  ["Abs", "Neg", "Exp", "Log", "Sqrt", "Reciprocal", "Erf", "Sign", "Floor", "Ceil", "Round", "Sin", "Cos"],
  ["Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Mish"],
  ["Softplus", "Softsign", "ThresholdedRelu", "Clip", "Cast", "Identity", "IsNaN", "IsInf", "Not"],
  ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "Equal", "Greater", "GreaterOrEqual"],
  ["Less", "LessOrEqual", "And", "Or", "Xor", "Where"],
].flat();

/** In blocks wherever one of the operands is. */
export const elementWise: Readonly<Record<string, BlockedRule>> = Object.fromEntries(
  operators.map((opType) => [
    opType,
    (context: BlockedContext) => perChannel(context) ?? sum(context) ?? perElement(context),
  ]),
);

function perElement({ blocks, g, node, inputs }: BlockedContext): readonly Value[] | undefined {
  const blocked = inputs.find((input) => input !== undefined && blocks.form(input) !== undefined);
  if (blocked === undefined) return undefined;
  const forms = inputs.map((input) => input && formLike(blocks, input, blocked));
  if (forms.some((form, index) => form === undefined && inputs[index] !== undefined)) return undefined;
  const { opType, attributes } = node;
  const y = g.op(opType, forms, attributes);
  if (!isLike(y, blocked)) return undefined;
  // Only float32 can be brought back into plain order; what is not asked for is not computed twice.
  return [y.dataType === "float32" ? blocks.plain(y) : blocks.both(g.op(opType, inputs, attributes), y)];
}

/** An operand in blocks, or as it is where it is a single number. */
function formLike(blocks: Blocks, operand: Value, other: Value): Value | undefined {
  const { shape } = operand;
  if (isLike(operand, other)) {
    return blocks.form(operand) ?? (blocks.fits(operand) ? blocks.blocked(operand) : undefined);
  }
  return shape !== undefined && shape.length <= 4 && product(shape) === 1 ? operand : undefined;
}

/** Images plus, minus or times one number for each channel. */
function perChannel({ blocks, g, node, inputs: [a, b] }: BlockedContext): readonly Value[] | undefined {
  if (a === undefined || b === undefined) return undefined;
  const [left, right] = [blocks.images(a), blocks.images(b)];
  const form = left ?? right;
  const vector = left === undefined ? a : b;
  if (form === undefined || !isPerChannel(vector, Number(form.shape?.[1]))) return undefined;
  const channels = g.reshape(vector, [Number(form.shape?.[1])]);
  switch (node.opType) {
    case "Add":
      return [blocks.plain(affine(blocks, { x: form, shift: channels }))];
    case "Mul":
      return [blocks.plain(affine(blocks, { x: form, slope: channels }))];
    case "Sub":
      // A vector minus images stays plain.
      return left === undefined ? undefined : [blocks.plain(affine(blocks, { x: form, shift: g.neg(channels) }))];
    default:
      return undefined;
  }
}

/**
 * a ± (x·slope + shift) in one pass, into the memory of a, where nothing else reads either: a batch normalization's
 * gradient.
 */
function sum({ blocks, g, node, inputs: [a, b], isOnlyReader }: BlockedContext): readonly Value[] | undefined {
  const [left, right] = [blocks.images(a), blocks.images(b)];
  const isSum = (node.opType === "Add" || node.opType === "Sub") && isOnlyReader(0) && isOnlyReader(1);
  const term = isSum && right !== undefined ? blocks.affineOf(right) : undefined;
  if (left === undefined || right === undefined || !isLike(left, right)) return undefined;
  if (term?.slope === undefined || term.added !== undefined) return undefined;
  const { x, slope, shift } = term;
  if (node.opType === "Add") return [blocks.plain(affine(blocks, { x, slope, shift, added: left }))];
  const negative = { slope: g.neg(slope), shift: shift && g.neg(shift) };
  return [blocks.plain(affine(blocks, { x, ...negative, added: left }))];
}

/** [C, 1, 1] or [1, C, 1, 1]. */
function isPerChannel({ shape = [] }: Value, channels: number): boolean {
  const extents = shape.length === 4 && shape[0] === 1 ? shape.slice(1) : shape;
  return extents.length === 3 && extents[0] === channels && extents[1] === 1 && extents[2] === 1;
}
