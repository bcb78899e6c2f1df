import { attributesOf } from "./builder.js";
import type { Value } from "./emitter.js";
import type { Operators } from "./operators.js";
import { tensorFacts } from "./shapes/facts.js";

/**
 * X⁻¹ of square matrices, by Gauss-Jordan elimination of [X | I] with partial pivoting, a column at a time. Not finite
 * where a matrix is singular.
 */
export function inverse(g: Operators, x: Value): Value {
  const count = g.extentsOf(x, g.rank(x) - 1);
  const size = g.squeeze(count, [0]);
  const extended = g.concat([x, g.expandLike(identity(g, size, x), x)], -1);
  const rows = g.unsqueeze(g.range(size), [1]);
  const body = g.body(
    "elimination",
    [
      { name: "column", facts: tensorFacts("int64", []) },
      { name: "condition", facts: tensorFacts("bool", []) },
      { name: "matrix", facts: extended },
    ],
    (inner, [column, condition, matrix]) => {
      if (column === undefined || condition === undefined || matrix === undefined) return g.unreachable("Loop");
      return [condition, eliminated(inner, matrix, column, rows)];
    },
  );
  const [result] = g.emitter.emit({
    opType: "Loop",
    inputs: [size, g.tensor("bool", [], [1]), extended],
    attributes: attributesOf({ body: body.graph }),
    bodies: new Map([["body", body.outputs]]),
  });
  return g.slice(result ?? g.unreachable("Loop"), -1, count);
}

/**
 * The matrix with row and column `column` of X as in I: its largest pivot swapped there, scaled to 1, and subtracted
 * from all other rows.
 */
function eliminated(g: Operators, matrix: Value, column: Value, rows: Value): Value {
  const entries = (m: Value) => g.gather(m, g.unsqueeze(column, [0]), -1);
  const isHere = g.equal(rows, column);
  const candidates = g.where(g.less(rows, column), -1, g.abs(entries(matrix)));
  const isPivot = g.equal(rows, g.op("ArgMax", [candidates], { axis: -2 }));
  const rowAt = (mask: Value) => g.reduceSum(g.where(mask, matrix, 0), [-2]);
  const swapped = g.where(isPivot, rowAt(isHere), matrix);
  const pivot = g.div(rowAt(isPivot), entries(rowAt(isPivot)));
  return g.where(isHere, pivot, g.sub(swapped, g.mul(entries(swapped), pivot)));
}

function identity(g: Operators, size: Value, like: Value): Value {
  const rows = g.range(size);
  return g.cast(g.equal(rows, g.unsqueeze(rows, [1])), like.dataType);
}
