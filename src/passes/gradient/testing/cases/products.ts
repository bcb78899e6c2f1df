import fc from "fast-check";
import { broadcastable, numbersBetween, operand, shapes } from "../arbitraries.js";
import type { OperatorCase } from "../operator-case.js";

const anyNumber = numbersBetween(-2, 2);
const extent = fc.integer({ min: 1, max: 3 });

/** Matrices and batches of them, and vectors. */
const matMul = fc
  .record({
    batch: shapes(0, 2, 2).chain((shape) => fc.tuple(broadcastable(shape), broadcastable(shape))),
    rows: fc.option(extent),
    inner: extent,
    columns: fc.option(extent),
  })
  .chain(({ batch: [left, right], rows, inner, columns }) =>
    fc.tuple(
      operand(rows === null ? [inner] : [...left, rows, inner], anyNumber),
      operand(columns === null ? [inner] : [...right, inner, columns], anyNumber),
    ),
  )
  .map((inputs) => ({ op: "MatMul", inputs }));

const gemm = fc
  .record({ rows: extent, inner: extent, columns: extent, transA: fc.nat({ max: 1 }), transB: fc.nat({ max: 1 }) })
  .chain(({ rows, inner, columns, transA, transB }) =>
    broadcastable([rows, columns])
      .chain((c) =>
        fc.tuple(
          operand(transA === 1 ? [inner, rows] : [rows, inner], anyNumber),
          operand(transB === 1 ? [columns, inner] : [inner, columns], anyNumber),
          fc.option(operand(c, anyNumber)),
        ),
      )
      .map((inputs) => ({
        op: "Gemm",
        attributes: { transA, transB, alpha: { float: 0.5 }, beta: { float: 2 } },
        inputs,
      })),
  );

/** Applications of matrix products, by operator. */
export const productCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  Gemm: gemm,
  MatMul: matMul,
};
