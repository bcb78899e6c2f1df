import type { Comparison } from "./comparison.js";
import { html, type Markup } from "./markup.js";
import { brief } from "./numbers.js";
import { chartFrame, heading, logarithmicButton } from "./page-parts.js";
import type { ChartDescription } from "./report-data.js";

/** The verdict of a comparison, its table and its curves. */
export function comparisonSection(comparison: Comparison, chart: ChartDescription | undefined): Markup {
  const { verdict, columns, rows } = comparison;
  // A column of numbers is set to the right with its heading.
  const isNumeric = columns.map((_, index) => rows.every((row) => typeof (row[index] ?? 0) === "number"));
  const cell = (content: string | number | null | undefined, index: number): Markup => {
    const text =
      content === null || content === undefined ? "–" : typeof content === "number" ? brief(content) : content;
    if (index === 0) return html`<th scope="row">${text}</th>`;
    return isNumeric[index] === true
      ? html`<td class="number" data-value="${typeof content === "number" ? content : ""}">${text}</td>`
      : html`<td>${text}</td>`;
  };
  return html`<section aria-labelledby="comparison-title">
    <div class="head"><h2 id="comparison-title">Comparison</h2></div>
    <p class="verdict">${verdict}</p>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="comparison-title">
      <table>
        <thead>
          <tr>
            ${columns.map((name, index) => heading(name, isNumeric[index] === true))}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) =>
              html`<tr>
                ${columns.map((_, index) => cell(row[index], index))}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${
      chart === undefined
        ? undefined
        : html`<div class="grid">
            <figure style="grid-column: 1 / -1">
              <div class="head">
                <h3>${chart.title}</h3>
                ${logarithmicButton}
              </div>
              ${chartFrame(chart, "large")}
            </figure>
          </div>`
    }
  </section>`;
}
