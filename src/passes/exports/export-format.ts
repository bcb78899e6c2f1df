import type { ScaleTable } from "../scaling/scale-table.js";

/** A way to use a scale table elsewhere: a text made from nothing but the table. */
export interface ExportFormat {
  /** One line: what it makes and for whom. */
  readonly summary: string;
  /** The file name extension that fits, with its dot. */
  readonly extension: string;
  /** @throws InputError where the table holds nothing that could be applied by name */
  generate(table: ScaleTable): string;
}
