import { elementCount } from "../../graph/tensor.js";
import type { ScaleTable } from "../../passes/scaling/scale-table.js";
import type { EndReason, EpochEvent, TrainingEvent } from "../events.js";
import { html, type Markup } from "./markup.js";
import { brief, count, duration } from "./numbers.js";
import { plural } from "./page-parts.js";
import { bestEpoch } from "./report-data.js";

/** What one wants to know first: of a run its best loss, its length and time; of a model its size. */
export function keyFigures(epochs: readonly EpochEvent[], events: readonly TrainingEvent[], table: ScaleTable): Markup {
  const elements = table.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const size: Figure = ["Trained numbers", count(elements), `in ${plural(table.parameters.length, "parameter")}`];
  const last = epochs.at(-1);
  if (last === undefined) {
    const layers = new Set(table.parameters.map(({ layer }) => layer)).size;
    const { totalDepth, medianConnections } = table.statistics;
    return figureList([
      size,
      ["Layers", count(layers), `total depth ${count(totalDepth)}`],
      [
        "Median connections",
        count(medianConnections),
        `from ${count(table.statistics.minConnections)} to ${count(table.statistics.maxConnections)}`,
      ],
    ]);
  }
  const start = events.findLast((event) => event.event === "start");
  const end = events.findLast((event) => event.event === "end");
  const best = bestEpoch(epochs);
  const bestLoss = best?.validationLoss ?? best?.loss;
  const seconds = epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
  return figureList([
    ...(best === undefined || bestLoss === undefined
      ? []
      : [
          [
            `Best ${best.validationLoss === undefined ? "training" : "validation"} loss`,
            brief(bestLoss),
            `epoch ${count(best.epoch)}`,
          ] as const,
        ]),
    ["Last training loss", brief(last.loss), `epoch ${count(last.epoch)}`],
    [
      "Epochs",
      count(last.epoch),
      [start === undefined ? "" : `of ${count(start.epochs)}`, end === undefined ? "" : endings[end.reason]]
        .filter((part) => part !== "")
        .join(", "),
    ],
    ["Time", duration(seconds), `${duration(seconds / epochs.length)} an epoch`],
    size,
  ]);
}

const endings: Readonly<Record<EndReason, string>> = {
  epochs: "all done",
  "early-stopping": "stopped early",
  aborted: "interrupted",
};

type Figure = readonly [name: string, value: string, aside: string];

function figureList(figures: readonly Figure[]): Markup {
  return html`<dl class="figures">
    ${figures.map(
      ([name, value, aside]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
          <dd class="aside">${aside}</dd>
        </div>`,
    )}
  </dl>`;
}
