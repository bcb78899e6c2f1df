import type { EpochEvent } from "../events.js";
import { html, Markup } from "./markup.js";
import { brief } from "./numbers.js";
import { chartFrame, logarithmicButton, numberCell, sortableTable } from "./page-parts.js";
import type { ChartDescription } from "./report-data.js";

/** The curves of a run, and its epochs as a table. */
export function runSection(epochs: readonly EpochEvent[], charts: readonly ChartDescription[]): Markup | undefined {
  const [loss, ...others] = charts;
  if (loss === undefined) return undefined;
  return html`<section aria-labelledby="loss-title">
    <figure>
      <div class="head">
        <div>
          <h2 id="loss-title">Loss</h2>
          ${loss.best === undefined ? undefined : html`<p class="note">The dashed line is at the best epoch, ${loss.best}. Drag to zoom in, double-click to zoom out.</p>`}
        </div>
        ${logarithmicButton}
      </div>
      ${chartFrame(loss, "large")}
    </figure>
    <div class="grid">
      ${others.map(
        (chart) =>
          html`<figure>
            <h3>${chart.title}</h3>
            ${chartFrame(chart, "")}
          </figure>`,
      )}
    </div>
    ${epochTable(epochs)}
  </section>`;
}

function epochTable(epochs: readonly EpochEvent[]): Markup {
  const metrics = [...new Set(epochs.flatMap((epoch) => Object.keys(epoch.metrics)))];
  const columns = ["epoch", "step", "training loss", "validation loss", ...metrics, "learning rate", "seconds"];
  const rows = epochs.map((epoch) => [
    epoch.epoch,
    epoch.step,
    epoch.loss,
    epoch.validationLoss,
    ...metrics.map((name) => epoch.metrics[name]),
    epoch.learningRate,
    epoch.seconds,
  ]);
  const cells = (value: number | undefined) =>
    numberCell(value, value === undefined || Number.isInteger(value) ? undefined : brief(value, 5));
  return html`<details ${epochs.length === 1 ? new Markup("open") : undefined}>
    <summary>Epochs as a table</summary>
    ${sortableTable(
      "Epochs",
      columns.map((name) => [name, true]),
      rows.map((row) => row.map(cells)),
    )}
  </details>`;
}
