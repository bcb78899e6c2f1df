import fc from "fast-check";
import { numbersBetween, operand } from "../arbitraries.js";
import type { OperandCase, OperatorCase } from "../operator-case.js";

const CLASSES = 3;

/** Scores [N, C] or [N, C, D], labels, perhaps weights of the classes, perhaps a class that does not count. */
function lossByClass(op: string, outputs: number): fc.Arbitrary<OperatorCase> {
  return fc
    .record({
      examples: fc.integer({ min: 2, max: 3 }),
      positions: fc.option(fc.integer({ min: 1, max: 2 })),
      hasWeights: fc.boolean(),
      ignored: fc.option(fc.constant(0)),
      reduction: fc.constantFrom("mean", "none", "sum"),
    })
    .chain(({ examples, positions, hasWeights, ignored, reduction }) => {
      const rest = positions === null ? [] : [positions];
      const label = fc.integer({ min: 0, max: CLASSES - 1 });
      const operands = fc.tuple(
        operand([examples, CLASSES, ...rest], numbersBetween(-2, 2)),
        operand([examples, ...rest], label, "data"),
        operand([CLASSES], numbersBetween(0.3, 2), "data"),
      );
      return operands.map(([scores, labels, weights]) => {
        // One label that counts: a mean of none is not a number.
        const counted: OperandCase = { ...labels, dataType: "int64", values: labels.values.with(0, 1) };
        return {
          op,
          attributes: { reduction, ...(ignored === null ? {} : { ignore_index: ignored }) },
          inputs: hasWeights ? [scores, counted, weights] : [scores, counted],
          outputs,
        };
      });
    });
}

/** Applications of losses, by operator. */
export const lossCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  NegativeLogLikelihoodLoss: lossByClass("NegativeLogLikelihoodLoss", 1),
  SoftmaxCrossEntropyLoss: lossByClass("SoftmaxCrossEntropyLoss", 2),
};
