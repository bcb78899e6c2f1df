import fc from "fast-check";
import { broadcastable, numbersBetween, operand, shapes } from "../arbitraries.js";
import type { OperatorCase } from "../operator-case.js";

function binary(op: string, left: fc.Arbitrary<number>, right: fc.Arbitrary<number>): fc.Arbitrary<OperatorCase> {
  return shapes(0, 3)
    .chain((shape) => fc.tuple(broadcastable(shape), broadcastable(shape)))
    .chain(([a, b]) => fc.tuple(operand(a, left), operand(b, right)))
    .map((inputs) => ({ op, inputs }));
}

const anyNumber = numbersBetween(-2, 2);
const positive = numbersBetween(0.3, 2);

/** Applications of arithmetic operators, by operator. */
export const arithmeticCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  Add: binary("Add", anyNumber, anyNumber),
  Sub: binary("Sub", anyNumber, anyNumber),
  Mul: binary("Mul", anyNumber, anyNumber),
  Div: binary("Div", anyNumber, positive),
  Pow: binary("Pow", positive, anyNumber),
};
