import { readModel } from "../../../graph/read-model.js";
import { fixture } from "../../../graph/testing/models.js";
import { type ScaleTable, scaleTable } from "../../../passes/scaling/scale-table.js";
import { type ScaleOptions, scalesOf } from "../../../passes/scaling/scales.js";
import type { Layer } from "../../../passes/structure/layers.js";
import { structureOf } from "../../../passes/structure/structure.js";
import type { ReportInput } from "../report.js";
import { runEvents } from "./events.js";

/** Layers and scales of a model that PyTorch exported. */
export function scaled(
  name: string,
  options?: ScaleOptions,
): { readonly layers: readonly Layer[]; readonly table: ScaleTable } {
  const model = readModel(fixture(`pytorch/${name}.onnx`));
  const structure = structureOf(model);
  return { layers: structure.layers, table: scaleTable(model, scalesOf(structure, options), { sha256: false }) };
}

/** What a report of a run on such a model is made of. */
export function reportInput(name: string, epochs: number, more?: Partial<ReportInput>): ReportInput {
  const { layers, table } = scaled(name, { strategy: "multiplicative-signed" });
  const names = table.parameters.map((row) => row.name);
  return {
    title: "A run",
    events: epochs === 0 ? [] : runEvents(epochs, names),
    table,
    layers,
    settings: { "batch size": 128, shuffle: true, features: ["a", "b"], "weight decay": null },
    ...more,
  };
}

/** A comparison as a report shows it. */
export const comparison: NonNullable<ReportInput["comparison"]> = {
  verdict: "No difference beyond chance.",
  columns: ["variant", "validation loss", "p"],
  rows: [
    ["adam", 0.3912, null],
    ["multiplicative", 0.3875, 0.21],
  ],
  curves: {
    title: "Validation loss: mean of 5 seeds and standard deviation",
    variants: [
      { name: "adam", values: [1, 0.5, 0.39], low: [0.9, 0.4, 0.3], high: [1.1, 0.6, 0.48] },
      { name: "multiplicative", values: [1, 0.45] },
    ],
  },
};
