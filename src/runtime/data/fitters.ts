import { InputError } from "../../graph/errors.js";
import { elementCount } from "../../graph/tensor.js";
import type { FileColumn } from "./choose-columns.js";
import { type Block, elementsOf, readCodes, readScalars, type StoredColumn } from "./records.js";
import { addStretch, medianOf, Moments } from "./statistics.js";
import type { Store } from "./store.js";

/** Learns from examples what preprocessing needs to know of a column. */
export interface Fitter<Result> {
  add(block: Block, rows: Uint32Array): void;
  result(): Result;
}

/** Mean and divisor, and what fills missing values. */
export interface FittedNumbers {
  readonly subtract: number;
  readonly divide: number;
  readonly fill?: number;
}

/** Of single numbers; with a fill, mean and deviation are those of what is filled. */
export function numbersFitter(column: StoredColumn, fill: "mean" | "median" | undefined): Fitter<FittedNumbers> {
  const moments = new Moments();
  const kept: Float64Array[] = [];
  let missing = 0;
  return {
    add(block, rows) {
      const numbers = new Float64Array(rows.length);
      readScalars(block, column, numbers);
      missing += moments.add(numbers);
      if (fill === "median") kept.push(numbers.filter((number) => !Number.isNaN(number)));
    },
    result() {
      if (fill === undefined) return { subtract: moments.mean, divide: moments.divisor };
      const filled = fill === "mean" ? moments.mean : medianOf(joined(kept));
      moments.addGroup(missing, filled, 0);
      return { subtract: moments.mean, divide: moments.divisor, fill: filled };
    },
  };
}

/** The stretches of an array that have statistics of their own. */
export interface StatisticsAxis {
  /** Of the example's shape; undefined for one mean for all. */
  readonly axis: number | undefined;
  /** How many means. */
  readonly count: number;
  /** Elements behind each other that share one. */
  readonly inner: number;
}

/** Each element of a vector, all of a matrix, the channels of images and volumes have a mean of their own. */
export function statisticsAxis(shape: readonly number[]): StatisticsAxis {
  const axis = axisOf(shape);
  const after = axis === undefined ? shape : shape.slice(axis + 1);
  return {
    axis,
    count: axis === undefined ? 1 : (shape[axis] ?? 1),
    inner: elementCount(after),
  };
}

function axisOf(shape: readonly number[]): number | undefined {
  if (shape.length === 0 || shape.length === 2) return undefined;
  const [first = 1, last = 1] = [shape[0], shape.at(-1)];
  return shape.length > 2 && last <= 4 && first > 4 ? shape.length - 1 : 0;
}

/** Means and divisors of an array column. */
export function arrayFitter(
  column: StoredColumn,
  { count, inner }: StatisticsAxis,
): Fitter<{ readonly subtract: readonly number[]; readonly divide: readonly number[] }> {
  const moments = Array.from({ length: count }, () => new Moments());
  const scratch = new Float64Array(column.size);
  return {
    add(block, rows) {
      for (let index = 0; index < rows.length; index++) {
        scratch.set(elementsOf(block, column, index));
        for (const [part, each] of moments.entries()) {
          if (inner === 1) each.add(scratch.subarray(part), count);
          else {
            for (let from = part * inner; from < scratch.length; from += count * inner) {
              addStretch(each, scratch, from, inner);
            }
          }
        }
      }
    },
    result: () => ({ subtract: moments.map(({ mean }) => mean), divide: moments.map(({ divisor }) => divisor) }),
  };
}

/** The different values of a column, in order, and the most frequent of them (of several the first). */
export interface FittedValues {
  readonly values: readonly string[] | readonly number[];
  readonly mostFrequent: string | number | undefined;
}

/** @param isWhole whether numbers must be whole */
export function valuesFitter(
  store: Store,
  column: StoredColumn,
  { column: { name } }: FileColumn,
  isWhole: boolean,
): Fitter<FittedValues> {
  const counts = new Map<number, number>();
  const isText = column.kind === "text";
  return {
    add(block, rows) {
      const found = isText ? new Int32Array(rows.length) : new Float64Array(rows.length);
      if (found instanceof Int32Array) readCodes(block, column, found);
      else readScalars(block, column, found);
      for (const [index, value] of found.entries()) {
        if (Number.isNaN(value) || (isText && value === -1)) continue;
        if (isWhole && !Number.isInteger(value)) {
          const where = `${store.describe(rows[index] ?? 0)}, column "${name}"`;
          throw new InputError(where, `holds ${value}, and categories are text or whole numbers`);
        }
        counts.set(value, (counts.get(value) ?? 0) + 1);
      }
    },
    result() {
      if (!isText) {
        const values = [...counts.keys()].toSorted((a, b) => a - b);
        return { values, mostFrequent: mostFrequent(values, counts) };
      }
      const texts = store.texts(name);
      const byText = new Map([...counts].map(([code, count]) => [texts[code] ?? "", count]));
      const values = [...byText.keys()].toSorted(byCodeUnits);
      return { values, mostFrequent: mostFrequent(values, byText) };
    },
  };
}

function mostFrequent<Value>(values: readonly Value[], counts: ReadonlyMap<Value, number>): Value | undefined {
  let best: Value | undefined;
  let most = 0;
  for (const value of values) {
    const count = counts.get(value) ?? 0;
    if (count > most) [best, most] = [value, count];
  }
  return best;
}

/** The order of sort() without arguments, the same in every language. */
function byCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let place = 0;
  for (const part of parts) {
    all.set(part, place);
    place += part.length;
  }
  return all;
}
