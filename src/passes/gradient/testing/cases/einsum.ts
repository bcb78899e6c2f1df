import fc from "fast-check";
import { numbersBetween, operand, tensorApart } from "../arbitraries.js";
import type { OperatorCase } from "../operator-case.js";

const extents: Readonly<Record<string, number>> = { a: 2, b: 3, c: 2, d: 1 };
const letters = Object.keys(extents);

/**
 * Any equation of one to three operands, with diagonals, sums over letters of one operand, and any order of the output.
 */
const einsum: fc.Arbitrary<OperatorCase> = fc
  .array(fc.array(fc.constantFrom(...letters), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 })
  .chain((terms) => fc.tuple(fc.constant(terms), fc.shuffledSubarray([...new Set(terms.flat())])))
  .chain(([terms, output]) => {
    const operands = terms.map((term) =>
      operand(
        term.map((letter) => extents[letter] ?? 1),
        numbersBetween(-1, 1),
      ),
    );
    const equation = `${terms.map((term) => term.join("")).join(",")}->${output.join("")}`;
    return fc.tuple(...operands).map((inputs) => ({ op: "Einsum", attributes: { equation }, inputs }));
  });

const determinant: fc.Arbitrary<OperatorCase> = fc
  .constantFrom([1, 1], [2, 2], [3, 3], [2, 2, 2], [4, 4])
  .chain((shape) => tensorApart(shape))
  .map((x) => ({ op: "Det", inputs: [{ ...x, values: x.values.map((value) => value / 2) }] }));

/** Applications of sums of products, by operator. */
export const einsumCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = { Einsum: einsum, Det: determinant };
