import { oneLine } from "../../graph/errors.js";
import type { ScaleTable, ScaleTableRow } from "../../passes/scaling/scale-table.js";
import { type DrawnLayer, parameterName } from "./drawn-layers.js";
import { html, type Markup } from "./markup.js";
import { brief } from "./numbers.js";
import { numberCell, sortableTable } from "./page-parts.js";
import type { ScaleColors } from "./scale-colors.js";

/** More rows than these can be searched. */
const MANY_ROWS = 24;

/** The scale table: a row for each parameter, to be sorted by any column. */
export function scaleSection(table: ScaleTable, drawn: readonly DrawnLayer[], colors: ScaleColors): Markup {
  const layerNames = new Map(drawn.flatMap(({ name, rows }) => rows.map((row) => [row, name] as const)));
  const columns: readonly (readonly [name: string, isNumber: boolean])[] = [
    ["parameter", false],
    ["scale", true],
    ["role", false],
    ["shape", false],
    ...["elements", "connections", "depth", "fan-in", "fan-out"].map((name) => [name, true] as const),
    ["operator", false],
    ["layer", false],
  ];
  // By layer, what has no kernel has no count; by parameter, a bias counts as 0.
  const connectionsOf = ({ connections }: ScaleTableRow) =>
    connections > 0 || table.strategy.convention !== "layer" ? connections : undefined;
  return html`<section aria-labelledby="scales-title">
    <div class="head">
      <h2 id="scales-title">Scales</h2>
      ${table.parameters.length > MANY_ROWS ? html`<input type="search" placeholder="Find a parameter" aria-label="Find a parameter" hidden />` : undefined}
    </div>
    ${sortableTable(
      "Scales",
      columns,
      table.parameters.map((row) => [
        html`<th scope="row" class="code long" title="${oneLine(row.name)}">${breakable(parameterName(row))}</th>`,
        html`<td class="number" data-value="${row.scale}">
          <span ${colors.of(row.scale)}></span>${brief(row.scale)}
        </td>`,
        html`<td>${row.role}${row.uses > 1 ? ` ×${row.uses}` : ""}</td>`,
        html`<td class="code">${row.shape.join("×")}</td>`,
        ...[row.elements, connectionsOf(row), row.depth, row.fanIn, row.fanOut].map((value) => numberCell(value)),
        html`<td>${oneLine(row.op)}</td>`,
        html`<td class="code long" title="${oneLine(row.layer)}">
          ${breakable(layerNames.get(row) ?? oneLine(row.layer))}
        </td>`,
      ]),
      "scales",
    )}
  </section>`;
}

/** A name whose parts may stand on several lines. */
function breakable(name: string): Markup {
  return html`${name.split(/(?<=[./])/).map((part, index) => (index === 0 ? part : html`<wbr />${part}`))}`;
}
