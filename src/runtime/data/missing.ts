import { InputError } from "../../graph/errors.js";
import type { FedInput, FileColumn } from "./choose-columns.js";
import { integerRange } from "./host-array.js";
import { ascending } from "./order.js";
import { type Block, elementsOf, readCodes, readScalars, type StoredColumn } from "./records.js";
import { scan, storedColumn } from "./scan.js";
import type { Store } from "./store.js";

/** What becomes of missing values. */
export interface MissingPolicy {
  /** Whether examples are left out that lack what is not filled. */
  readonly isDropped: boolean;
  /** Whether a column's missing values are filled, or are to stay. */
  readonly isFilled: (input: FedInput, column: FileColumn) => boolean;
  /** How another policy is had, for messages. */
  readonly remedy: "choose" | "train with";
}

/** A column in which values are missing that are not filled. */
interface LackingColumn {
  readonly input: FedInput;
  readonly fed: FileColumn;
  readonly store: Store;
  readonly firstRow: number;
}

/**
 * The rows that have all that is needed, in ascending order.
 * @throws InputError for missing values that are neither filled nor dropped, and for infinite numbers
 */
export function usableRows(inputs: readonly FedInput[], stores: readonly Store[], policy: MissingPolicy): Uint32Array {
  const count = stores[0]?.rows ?? 0;
  const lacking: LackingColumn[] = [];
  for (const input of inputs) {
    for (const fed of input.columns) {
      const store = stores[fed.file];
      if (store === undefined) continue;
      const { firstMissing, firstInfinite } = store.findings(fed.column.name);
      if (firstInfinite >= 0) throw infiniteValue(fed, store.describe(firstInfinite), policy);
      if (firstMissing >= 0 && !policy.isFilled(input, fed))
        lacking.push({ input, fed, store, firstRow: firstMissing });
    }
  }
  if (lacking.length === 0) return ascending(count);
  const isKept = new Uint8Array(count).fill(1);
  const columns = lacking.map(({ fed, store }) => ({ file: fed.file, column: storedColumn(store, fed.column.name) }));
  scan(stores, ascending(count), (blocks, rows) => {
    for (const { file, column } of columns) {
      const block = blocks[file];
      if (block !== undefined) markMissing(block, column, rows, isKept);
    }
  });
  const kept = ascending(count).filter((row) => isKept[row] === 1);
  if (policy.isDropped) return kept;
  const first = lacking.reduce((a, b) => (b.firstRow < a.firstRow ? b : a));
  throw missingValue(first, `${count - kept.length} of ${count}`, policy);
}

function infiniteValue({ column: { name, shape } }: FileColumn, place: string, { remedy }: MissingPolicy): InputError {
  const what = shape.length === 0 ? "is infinite" : "holds an infinite number";
  return new InputError(
    `${place}, column "${name}"`,
    what,
    `correct it, or make it missing (NaN) and ${remedy} --missing drop`,
  );
}

function missingValue({ input, fed, store, firstRow }: LackingColumn, share: string, { remedy }: MissingPolicy) {
  const { name, shape, kind } = fed.column;
  const isFillable =
    input.role === "feature" &&
    input.type !== "string" &&
    shape.length === 0 &&
    (kind === "text" || integerRange(input.type) === undefined);
  const choice = `${remedy} --missing ${isFillable ? "drop, mean or median" : "drop"}`;
  const what = shape.length === 0 ? "is missing" : "holds NaN, a missing value";
  const where = `${store.describe(firstRow)}, column "${name}"`;
  return new InputError(where, `${what} (examples that lack values: ${share})`, `correct it, or ${choice}`);
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
