import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { oneLine } from "../../graph/errors.js";
import type { ScaleTable } from "../../passes/scaling/scale-table.js";
import type { Layer } from "../../passes/structure/layers.js";
import type { ComparisonResult } from "../comparison/comparison.js";
import type { TrainingEvent } from "../events.js";
import { architectureSection } from "./architecture-section.js";
import { comparisonChart } from "./comparison-chart.js";
import { comparisonSection } from "./comparison-section.js";
import { drawnLayers } from "./drawn-layers.js";
import { gradientNormsByLayer } from "./gradient-norms.js";
import { gradientSection } from "./gradient-section.js";
import { keyFigures } from "./key-figures.js";
import { html, inlineScript, jsonScript, Markup } from "./markup.js";
import { epochsOf, type ReportData, runCharts } from "./report-data.js";
import { runSection } from "./run-section.js";
import { scaleColors } from "./scale-colors.js";
import { scaleSection } from "./scale-rows.js";
import { settingsSection } from "./settings-section.js";
import { style } from "./style.js";

/** What a report is made of. */
export interface ReportInput {
  readonly title: string;
  /** What training said, of a resumed run with what it said before; empty where nothing was trained. */
  readonly events: readonly TrainingEvent[];
  readonly table: ScaleTable;
  /** Those that the table's scales are of, as `structureOf` finds them. */
  readonly layers: readonly Layer[];
  /** By name, as the person knows them. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly comparison?: ComparisonResult;
}

/**
 * A report as one HTML file that needs nothing else: curves of loss, metrics and learning rate, the architecture in the
 * colours of its scales, gradient norms, the table of scales and the settings. All its numbers are in it as JSON, too
 * (`ReportData`, in the element `#data`). Whatever names hold is text.
 */
export function report({ title, events, table, layers, settings, comparison }: ReportInput): string {
  const epochs = epochsOf(events);
  const drawn = drawnLayers(layers, table);
  const colors = scaleColors(table.parameters.map(({ scale }) => scale));
  const norms = gradientNormsByLayer(
    events.filter((event) => event.event === "gradient-norms"),
    drawn.map(({ name, rows }) => ({ name, parameters: rows.map((row) => row.name) })),
  );
  const charts = runCharts(epochs);
  const compared = comparison === undefined ? undefined : comparisonChart(comparison);
  const data: ReportData = {
    title,
    charts: [...charts, ...(compared === undefined ? [] : [compared])],
    ...(norms.layers.length === 0 ? {} : { gradientNorms: norms }),
    table,
    settings,
    ...(comparison && { comparison }),
  };
  const { plot, plotStyle, script } = assets();
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
        />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        <style>
          ${new Markup(plotStyle)}${new Markup(style)}
        </style>
      </head>
      <body>
        <header>
          <h1>${title}</h1>
          <p class="about">${aboutModel(table)}</p>
          ${keyFigures(epochs, events, table)} ${warningList(events)}
        </header>
        <main>
          ${comparison && compared && comparisonSection(comparison, compared)} ${runSection(epochs, charts)}
          ${architectureSection(drawn, layers, colors, table)}
          ${norms.layers.length === 0 ? undefined : gradientSection(norms)} ${scaleSection(table, drawn, colors)}
          ${settingsSection(settings)}
        </main>
        ${jsonScript("data", data)} ${inlineScript("text/javascript", plot)} ${inlineScript("module", script)}
      </body>
    </html> `;
  return page.toString();
}

/** The plotting library of the installation, and the page's own script. */
function assets() {
  const { resolve } = createRequire(import.meta.url);
  return {
    plot: readFileSync(resolve("uplot/dist/uPlot.iife.min.js"), "utf8"),
    plotStyle: readFileSync(resolve("uplot/dist/uPlot.min.css"), "utf8"),
    script: readFileSync(new URL("page-script.js", import.meta.url), "utf8"),
  };
}

/** What the person should know, each thing once. */
function warningList(events: readonly TrainingEvent[]): Markup | undefined {
  const messages = new Set(events.flatMap((event) => (event.event === "warning" ? [event.message] : [])));
  if (messages.size === 0) return undefined;
  return html`<ul class="warnings" aria-label="Warnings">
    ${[...messages].map((message) => html`<li>${message}</li>`)}
  </ul>`;
}

function aboutModel({ model }: ScaleTable): string {
  return [model.file, model.producer, `opset ${model.opset}`]
    .map(oneLine)
    .filter((fact) => fact !== "")
    .join(" · ");
}
