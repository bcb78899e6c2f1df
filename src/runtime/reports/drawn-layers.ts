import { oneLine } from "../../graph/errors.js";
import type { ScaleTable, ScaleTableRow } from "../../passes/scaling/scale-table.js";
import type { Layer } from "../../passes/structure/layers.js";

/** A layer as a report shows it. */
export interface DrawnLayer {
  /** What the person knows it by. */
  readonly name: string;
  readonly op: string;
  readonly depth: number;
  /** Undefined for a layer without kernel. */
  readonly connections: number | undefined;
  /** Its parameters, the kernel first. */
  readonly rows: readonly ScaleTableRow[];
}

/** Layers with the table's rows under the names that people know. */
export function drawnLayers(layers: readonly Layer[], table: ScaleTable): readonly DrawnLayer[] {
  const rowsOf = new Map<string, ScaleTableRow[]>();
  for (const row of table.parameters) {
    const rows = rowsOf.get(row.layer);
    if (rows === undefined) rowsOf.set(row.layer, [row]);
    else rows.push(row);
  }
  const names = new Set<string>();
  return layers.map(({ name: node, op, depth, connections }) => {
    const rows = rowsOf.get(node) ?? [];
    const module = layerName(node, rows);
    // A module may have several layers, as a stacked LSTM has, and a tied parameter is of several.
    const name = names.has(module) ? `${module} (${oneLine(node)})` : module;
    names.add(module);
    return { name, op: oneLine(op), depth, connections, rows };
  });
}

/** The module that has the layer's first parameter, where the training framework's name is known; else the node's name. */
function layerName(name: string, [first]: readonly ScaleTableRow[]): string {
  const parameter = first?.frameworkName ?? first?.frameworkNames?.[0];
  const module = parameter?.replace(/[./][^./]+$/, "");
  return oneLine(module === undefined || module === parameter || module === "" ? (parameter ?? name) : module);
}

/** What the person knows a parameter by: its framework name, the first of several, or the initializer's. */
export function parameterName({ name, frameworkName, frameworkNames = [] }: ScaleTableRow): string {
  const [first, ...others] = frameworkNames;
  return oneLine(frameworkName ?? (first === undefined ? name : `${first} +${others.length}`));
}
