import type { Value } from "./emitter.js";
import { InputError } from "./errors.js";
import { type Operators, range } from "./operators.js";
import { type Extent, product } from "./shapes/extent.js";
import { knownNumbers } from "./shapes/facts.js";

/** Places in a table, whose elements, row-major, are seen as rows of `width` elements. */
export interface Rows {
  /** Which rows, of any shape; counted from the back where negative. */
  readonly rows: Value;
  readonly width: Extent;
}

/**
 * A table with updates, a row for each of the places, reduced into it ("add", "mul", "max", "min"). ScatterND is the
 * operator for this, but threads of ONNX Runtime (1.32) that come to one row at the same time lose updates;
 * ScatterElements works in one thread.
 */
export function scatterRows(g: Operators, table: Value, places: Rows, updates: Value, reduction: string): Value {
  return g.reshapeLike(scattered(g, g.reshape(table, [-1]), places, updates, reduction), table);
}

/** Rows added up at their places, in a table like another one. */
export function addRows(g: Operators, like: Value, places: Rows, updates: Value): Value {
  return g.reshapeLike(scattered(g, zerosFor(g, like, places), places, updates, "add"), like);
}

/** Element by element, as a vector. */
function scattered(g: Operators, flat: Value, { rows, width }: Rows, updates: Value, reduction: string): Value {
  const row = g.reshape(g.cast(rows, "int64"), width === 1 ? [-1] : [-1, 1]);
  const places = width === 1 ? row : g.reshape(g.add(g.mul(row, g.integer(width)), g.range(width)), [-1]);
  return g.op("ScatterElements", [flat, places, g.reshape(updates, [-1])], { axis: 0, reduction });
}

/** Runtimes keep the zeros of a table whose shape is known as a constant; of a larger one they are made in each run. */
const mostConstantZeros = 65_536;

/** As many zeros as a table has elements. */
function zerosFor(g: Operators, like: Value, { rows }: Rows): Value {
  const size = product(g.shape(like));
  if (typeof size === "string" || size <= mostConstantZeros) return g.full(g.extents([size]), 0, like.dataType);
  const zero = g.cast(g.mul(g.reduceSum(g.cast(rows, "int64"), undefined, false), 0), like.dataType);
  return g.expand(zero, [size]);
}

/**
 * The rows of a table that index tuples name, as GatherND and ScatterND have them: the last axis of `indices`, of known
 * length.
 * @param batchAxes how many leading axes the table and the indices have in common; the tuples index those behind them
 * @param where what an error is about
 */
export function rowsOfTuples(g: Operators, table: Value, indices: Value, batchAxes: number, where: string): Rows {
  const outer = g.shape(indices).slice(0, -1);
  const length = g.shape(indices).at(-1);
  if (typeof length !== "number") throw new InputError(where, "has index tuples of a length that is not known");
  const indexed = g.shape(table).slice(batchAxes, batchAxes + length);
  const width = product(g.shape(table).slice(batchAxes + length));
  const strides = indexed.map((_, axis) => product(indexed.slice(axis + 1)));
  const isFromFront = knownNumbers(indices)?.every((index) => index >= 0) === true;
  const fromFront = isFromFront ? indices : g.where(g.less(indices, 0), g.add(indices, g.extents(indexed)), indices);
  const rows = g.reduceSum(g.mul(fromFront, g.extents(strides)), [-1], false);
  if (batchAxes === 0) return { rows, width };
  const batches = outer.slice(0, batchAxes);
  const aligned = [...batches, ...range(outer.length - batchAxes).map(() => 1)];
  const firstRows = g.mul(g.range(product(batches)), g.integer(product(indexed)));
  return { rows: g.add(rows, g.reshape(firstRows, aligned)), width };
}
