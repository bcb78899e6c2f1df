import cliTruncate from "cli-truncate";
import stringWidth from "string-width";

/** A column of a text table. */
export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
  /** Whether cells may be shortened in the middle where the table is too wide. */
  readonly shrinks?: boolean;
  /** Columns that may go where the table is too wide, least important first. */
  readonly dispensable?: number;
}

/** A line of a table: its cells, or a heading over the whole width. */
export type Line = { readonly cells: readonly string[] } | { readonly heading: string };

const GAP = 2;
/** A name shortened further than this says little. */
const READABLE = 28;

/**
 * Lays out a table without rules, columns two spaces apart. Where it is too wide, dispensable columns go first, then
 * cells that may shrink are shortened in the middle, and at last lines are cut off.
 * @param columns the width to fit into; undefined for as wide as need be
 */
export function textTable(header: readonly Column[], lines: readonly Line[], columns: number | undefined): string {
  const natural = header.map(({ title }, index) =>
    lines.reduce(
      (widest, line) => ("cells" in line ? Math.max(widest, widthOf(line.cells[index] ?? "")) : widest),
      widthOf(title),
    ),
  );
  const all = header.map((column, index) => ({ ...column, index, width: natural[index] ?? 0 }));
  const shown = columns === undefined ? all : fitted(all, columns);
  const row = (cells: readonly string[]) =>
    shown
      .map(({ align, shrinks, index, width }, position) => {
        const cell = shrinks === true ? shortened(cells[index] ?? "", width) : (cells[index] ?? "");
        if (align === "left" && position === shown.length - 1) return cell;
        const padding = " ".repeat(Math.max(width - widthOf(cell), 0));
        return align === "left" ? cell + padding : padding + cell;
      })
      .join(" ".repeat(GAP))
      .trimEnd();
  const limit = columns ?? Number.POSITIVE_INFINITY;
  const headingWidth = Math.min(totalWidth(shown), limit);
  return [
    row(header.map(({ title }) => title)),
    ...lines.map((line) => ("heading" in line ? shortened(line.heading, headingWidth) : row(line.cells))),
  ]
    .map((line) => (widthOf(line) > limit ? cliTruncate(line, limit) : line))
    .join("\n")
    .concat("\n");
}

interface Placed extends Column {
  readonly index: number;
  readonly width: number;
}

function totalWidth(columns: readonly Placed[]): number {
  return columns.reduce((sum, { width }) => sum + width + GAP, -GAP);
}

/** Leaves out columns and narrows others until all fit, or nothing more can go. */
function fitted(all: readonly Placed[], space: number): readonly Placed[] {
  const readable = all.map((column) =>
    column.shrinks === true ? { ...column, width: Math.min(column.width, READABLE) } : column,
  );
  const going = readable.filter(({ dispensable }) => dispensable !== undefined);
  going.sort((a, b) => (a.dispensable ?? 0) - (b.dispensable ?? 0));
  let kept = readable;
  for (const column of going) {
    if (totalWidth(kept) <= space) break;
    kept = kept.filter((other) => other !== column);
  }
  const rigid = totalWidth(kept.map((column) => (column.shrinks === true ? { ...column, width: 0 } : column)));
  const shrinking = kept.filter(({ shrinks }) => shrinks === true).length;
  const share = Math.max(Math.floor((space - rigid) / Math.max(shrinking, 1)), 1);
  return kept.map((column) => {
    const natural = all[column.index]?.width ?? column.width;
    return column.shrinks === true ? { ...column, width: Math.min(natural, share) } : column;
  });
}

function shortened(text: string, width: number): string {
  return widthOf(text) <= width ? text : cliTruncate(text, width, { position: "middle" });
}

/** Columns that a text takes on a terminal. Nearly all text is of characters that take one each. */
function widthOf(text: string): number {
  return /^[\u0020-\u007e\u00a1-\u02ff\u2010-\u2027\u2580-\u258f]*$/.test(text) ? text.length : stringWidth(text);
}
