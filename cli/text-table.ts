import cliTruncate from "cli-truncate";
import stringWidth from "string-width";

/** A column of a text table. */
export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
  /** Whether cells may be shortened in the middle where the table is too wide. */
  readonly shrinks?: boolean;
}

/** A line of a table: its cells, or a heading over the whole width. */
export type Line = { readonly cells: readonly string[] } | { readonly heading: string };

const GAP = 2;
/** A name shortened further than this says nothing. */
const NARROWEST = 12;

/**
 * Lays out a table without rules, columns two spaces apart.
 * @param columns the width to fit into; undefined for as wide as need be
 */
export function textTable(header: readonly Column[], lines: readonly Line[], columns: number | undefined): string {
  const widths = columnWidths(header, lines, columns);
  const total = widths.reduce((sum, width) => sum + width + GAP, -GAP);
  const row = (cells: readonly string[]) =>
    header
      .map(({ align, shrinks }, index) => {
        const width = widths[index] ?? 0;
        const cell = shrinks === true ? shortened(cells[index] ?? "", width) : (cells[index] ?? "");
        const padding = " ".repeat(Math.max(width - widthOf(cell), 0));
        return align === "left" ? cell + padding : padding + cell;
      })
      .join(" ".repeat(GAP))
      .trimEnd();
  return [
    row(header.map(({ title }) => title)),
    ...lines.map((line) => ("heading" in line ? shortened(line.heading, Math.max(total, NARROWEST)) : row(line.cells))),
    "",
  ].join("\n");
}

/** Natural widths; where they exceed the space, the columns that may shrink share what is left. */
function columnWidths(
  header: readonly Column[],
  lines: readonly Line[],
  columns: number | undefined,
): readonly number[] {
  const natural = header.map(({ title }, index) =>
    lines.reduce(
      (widest, line) => ("cells" in line ? Math.max(widest, widthOf(line.cells[index] ?? "")) : widest),
      widthOf(title),
    ),
  );
  if (columns === undefined) return natural;
  const fixed = natural.reduce((sum, width, index) => sum + GAP + (header[index]?.shrinks === true ? 0 : width), -GAP);
  const shrinking = natural.filter((_, index) => header[index]?.shrinks === true).toSorted((a, b) => a - b);
  // Narrow columns keep their width; the rest is divided evenly among the wider ones.
  let space = columns - fixed;
  let limit = Number.POSITIVE_INFINITY;
  for (const [index, width] of shrinking.entries()) {
    const share = space / (shrinking.length - index);
    if (width > share) {
      limit = Math.max(Math.floor(share), NARROWEST);
      break;
    }
    space -= width;
  }
  return natural.map((width, index) => (header[index]?.shrinks === true ? Math.min(width, limit) : width));
}

function shortened(text: string, width: number): string {
  return widthOf(text) <= width ? text : cliTruncate(text, width, { position: "middle" });
}

/** Columns that a text takes on a terminal. Nearly all text is of characters that take one each. */
function widthOf(text: string): number {
  return /^[\u0020-\u007e\u00a1-\u02ff\u2010-\u2027\u2580-\u258f]*$/.test(text) ? text.length : stringWidth(text);
}
