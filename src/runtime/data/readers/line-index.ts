/** On which line of a text file its rows are. */
export interface LineIndex {
  /** To be called for rows from 0 on, in order; again from 0 when the file is read again. */
  add(row: number, line: number): void;
  /** The line, from 1; undefined for a row that is not known. */
  lineOf(row: number): number | undefined;
}

/** Rows after a change in how far line and row are apart; more are not kept, and their lines not known. */
const MOST_CHANGES = 1 << 20;

/** Kept small: most files have one row on each line, so that only changes are noted. */
export function lineIndex(): LineIndex {
  const changes: { readonly row: number; readonly apart: number }[] = [];
  let known = 0;
  return {
    add(row, line) {
      if (row < known) return;
      const apart = line - row;
      if (changes.at(-1)?.apart !== apart) {
        if (changes.length === MOST_CHANGES) return;
        changes.push({ row, apart });
      }
      known = row + 1;
    },
    lineOf(row) {
      if (row >= known) return undefined;
      let low = 0;
      let high = changes.length;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if ((changes[middle]?.row ?? 0) <= row) low = middle;
        else high = middle;
      }
      const apart = changes[low]?.apart;
      return apart === undefined ? undefined : row + apart;
    },
  };
}
