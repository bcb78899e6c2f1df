import { oneLine, type ScaleTable, type ScaleTableRow } from "../src/index.js";
import type { Terminal } from "./terminal.js";
import { type Column, type Line, textTable } from "./text-table.js";

/** Orders for the rows of a report; numbers come greatest first. */
export const sortOrders = ["layer", "name", "depth", "fan-in", "fan-out", "connections", "elements", "scale"] as const;
export type SortOrder = (typeof sortOrders)[number];

/** The part of a terminal that a report needs. */
export type Page = Pick<Terminal, "columns" | "colors">;

/**
 * One model's scales for people: parameters under their layers, a column for each strategy, bars for a single one.
 * @param tables one model's tables, one for each strategy
 */
export function scaleReport(tables: readonly [ScaleTable, ...ScaleTable[]], order: SortOrder, page: Page): string {
  const [table] = tables;
  const { colors } = page;
  const isSingle = tables.length === 1;
  const scales = tables.map(({ parameters }) => new Map(parameters.map((row) => [row.name, row.scale])));
  const greatest = Math.max(...table.parameters.map(({ scale }) => scale));
  const header: Column[] = [
    { title: order === "layer" ? "layer / parameter" : "parameter", align: "left", shrinks: true },
    { title: "role", align: "left", dispensable: 3 },
    { title: "shape", align: "right", dispensable: 4 },
    { title: "depth", align: "right", dispensable: 6 },
    { title: "fan-in", align: "right", dispensable: 1 },
    { title: "fan-out", align: "right", dispensable: 2 },
    { title: "connections", align: "right", dispensable: 5 },
    ...tables.map(({ strategy }): Column => ({ title: isSingle ? "scale" : strategy.name, align: "right" })),
    ...(isSingle ? [{ title: "", align: "left", dispensable: 7 } as const] : []),
  ];
  // By layer, what has no kernel has no count; by parameter, a bias counts as 0.
  const hasConnections = (row: ScaleTableRow) => row.connections > 0 || table.strategy.convention !== "layer";
  const cells = (row: ScaleTableRow): string[] => [
    `${order === "layer" ? "  " : ""}${oneLine(row.frameworkName ?? row.name)}`,
    row.role + (row.uses > 1 ? ` ×${row.uses}` : ""),
    row.shape.join("×"),
    count(row.depth),
    count(row.fanIn),
    count(row.fanOut),
    hasConnections(row) ? count(row.connections) : "–",
    ...scales.map((scale) => decimal(scale.get(row.name) ?? 1)),
    ...(isSingle ? [colors.cyan(bar(row.scale, greatest))] : []),
  ];
  const lines =
    order === "layer"
      ? grouped(table, cells, colors)
      : sorted(table.parameters, order).map((row) => ({ cells: cells(row) }));
  return [
    colors.bold(oneLine(table.model.file)) + colors.dim(`  ${describeModel(table)}`),
    isSingle ? describeStrategy(table) : `convention ${table.strategy.convention}`,
    "",
    textTable(header, lines, page.columns),
    summary(table),
    "",
  ].join("\n");
}

/** Several models beside each other: what each is, and the scale of every parameter that has the same name. */
export function comparisonReport(tables: readonly ScaleTable[], page: Page): string {
  const overview = textTable(
    [
      { title: "model", align: "left", shrinks: true },
      ...["layers", "parameters", "elements", "total depth", "connections: least", "median", "most"].map(
        (title): Column => ({ title, align: "right" }),
      ),
      ...["scale: least", "mean", "most"].map((title): Column => ({ title, align: "right" })),
    ],
    tables.map(({ model, parameters, statistics }) => ({
      cells: [
        oneLine(model.file),
        count(layerCount(parameters)),
        count(parameters.length),
        count(elementsOf(parameters)),
        count(statistics.totalDepth),
        count(statistics.minConnections),
        count(statistics.medianConnections),
        count(statistics.maxConnections),
        decimal(Math.min(...parameters.map(({ scale }) => scale))),
        decimal(weightedMean(parameters)),
        decimal(Math.max(...parameters.map(({ scale }) => scale))),
      ],
    })),
    page.columns,
  );
  const scales = tables.map(
    ({ parameters }) => new Map(parameters.map((row) => [row.frameworkName ?? row.name, row.scale])),
  );
  const names = [...new Set(scales.flatMap((scale) => [...scale.keys()]))];
  const shared = names.filter((name) => scales.filter((scale) => scale.has(name)).length > 1);
  const sideBySide = textTable(
    [
      { title: "parameter", align: "left", shrinks: true },
      ...tables.map(({ model }): Column => ({ title: oneLine(model.file), align: "right" })),
      { title: "", align: "left" },
    ],
    shared.map((name) => {
      const present = scales.flatMap((scale) => scale.get(name) ?? []);
      const isDifferent = present.some((scale) => decimal(scale) !== decimal(present[0] ?? 1));
      const values = scales.map((scale) => (scale.has(name) ? decimal(scale.get(name) ?? 1) : "-"));
      return { cells: [oneLine(name), ...values, isDifferent ? page.colors.yellow("≠") : ""] };
    }),
    page.columns,
  );
  const [first] = tables;
  const parts = [first === undefined ? "" : `${describeStrategy(first)}\n`, overview];
  return [...parts, shared.length === 0 ? "No parameter name is in more than one of them.\n" : sideBySide].join("\n");
}

