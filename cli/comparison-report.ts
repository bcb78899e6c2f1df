import { markdownTable } from "markdown-table";
import { comparisonColumns, type ComparisonResult, describeTarget } from "../src/index.js";
import { type Column, textTable } from "./text-table.js";

/** Columns that may go where the table is too wide, the first of them first. */
const dispensable: ReadonlyMap<string, number> = new Map(
  ["mean S", "steps", "seconds to target", "steps to target", "at target"].map((title, order) => [title, order]),
);

/** A comparison as a table with its verdict. */
export function comparisonTable(
  result: ComparisonResult,
  format: "table" | "markdown",
  width: number | undefined,
): string {
  const columns: readonly Column[] = [
    { title: result.measure, align: "left", shrinks: true },
    ...[...comparisonColumns.keys()].map((title): Column => {
      const order = dispensable.get(title);
      return { title, align: "right", ...(order === undefined ? {} : { dispensable: order }) };
    }),
  ];
  const rows = result.variants.map((variant) => [
    variant.name,
    ...[...comparisonColumns.values()].map((cellOf) => cellOf(variant)?.text ?? ""),
  ]);
  const lines = rows.map((cells) => ({ cells }));
  const table =
    format === "table"
      ? textTable(columns, lines, width)
      : `${markdownTable([columns.map(({ title }) => title), ...rows], { align: columns.map(({ align }) => align) })}\n`;
  const target = describeTarget(result);
  return `${[table, ...result.verdict, ...(target === undefined ? [] : [target])].join("\n")}\n`;
}
