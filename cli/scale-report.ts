import { geometricMean, oneLine, type ScaleTable, type ScaleTableRow } from "../src/index.js";
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
  const greatest = extremes(table.parameters).most;
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
    `${order === "layer" ? "  " : ""}${oneLine(displayName(row))}`,
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
    order === "layer" ? grouped(table, cells, colors) : table.parameters.map((row) => ({ cells: cells(row) }));
  return [
    colors.bold(oneLine(table.model.file)) + colors.dim(`  ${describeModel(table)}`),
    isSingle ? describeStrategy(table) : `convention ${table.strategy.convention}`,
    "",
    textTable(header, lines, page.columns),
    summary(table),
    "",
  ].join("\n");
}

/**
 * Several models beside each other: what each is, and the scale of every parameter that has the same name.
 * @param names what to call the models, in the order of their tables
 */
export function comparisonReport(names: readonly string[], tables: readonly ScaleTable[], page: Page): string {
  const overview = textTable(
    [
      { title: "model", align: "left", shrinks: true },
      ...["layers", "parameters", "elements", "total depth", "connections: least", "median", "most"].map(
        (title): Column => ({ title, align: "right" }),
      ),
      ...["scale: least", "mean", "most"].map((title): Column => ({ title, align: "right" })),
    ],
    tables.map(({ parameters, statistics }, index) => ({
      cells: [
        oneLine(names[index] ?? ""),
        count(layerCount(parameters)),
        count(parameters.length),
        count(elementsOf(parameters)),
        count(statistics.totalDepth),
        count(statistics.minConnections),
        count(statistics.medianConnections),
        count(statistics.maxConnections),
        decimal(extremes(parameters).least),
        decimal(geometricMean(parameters)),
        decimal(extremes(parameters).most),
      ],
    })),
    page.columns,
  );
  const scales = tables.map(({ parameters }) => new Map(parameters.map((row) => [displayName(row), row.scale])));
  const parameterNames = [...new Set(scales.flatMap((scale) => [...scale.keys()]))];
  const shared = parameterNames.filter((name) => scales.filter((scale) => scale.has(name)).length > 1);
  const sideBySide = textTable(
    [
      { title: "parameter", align: "left", shrinks: true },
      ...names.map((name): Column => ({ title: oneLine(name), align: "right" })),
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
    // A layer whose kernel is tied to another one begins with what follows the kernel.
    const op = row.role === "bias" ? "" : `  ${colors.dim(row.op)}`;
    const line = { cells: cells(row) };
    return isNew ? [{ heading: oneLine(row.layer) + op }, line] : [line];
  });
}

/** The table with its rows in another order. */
export function sortedTable(table: ScaleTable, order: SortOrder): ScaleTable {
  if (order === "layer") return table;
  if (order === "name") {
    const byName = (a: ScaleTableRow, b: ScaleTableRow) =>
      displayName(a).localeCompare(displayName(b), "en", { numeric: true });
    return { ...table, parameters: table.parameters.toSorted(byName) };
  }
  const key = sortKeys[order];
  return { ...table, parameters: table.parameters.toSorted((a, b) => key(b) - key(a)) };
}

const sortKeys = {
  depth: ({ depth }: ScaleTableRow) => -depth,
  "fan-in": ({ fanIn }: ScaleTableRow) => fanIn,
  "fan-out": ({ fanOut }: ScaleTableRow) => fanOut,
  connections: ({ connections }: ScaleTableRow) => connections,
  elements: ({ elements }: ScaleTableRow) => elements,
  scale: ({ scale }: ScaleTableRow) => scale,
};

/** What the person knows a parameter by: its framework name, the first of several, or the initializer's. */
function displayName({ name, frameworkName, frameworkNames = [] }: ScaleTableRow): string {
  const [first, ...others] = frameworkNames;
  return frameworkName ?? (first === undefined ? name : `${first} +${others.length}`);
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
  const layers = layerCount(parameters);
  const sizes = [
    `${count(parameters.length)} ${parameters.length === 1 ? "parameter" : "parameters"}`,
    ` in ${count(layers)} ${layers === 1 ? "layer" : "layers"}, ${count(elementsOf(parameters))} elements`,
  ];
  return [
    sizes.join(""),
    `connections: least ${count(minConnections)}, median ${count(medianConnections)}, most ${count(maxConnections)} · total depth ${count(totalDepth)}`,
  ].join("\n");
}

function layerCount(rows: readonly ScaleTableRow[]): number {
  return new Set(rows.map(({ layer }) => layer)).size;
}

function elementsOf(rows: readonly ScaleTableRow[]): number {
  return rows.reduce((sum, { elements }) => sum + elements, 0);
}

const BAR_WIDTH = 12;
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;

/** A bar from 0 to the greatest scale, to an eighth of a character. */
function bar(scale: number, greatest: number): string {
  const eighths = Math.round((Math.max(scale, 0) / Math.max(greatest, Number.MIN_VALUE)) * BAR_WIDTH * 8);
  return "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
}

const thousands = new Intl.NumberFormat("en-US");

function count(value: number): string {
  return thousands.format(value);
}

function extremes(rows: readonly ScaleTableRow[]): { readonly least: number; readonly most: number } {
  return rows.reduce(({ least, most }, { scale }) => ({ least: Math.min(least, scale), most: Math.max(most, scale) }), {
    least: Number.POSITIVE_INFINITY,
    most: Number.NEGATIVE_INFINITY,
  });
}

function decimal(value: number): string {
  return value.toFixed(4);
}
