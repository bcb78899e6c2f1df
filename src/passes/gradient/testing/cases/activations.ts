import fc from "fast-check";
import { broadcastable, numbersBetween, operand, shapes } from "../arbitraries.js";
import type { OperatorCase } from "../operator-case.js";
import { elementWise } from "./elementary.js";

const anyNumber = numbersBetween(-3, 3);
const bent = numbersBetween(-3, 3, [0]);

/** Of a shape to which the slope broadcasts alone. */
const prelu = shapes(0, 3)
  .chain((shape) => broadcastable(shape).chain((slope) => fc.tuple(operand(shape, bent), operand(slope, anyNumber))))
  .map((inputs) => ({ op: "PRelu", inputs }));

/** Applications of activations, by operator. */
export const activationCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  Celu: elementWise("Celu", anyNumber, { alpha: { float: 1.5 } }),
  Elu: elementWise("Elu", bent, { alpha: { float: 0.5 } }),
  Gelu: fc.oneof(elementWise("Gelu", anyNumber), elementWise("Gelu", anyNumber, { approximate: "tanh" })),
  HardSigmoid: elementWise("HardSigmoid", numbersBetween(-3, 3, [-2.5, 2.5])),
  HardSwish: elementWise("HardSwish", numbersBetween(-4, 4, [-3, 3])),
  LeakyRelu: elementWise("LeakyRelu", bent, { alpha: { float: 0.2 } }),
  Mish: elementWise("Mish", anyNumber),
  PRelu: prelu,
  Relu: elementWise("Relu", bent),
  Selu: elementWise("Selu", bent),
  Shrink: elementWise("Shrink", numbersBetween(-3, 3, [-1, 1]), { lambd: { float: 1 }, bias: { float: 0.5 } }).map(
    (of) => ({ ...of, isSinglePrecision: true }),
  ),
  Sigmoid: elementWise("Sigmoid", anyNumber),
  Softplus: elementWise("Softplus", anyNumber),
  Softsign: elementWise("Softsign", bent),
  Swish: elementWise("Swish", anyNumber, { alpha: { float: 1.5 } }).map((of) => ({ ...of, isWithoutKernel: true })),
  ThresholdedRelu: elementWise("ThresholdedRelu", numbersBetween(-3, 3, [1])),
};
