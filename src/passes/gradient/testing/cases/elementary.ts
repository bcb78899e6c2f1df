import fc from "fast-check";
import type { AttributeInputs } from "../../../../graph/builder.js";
import { numbersBetween, operand, shapes } from "../arbitraries.js";
import type { OperatorCase } from "../operator-case.js";

/** Applications of an operator with one input to tensors of such numbers. */
export function elementWise(
  op: string,
  numbers: fc.Arbitrary<number>,
  attributes: AttributeInputs = {},
): fc.Arbitrary<OperatorCase> {
  return shapes(0, 3)
    .chain((shape) => operand(shape, numbers))
    .map((x) => ({ op, attributes, inputs: [x] }));
}

const anyNumber = numbersBetween(-2, 2);
const positive = numbersBetween(0.3, 2);
const insideOne = numbersBetween(-0.8, 0.8);
const FLOAT64 = 11;

/** Applications of elementary functions, by operator. */
export const elementaryCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  Abs: elementWise("Abs", numbersBetween(-2, 2, [0])),
  Acos: elementWise("Acos", insideOne),
  Acosh: elementWise("Acosh", numbersBetween(1.5, 4)),
  Asin: elementWise("Asin", insideOne),
  Asinh: elementWise("Asinh", anyNumber),
  Atan: elementWise("Atan", anyNumber),
  Atanh: elementWise("Atanh", insideOne),
  Cast: elementWise("Cast", anyNumber, { to: FLOAT64 }),
  CastLike: shapes(0, 3)
    .chain((shape) => fc.tuple(operand(shape, anyNumber), operand([1], anyNumber, "data")))
    .map((inputs) => ({ op: "CastLike", inputs })),
  Cos: elementWise("Cos", anyNumber),
  Cosh: elementWise("Cosh", anyNumber),
  Erf: elementWise("Erf", anyNumber),
  Exp: elementWise("Exp", anyNumber),
  Identity: elementWise("Identity", anyNumber),
  Log: elementWise("Log", positive),
  Neg: elementWise("Neg", anyNumber),
  Reciprocal: elementWise("Reciprocal", numbersBetween(0.5, 2)),
  Sin: elementWise("Sin", anyNumber),
  Sinh: elementWise("Sinh", anyNumber),
  Sqrt: elementWise("Sqrt", positive),
  Tan: elementWise("Tan", numbersBetween(-1, 1)),
  Tanh: elementWise("Tanh", anyNumber),
};
