import { comparisonColumns, describeTarget } from "../comparison/comparison-table.js";
import type { ComparisonResult } from "../comparison/comparison.js";
import { html, type Markup } from "./markup.js";
import { chartFrame, logarithmicButton, numberCell, sortableTable } from "./page-parts.js";
import type { ChartDescription } from "./report-data.js";

/** The verdict of a comparison, its table and its curves. */
export function comparisonSection(comparison: ComparisonResult, chart: ChartDescription): Markup {
  const { verdict, measure, variants } = comparison;
  const target = describeTarget(comparison);
  return html`<section aria-labelledby="comparison-title">
    <div class="head"><h2 id="comparison-title">Comparison</h2></div>
    <div class="verdict">${verdict.map((sentence) => html`<p>${sentence}</p>`)}</div>
    ${sortableTable(
      "Comparison",
      [[measure, false], ...[...comparisonColumns.keys()].map((title) => [title, true] as const)],
      variants.map((variant) => [
        html`<th scope="row">${variant.name}</th>`,
        ...[...comparisonColumns.values()].map((cellOf) => {
          const cell = cellOf(variant);
          return numberCell(cell?.value, cell?.text);
        }),
      ]),
    )}
    ${target === undefined ? undefined : html`<p class="note">${target}</p>`}
    <figure class="curves">
      <div class="head">
        <h3>${chart.title}</h3>
        ${logarithmicButton}
      </div>
      ${chartFrame(chart, "large")}
    </figure>
  </section>`;
}
