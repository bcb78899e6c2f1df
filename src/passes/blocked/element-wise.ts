import type { Value } from "../../graph/emitter.js";
import { product } from "../../graph/shapes/extent.js";
import { elementWise as elementWiseShapes } from "../../graph/shapes/rules/element-wise.js";
import { affine } from "./channel-wise.js";
import { type BlockedContext, type BlockedRule, type Blocks, isLike } from "./blocks.js";

/** Operators that do the same with every element, wherever it is. */
const operators = [...Object.keys(elementWiseShapes), "Cast"];

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
      return [blocks.plain(affine(blocks, form, undefined, channels))];
    case "Mul":
      return [blocks.plain(affine(blocks, form, channels, undefined))];
    case "Sub":
      // A vector minus images stays plain.
      return left === undefined ? undefined : [blocks.plain(affine(blocks, form, undefined, g.neg(channels)))];
    default:
      return undefined;
  }
}

/** a ± b in the pass that makes one of them, where nothing else reads it: residuals, normalizations' gradients. */
function sum({ blocks, node: { opType }, inputs: [a, b], isOnlyReader }: BlockedContext): readonly Value[] | undefined {
  const [left, right] = [blocks.images(a), blocks.images(b)];
  if (left === undefined || right === undefined || !isLike(left, right)) return undefined;
  if (opType !== "Add" && opType !== "Sub") return undefined;
  const ofRight = isOnlyReader(1) ? blocks.sum(left, right, opType === "Add" ? 1 : -1) : undefined;
  const y = ofRight ?? (opType === "Add" && isOnlyReader(0) ? blocks.sum(right, left, 1) : undefined);
  return y && [blocks.plain(y)];
}

/** [C, 1, 1] or [1, C, 1, 1]. */
function isPerChannel({ shape = [] }: Value, channels: number): boolean {
  const extents = shape.length === 4 && shape[0] === 1 ? shape.slice(1) : shape;
  return extents.length === 3 && extents[0] === channels && extents[1] === 1 && extents[2] === 1;
}
