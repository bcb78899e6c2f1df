import type { Emitter, Value } from "../../graph/emitter.js";
import { integerAttribute } from "../../graph/model.js";
import { knownNumbers } from "../../graph/shapes/facts.js";
import { elementCount, rawBytes, type Tensor } from "../../graph/tensor.js";

/** Operators that work element by element, their operands broadcast against each other. */
export const elementWise: ReadonlySet<string> = new Set(
  (
    "Add Sub Mul Div Pow Mod Max Min Sum Mean Where PRelu And Or Xor Equal Less LessOrEqual Greater GreaterOrEqual " +
    "BitShift BitwiseAnd BitwiseOr BitwiseXor Cast Not Neg Abs Sign Exp Log Sqrt Reciprocal Sigmoid Tanh Relu Floor Ceil"
  ).split(" "),
);

/**
 * Whether a value is sure to be the same all along an axis.
 * @param trained names of constants that will not stay as they are
 */
export function isUniform(emitter: Emitter, value: Value, axis: number, trained: ReadonlySet<string>): boolean {
  const { shape, constant } = value;
  if (shape?.[axis] === 1) return true;
  if (trained.has(value.name)) return false;
  if (constant !== undefined) return isUniformConstant(constant, axis);
  const { node, inputs = [] } = emitter.emissionOf(value) ?? {};
  if (node === undefined || node.domain !== "" || shape === undefined) return false;
  /** Of operands that are broadcast to the value. */
  const isBroadcastUniform = (input: Value | undefined) => {
    if (input?.shape === undefined) return false;
    const own = axis - (shape.length - input.shape.length);
    return own < 0 || isUniform(emitter, input, own, trained);
  };
  const [first, second] = inputs;
  switch (node.opType) {
    case "ConstantOfShape":
      return true;
    case "Expand":
      return isBroadcastUniform(first);
    case "Slice":
      return first !== undefined && isUniform(emitter, first, axis, trained);
    case "Concat": {
      const along = integerAttribute(node, "axis", 0);
      const isAlong = axis === (along < 0 ? along + shape.length : along);
      return !isAlong && inputs.every((input) => input !== undefined && isUniform(emitter, input, axis, trained));
    }
    case "Unsqueeze": {
      const added = knownNumbers(second)?.map((other) => (other < 0 ? other + shape.length : other));
      if (first === undefined || added === undefined) return false;
      return isUniform(emitter, first, axis - added.filter((other) => other < axis).length, trained);
    }
    default:
      return elementWise.has(node.opType) && inputs.every(isBroadcastUniform);
  }
}

function isUniformConstant(tensor: Tensor, axis: number): boolean {
  const bytes = rawBytes(tensor);
  const extent = tensor.shape[axis] ?? 1;
  const repeated = bytes.length / elementCount(tensor.shape.slice(0, axis));
  const slice = repeated / extent;
  return bytes.every((byte, at) => byte === bytes[Math.floor(at / repeated) * repeated + (at % slice)]);
}
