import type { Block, StoredColumn } from "./records.js";
import type { Store } from "./store.js";

/** Rows that are looked at together. */
const MOST_ROWS = 4096;
const MOST_BYTES = 1 << 22;

/** Goes through rows in order, many at a time. @param visit gets the block of every store, and the rows in it */
export function scan(
  stores: readonly Store[],
  rows: Uint32Array,
  visit: (blocks: readonly Block[], rows: Uint32Array) => void,
): void {
  const rowBytes = stores.reduce((widest, store) => Math.max(widest, store.rowBytes), 1);
  const step = Math.max(Math.min(MOST_ROWS, Math.floor(MOST_BYTES / rowBytes)), 1);
  for (let start = 0; start < rows.length; start += step) {
    const some = rows.subarray(start, start + step);
    visit(
      stores.map((store) => store.block(some)),
      some,
    );
  }
}

/** The column of that name. */
export function storedColumn(store: Store | undefined, name: string): StoredColumn {
  const column = store?.columns.find((each) => each.name === name);
  if (column === undefined) throw new Error(`"${name}" was not stored`);
  return column;
}
