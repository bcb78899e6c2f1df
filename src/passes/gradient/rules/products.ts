import type { Value } from "../../../graph/emitter.js";
import { floatAttribute, integerAttribute } from "../../../graph/model.js";
import type { Operators } from "../../../graph/operators.js";
import { rule, type GradientRules } from "../rule.js";

/** Products of matrices. */
export const products: GradientRules = {
  /** Y = A·B.  dA = dY·Bᵀ, dB = Aᵀ·dY, summed over broadcast batch axes. */
  MatMul: rule(2, ({ g, inputs: [a, b], needs, dY }) => {
    // A vector is a matrix of one row, or of one column.
    const [rows, columns] = [g.rank(a) === 1 ? g.unsqueeze(a, [0]) : a, g.rank(b) === 1 ? g.unsqueeze(b, [1]) : b];
    const missing = [...(g.rank(a) === 1 ? [-2] : []), ...(g.rank(b) === 1 ? [-1] : [])];
    const dMatrix = g.unsqueeze(dY, missing.length === 2 ? [0, 1] : missing);
    return [
      needs(0) && g.reshapeLike(g.unbroadcast(g.matMul(dMatrix, g.transposeLast(columns)), rows), a),
      needs(1) && g.reshapeLike(weightGradient(g, rows, columns, dMatrix), b),
    ];
  }),

  /** Y = α·A'·B' + β·C, A' = A or Aᵀ.  dA' = α·dY·B'ᵀ, dB' = α·A'ᵀ·dY, dC = β·dY, summed over broadcast axes. */
  Gemm: rule(2, ({ g, node, inputs: [a, b, c], needs, dY }) => {
    const [alpha, beta] = [floatAttribute(node, "alpha", 1), floatAttribute(node, "beta", 1)];
    const [transA, transB] = [integerAttribute(node, "transA", 0), integerAttribute(node, "transB", 0)];
    const product = (left: Value, right: Value, transLeft: number, transRight: number) =>
      g.op("Gemm", [left, right], { alpha: { float: alpha }, transA: transLeft, transB: transRight });
    return [
      needs(0) && (transA === 0 ? product(dY, b, 0, 1 - transB) : product(b, dY, transB, 1)),
      needs(1) && (transB === 0 ? product(a, dY, 1 - transA, 0) : product(dY, a, 1, transA)),
      needs(2) && c !== undefined && g.mul(g.unbroadcast(dY, c), beta),
    ];
  }),
};

/** dB = Aᵀ·dY. Where B is one matrix for all batches, the batches become rows: one product, and no sum over them. */
function weightGradient(g: Operators, a: Value, b: Value, dY: Value): Value {
  if (g.rank(b) > 2 || g.rank(a) === 2) return g.unbroadcast(g.matMul(g.transposeLast(a), dY), b);
  const [inner, outer] = g.shape(b);
  if (inner === undefined || outer === undefined) return g.unreachable("MatMul");
  const flat = (x: Value) => g.op("Flatten", [x], { axis: g.rank(x) - 1 });
  return g.op("Gemm", [flat(a), flat(dY)], { transA: 1 });
}
