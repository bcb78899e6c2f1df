import type { Dataflow, Operation, Value } from "../../graph/dataflow.js";
import { dataTypeOf, isFloatingPoint } from "../../graph/data-type.js";
import { integerAttribute } from "../../graph/model.js";
import { constantTensor } from "./constants.js";
import { isKnownDomain } from "./kernel-operators.js";

/** Operators whose results do not change smoothly with any input: integers, booleans, shapes, random numbers. */
const withoutGradient: ReadonlySet<string> = new Set(
  `And ArgMax ArgMin Bernoulli BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor ConstantOfShape Equal EyeLike Greater
  GreaterOrEqual HammingWindow HannWindow BlackmanWindow IsInf IsNaN Less LessOrEqual MelWeightMatrix Multinomial
  NonMaxSuppression NonZero Not Or RandomNormalLike RandomUniformLike Range Shape Size StringConcat StringSplit
  TfIdfVectorizer Xor`.split(/\s+/),
);

/** Inputs that only steer an operator: indices, shapes, axes, sizes, masks, lengths, quantization parameters. */
const steeringInputs: ReadonlyMap<string, readonly number[]> = new Map([
  ["AffineGrid", [1]],
  ["BatchNormalization", [3, 4]],
  ["CastLike", [1]],
  ["CenterCropPad", [1]],
  ["Compress", [1]],
  ["ConvInteger", [2, 3]],
  ["CumSum", [1]],
  ["CumProd", [1]],
  ["DequantizeLinear", [1, 2]],
  ["Dropout", [1, 2]],
  ["Expand", [1]],
  ["Gather", [1]],
  ["GatherElements", [1]],
  ["GatherND", [1]],
  ["GRU", [4]],
  ["If", [0]],
  ["LSTM", [4]],
  ["MatMulInteger", [2, 3]],
  ["MaxUnpool", [1, 2]],
  ["NegativeLogLikelihoodLoss", [1, 2]],
  ["OneHot", [0, 1]],
  ["Pad", [1, 3]],
  ["QLinearConv", [1, 2, 4, 5, 6, 7]],
  ["QLinearMatMul", [1, 2, 4, 5, 6, 7]],
  ["QGemm", [1, 2, 4, 5, 7, 8]],
  ["QAttention", [3, 4, 5, 6, 7]],
  ["QuantizeLinear", [1, 2]],
  ["ReduceL1", [1]],
  ["ReduceL2", [1]],
  ["ReduceLogSum", [1]],
  ["ReduceLogSumExp", [1]],
  ["ReduceMax", [1]],
  ["ReduceMean", [1]],
  ["ReduceMin", [1]],
  ["ReduceProd", [1]],
  ["ReduceSum", [1]],
  ["ReduceSumSquare", [1]],
  ["Reshape", [1]],
  ["Resize", [1, 2, 3]],
  ["ReverseSequence", [1]],
  ["RNN", [4]],
  ["RoiAlign", [1, 2]],
  ["ScatterElements", [1]],
  ["ScatterND", [1]],
  ["Scatter", [1]],
  ["Slice", [1, 2, 3, 4]],
  ["SoftmaxCrossEntropyLoss", [1, 2]],
  ["Split", [1]],
  ["Squeeze", [1]],
  ["Tile", [1]],
  ["TopK", [1]],
  ["Trilu", [1]],
  ["Unsqueeze", [1]],
  ["Upsample", [1]],
  ["Where", [0]],
]);

/** Whether a change of that input moves the operation's result smoothly. Unknown operators count as differentiable. */
export function isDifferentiable(operation: Operation, input: number): boolean {
  const { node } = operation;
  if (!isKnownDomain(node.domain)) return true;
  if (withoutGradient.has(node.opType)) return false;
  if (node.opType === "Cast") return isFloatingPoint(dataTypeOf(integerAttribute(node, "to", 1)));
  if (node.opType === "CastLike" && isNoFloat(operation.inputs[1])) return false;
  return steeringInputs.get(node.opType)?.includes(input) !== true;
}

/** What the gradient of a loss reaches. */
export interface GradientReach {
  readonly values: ReadonlySet<Value>;
  /** Whether all outputs are integers (class labels), so that the loss is taken to be on what they were made from. */
  readonly isBehindIntegers: boolean;
}

/**
 * The values that the gradient of a loss on the model's outputs reaches. Integer and boolean outputs start no gradient;
 * where no weights are reached otherwise, an ArgMax or Cast at the end is looked through.
 */
export function gradientReach(dataflow: Dataflow): GradientReach {
  const values = reachedFrom(dataflow.outputs.filter(canHaveGradient), isDifferentiable);
  if (dataflow.initializers.length === 0 || dataflow.initializers.some((value) => values.has(value))) {
    return { values, isBehindIntegers: false };
  }
  return { values: reachedFrom(dataflow.outputs, isOfValues), isBehindIntegers: true };
}

function reachedFrom(
  outputs: readonly Value[],
  isPassed: (operation: Operation, input: number) => boolean,
): ReadonlySet<Value> {
  const reached = new Set(outputs);
  for (const { origin } of reached) {
    if (origin.kind !== "operation") continue;
    for (const [index, input] of origin.operation.inputs.entries()) {
      if (input !== undefined && isPassed(origin.operation, index)) reached.add(input);
    }
  }
  return reached;
}

/** Operators that turn values into integers, at the end of classifiers. */
const labelling: ReadonlySet<string> = new Set([
  "ArgMax",
  "ArgMin",
  "Cast",
  "CastLike",
  "Greater",
  "GreaterOrEqual",
  "Less",
]);

function isOfValues(operation: Operation, input: number): boolean {
  return labelling.has(operation.node.opType) || isDifferentiable(operation, input);
}

/** Whether a value is known to be of another type than floating point. */
function isNoFloat(value: Value | undefined): boolean {
  if (value === undefined) return false;
  const tensor = constantTensor(value);
  return tensor === undefined ? !canHaveGradient(value) : !isFloatingPoint(tensor.dataType);
}

function canHaveGradient({ type }: Value): boolean {
  return type?.kind !== "tensor" || isFloatingPoint(type.dataType) || type.dataType === "undefined";
}
