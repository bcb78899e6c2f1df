import fc from "fast-check";
import { numbersBetween, operand } from "../arbitraries.js";
import type { OperandCase, OperatorCase } from "../operator-case.js";

/** One scale, or one for each column. */
const dequantizeLinear = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), fc.boolean())
  .chain(([rows, columns, isPerColumn]) =>
    fc.tuple(
      operand([rows, columns], fc.integer({ min: 0, max: 9 }), "data"),
      operand(isPerColumn ? [columns] : [], numbersBetween(0.3, 2)),
    ),
  )
  .map(([x, scale]) => ({
    op: "DequantizeLinear",
    inputs: [{ ...x, dataType: "uint8" } satisfies OperandCase, scale],
  }));

/** Applications of operators on quantized numbers, by operator. */
export const quantizationCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  DequantizeLinear: dequantizeLinear,
};
