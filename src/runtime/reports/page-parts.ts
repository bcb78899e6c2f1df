import { html, Markup } from "./markup.js";
import { brief, count } from "./numbers.js";
import type { ChartDescription } from "./report-data.js";

/** Switches the chart of its figure between a linear and a logarithmic scale. */
export const logarithmicButton = html`<button type="button" data-logarithmic aria-pressed="false" hidden>
  Log scale
</button>`;

/** The place of a chart, which the page's script draws; in words where there is no curve to draw. */
export function chartFrame({ id, title, epochs, series }: ChartDescription, size: string): Markup {
  const shown = series.filter(({ isHidden }) => isHidden !== true);
  const described = shown.map(({ label, values }) => `${label} from ${told(values[0])} to ${told(values.at(-1))}`);
  if (shown.every(({ values }) => values.every((value) => value === null))) {
    return html`<p class="note">No value in any epoch.</p>`;
  }
  const label = `${title} over ${plural(epochs.length, "epoch")}: ${described.join(", ")}`;
  return html`<div class="chart ${size}" data-chart="${id}" role="img" aria-label="${label}"></div>`;
}

function told(value: number | null | undefined): string {
  return value === null || value === undefined ? "nothing" : brief(value);
}

/** A table that can be sorted by each of its columns. @param cells by row, those of numbers as `numberCell` has them */
export function sortableTable(
  label: string,
  columns: readonly (readonly [name: string, isNumber: boolean])[],
  rows: readonly (readonly Markup[])[],
  id?: string,
): Markup {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${label}">
    <table ${id === undefined ? undefined : html`id="${id}"`}>
      <thead>
        <tr>
          ${columns.map(
            ([name, isNumber]) =>
              html`<th scope="col" ${isNumber ? new Markup('class="number"') : undefined}>
                <button type="button">${name}</button>
              </th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (cells) =>
            html`<tr>
              ${cells}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** A cell with a number, by which the table is sorted; a dash where there is none. */
export function numberCell(value: number | undefined, text: string = value === undefined ? "–" : count(value)): Markup {
  const key = value === undefined || !Number.isFinite(value) ? "" : value;
  return html`<td class="number" data-value="${key}">${value === undefined ? "–" : text}</td>`;
}

/** A number with its noun. */
export function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}