function grouped(table: ScaleTable, cells: (row: ScaleTableRow) => string[], colors: Page["colors"]): Line[] {
  let layer: string | undefined;
  return table.parameters.flatMap((row): Line[] => {
    const isNew = row.layer !== layer;
    layer = row.layer;
    const heading = { heading: `${oneLine(row.layer)}  ${colors.dim(row.op)}` };
    return isNew ? [heading, { cells: cells(row) }] : [{ cells: cells(row) }];
  });
}

function sorted(rows: readonly ScaleTableRow[], order: Exclude<SortOrder, "layer">): readonly ScaleTableRow[] {
  const nameOf = (row: ScaleTableRow) => row.frameworkName ?? row.name;
  const keys = {
    depth: (row: ScaleTableRow) => -row.depth,
    "fan-in": (row: ScaleTableRow) => row.fanIn,
    "fan-out": (row: ScaleTableRow) => row.fanOut,
    connections: (row: ScaleTableRow) => row.connections,
    elements: (row: ScaleTableRow) => row.elements,
    scale: (row: ScaleTableRow) => row.scale,
  };
  if (order === "name") return rows.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b), "en", { numeric: true }));
  const key = keys[order];
  return rows.toSorted((a, b) => key(b) - key(a));
}

function describeModel({ model }: ScaleTable): string {
  const producer = model.producer === "" ? [] : [oneLine(model.producer)];
  return [...producer, `opset ${model.opset}`, `IR version ${model.irVersion}`].join(" · ");
}

function describeStrategy({ strategy }: ScaleTable): string {
  const { name, gamma, convention, normalized } = strategy;
  return `strategy ${name}, γ = ${gamma}, convention ${convention}${normalized ? ", normalized" : ""}`;
}

function summary({ parameters, statistics }: ScaleTable): string {
  const { minConnections, medianConnections, maxConnections, totalDepth } = statistics;
  return [
    `${count(parameters.length)} parameters in ${count(layerCount(parameters))} layers, ${count(elementsOf(parameters))} elements`,
    `connections: least ${count(minConnections)}, median ${count(medianConnections)}, most ${count(maxConnections)} · total depth ${count(totalDepth)}`,
  ].join("\n");
}

function layerCount(rows: readonly ScaleTableRow[]): number {
  return new Set(rows.map(({ layer }) => layer)).size;
}

function elementsOf(rows: readonly ScaleTableRow[]): number {
  return rows.reduce((sum, { elements }) => sum + elements, 0);
}

/** The element-weighted geometric mean; the arithmetic one where a scale is not positive. */
function weightedMean(rows: readonly ScaleTableRow[]): number {
  const total = Math.max(elementsOf(rows), 1);
  if (rows.every(({ scale }) => scale > 0)) {
    return Math.exp(rows.reduce((sum, row) => sum + row.elements * Math.log(row.scale), 0) / total);
  }
  return rows.reduce((sum, row) => sum + row.elements * row.scale, 0) / total;
}

const BAR_WIDTH = 12;
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;

/** A bar from 0 to the greatest scale, to an eighth of a character. */
function bar(scale: number, greatest: number): string {
  const eighths = Math.round((Math.max(scale, 0) / Math.max(greatest, Number.MIN_VALUE)) * BAR_WIDTH * 8);
  return "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function decimal(value: number): string {
  return value.toFixed(4);
}
