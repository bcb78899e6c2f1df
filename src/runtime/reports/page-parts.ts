import { html, Markup } from "./markup.js";
import { brief, count } from "./numbers.js";
import type { ChartDescription } from "./report-data.js";

/** Switches the chart of its figure between a linear and a logarithmic scale. */
export const logarithmicButton = html`<button type="button" data-logarithmic aria-pressed="false" hidden>
  Log scale
</button>`;

/** The place of a chart, which the page's script draws. */
export function chartFrame({ id, title, epochs, series }: ChartDescription, size: string): Markup {
  const described = series
    .filter(({ isHidden }) => isHidden !== true)
    .map(({ label, values }) => `${label} from ${told(values[0])} to ${told(values.at(-1))}`);
  const label = `${title} over ${plural(epochs.length, "epoch")}: ${described.join(", ")}`;
  return html`<div class="chart ${size}" data-chart="${id}" role="img" aria-label="${label}"></div>`;
}

function told(value: number | null | undefined): string {
  return value === null || value === undefined ? "nothing" : brief(value);
}

/** The heading of a column by which the rows can be sorted. */
export function heading(name: string, isNumber: boolean): Markup {
  return html`<th scope="col" ${isNumber ? new Markup(' class="number"') : undefined}>
    <button type="button">${name}</button>
  </th>`;
}

/** A number with its noun. */
export function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}
