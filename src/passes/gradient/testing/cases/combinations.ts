import fc from "fast-check";
import { broadcastable, numbersBetween, operand, shapes } from "../arbitraries.js";
import type { OperandCase, OperatorCase } from "../operator-case.js";

/** One to three operands that broadcast against each other. */
function several(op: string, numbersOf: (operand: number) => fc.Arbitrary<number>): fc.Arbitrary<OperatorCase> {
  return fc
    .tuple(shapes(0, 3), fc.integer({ min: 1, max: 3 }))
    .chain(([shape, count]) => fc.tuple(...Array.from({ length: count }, () => broadcastable(shape))))
    .chain((each) => fc.tuple(...each.map((shape, index) => operand(shape, numbersOf(index)))))
    .map((inputs) => ({ op, inputs }));
}

const anyNumber = numbersBetween(-2, 2);

/** Numbers that are never near to those of other operands. */
function apart(index: number): fc.Arbitrary<number> {
  return fc.integer({ min: -2, max: 2 }).map((number) => number + 0.3 * index);
}

const where = shapes(0, 3)
  .chain((shape) => fc.tuple(broadcastable(shape), broadcastable(shape), broadcastable(shape)))
  .chain(([condition, a, b]) =>
    fc.tuple(operand(condition, fc.nat({ max: 1 }), "data"), operand(a, anyNumber), operand(b, anyNumber)),
  )
  .map(([condition, a, b]) => ({
    op: "Where",
    inputs: [{ ...condition, dataType: "bool" } satisfies OperandCase, a, b],
  }));

/** Quotients that end in .5, .25 or .75: far from where the remainder jumps. */
const remainder = shapes(0, 3)
  .chain((shape) => fc.tuple(broadcastable(shape), broadcastable(shape)))
  .chain(([a, b]) =>
    fc.tuple(
      operand(
        a,
        fc.integer({ min: -4, max: 4 }).map((number) => number + 0.5),
      ),
      operand(b, fc.constantFrom(-2, -1, 1, 2)),
    ),
  )
  .map((inputs) => ({ op: "Mod", attributes: { fmod: 1 }, inputs }));

const clip = shapes(0, 3)
  .chain((shape) =>
    fc.tuple(
      operand(shape, numbersBetween(-2, 2, [-0.5, 0.5])),
      fc.option(operand([], fc.constant(-0.5))),
      fc.option(operand([], fc.constant(0.5))),
    ),
  )
  .map((inputs) => ({ op: "Clip", inputs }));

/** Applications of operators that combine values, by operator. */
export const combinationCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  Clip: clip,
  Max: several("Max", apart),
  Mean: several("Mean", () => anyNumber),
  Min: several("Min", apart),
  Mod: remainder,
  Sum: several("Sum", () => anyNumber),
  Where: where,
};
