import fc from "fast-check";
import { axisOf, integerConstant, numbersBetween, operand, shapes, tensorApart } from "../arbitraries.js";
import type { OperandCase, OperatorCase } from "../operator-case.js";

/** Along any axes, or all; kept or not. */
function reduction(
  op: string,
  operandOf: (shape: readonly number[]) => fc.Arbitrary<OperandCase>,
): fc.Arbitrary<OperatorCase> {
  return shapes(1, 3)
    .chain((shape) =>
      fc.record({ x: operandOf(shape), axes: fc.option(fc.subarray([...shape.keys()])), keepdims: fc.nat({ max: 1 }) }),
    )
    .map(({ x, axes, keepdims }) => ({
      op,
      attributes: { keepdims },
      inputs: axes === null ? [x] : [x, integerConstant(axes)],
    }));
}

/** Along one axis, which is an attribute. */
function alongAttribute(op: string, attributes: Readonly<Record<string, number>> = {}): fc.Arbitrary<OperatorCase> {
  return shapes(1, 3)
    .chain((shape) => fc.tuple(operand(shape, awayFromZero), axisOf(shape)))
    .map(([x, axis]) => ({ op, attributes: { ...attributes, axis }, inputs: [x] }));
}

/** Along one axis, which is an input. */
function cumulation(op: string): fc.Arbitrary<OperatorCase> {
  return shapes(1, 3)
    .chain((shape) =>
      fc.record({
        x: operand(shape, anyNumber),
        axis: axisOf(shape),
        exclusive: fc.nat({ max: 1 }),
        reverse: fc.nat({ max: 1 }),
      }),
    )
    .map(({ x, axis, exclusive, reverse }) => ({
      op,
      attributes: { exclusive, reverse },
      inputs: [x, integerConstant([axis], [])],
    }));
}

const anyNumber = numbersBetween(-2, 2);
const awayFromZero = numbersBetween(-2, 2, [0], 0.2);
const reductionOf = (op: string, numbers: fc.Arbitrary<number>) => reduction(op, (shape) => operand(shape, numbers));

const topK = shapes(1, 3)
  .chain((shape) => fc.tuple(tensorApart(shape), axisOf(shape), fc.nat({ max: 1 })))
  .chain(([x, axis, largest]) =>
    fc.integer({ min: 1, max: x.shape.at(axis) ?? 1 }).map((k) => ({
      op: "TopK",
      attributes: { axis, largest },
      inputs: [x, integerConstant([k])],
      outputs: 2,
    })),
  );

/** Applications of reductions and other operators along axes, by operator. */
export const reductionCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  CumProd: cumulation("CumProd"),
  CumSum: cumulation("CumSum"),
  LogSoftmax: alongAttribute("LogSoftmax"),
  LpNormalization: fc.oneof(alongAttribute("LpNormalization", { p: 1 }), alongAttribute("LpNormalization", { p: 2 })),
  ReduceL1: reductionOf("ReduceL1", awayFromZero),
  ReduceL2: reductionOf("ReduceL2", awayFromZero),
  ReduceLogSum: reductionOf("ReduceLogSum", numbersBetween(0.3, 2)),
  ReduceLogSumExp: reductionOf("ReduceLogSumExp", anyNumber),
  ReduceMax: reduction("ReduceMax", tensorApart),
  ReduceMean: reductionOf("ReduceMean", anyNumber),
  ReduceMin: reduction("ReduceMin", tensorApart),
  ReduceProd: reductionOf("ReduceProd", anyNumber),
  ReduceSum: reductionOf("ReduceSum", anyNumber),
  ReduceSumSquare: reductionOf("ReduceSumSquare", anyNumber),
  Softmax: alongAttribute("Softmax"),
  TopK: topK,
};
