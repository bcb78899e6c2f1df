import { InputError } from "../../graph/errors.js";
import type { FedInput, FileColumn } from "./choose-columns.js";
import { ascending } from "./order.js";
import { type Block, elementsOf, readCodes, readScalars, type StoredColumn } from "./records.js";
import { scan, storedColumn } from "./scan.js";
import type { Store } from "./store.js";

/** What becomes of missing values. */
export interface MissingPolicy {
  /** Whether examples are left out that lack what is not filled. */
  readonly isDropped: boolean;
  /** Whether a column's missing values are filled. */
  readonly isFilled: (input: FedInput, column: FileColumn) => boolean;
}

/**
 * The rows that have all that is needed, in ascending order.
 * @throws InputError for missing values that are neither filled nor dropped, and for infinite numbers
 */
export function usableRows(inputs: readonly FedInput[], stores: readonly Store[], policy: MissingPolicy): Uint32Array {
  const count = stores[0]?.rows ?? 0;
  const lacking: (readonly [number, StoredColumn])[] = [];
  for (const input of inputs) {
    for (const fed of input.columns) {
      const store = stores[fed.file];
      if (store === undefined) continue;
      const { name } = fed.column;
      const { missing, firstMissing, firstInfinite } = store.findings(name);
      if (firstInfinite >= 0) {
        const where = `${store.describe(firstInfinite)}, column "${name}"`;
        throw new InputError(where, "is infinite", "correct it, or leave it empty and choose --missing drop");
      }
      if (missing === 0 || policy.isFilled(input, fed)) continue;
      if (!policy.isDropped) throw missingValue(input, fed, store.describe(firstMissing));
      lacking.push([fed.file, storedColumn(store, name)]);
    }
  }
  if (lacking.length === 0) return ascending(count);
  const isKept = new Uint8Array(count).fill(1);
  scan(stores, ascending(count), (blocks, rows) => {
    for (const [file, column] of lacking) {
      const block = blocks[file];
      if (block !== undefined) markMissing(block, column, rows, isKept);
    }
  });
  return ascending(count).filter((row) => isKept[row] === 1);
}

function missingValue(input: FedInput, { column }: FileColumn, place: string): InputError {
  const isFillable = input.role === "feature" && column.shape.length === 0;
  const remedy = isFillable ? "choose --missing drop, mean or median" : "choose --missing drop";
  const what = column.shape.length === 0 ? "is missing" : "holds a value that is missing (NaN)";
  return new InputError(`${place}, column "${column.name}"`, what, `correct it, or ${remedy}`);
}

function markMissing(block: Block, column: StoredColumn, rows: Uint32Array, isKept: Uint8Array): void {
  if (column.kind === "text") {
    const codes = new Int32Array(rows.length);
    readCodes(block, column, codes);
    for (const [index, row] of rows.entries()) if (codes[index] === -1) isKept[row] = 0;
  } else if (column.shape.length === 0) {
    const numbers = new Float64Array(rows.length);
    readScalars(block, column, numbers);
    for (const [index, row] of rows.entries()) if (Number.isNaN(numbers[index])) isKept[row] = 0;
  } else {
    for (const [index, row] of rows.entries()) {
      if (elementsOf(block, column, index).some((number) => Number.isNaN(number))) isKept[row] = 0;
    }
  }
}
