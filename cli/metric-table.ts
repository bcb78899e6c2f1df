import { brief } from "../src/index.js";
import { textTable } from "./text-table.js";

/** Numbers by name, a line each; "n/a" for those that are not defined. */
export function metricTable(numbers: Readonly<Record<string, number>>): string {
  const header = [
    { title: "", align: "left" as const },
    { title: "", align: "right" as const },
  ];
  const lines = Object.entries(numbers).map(([name, value]) => ({
    cells: [name, brief(value, 6)],
  }));
  return textTable(header, lines, undefined).replace(/^\s*\n/, "");
}
