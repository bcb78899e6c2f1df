import { readModel } from "../../../graph/read-model.js";
import { fixture } from "../../../graph/testing/models.js";
import { type ScaleTable, scaleTable } from "../../../passes/scaling/scale-table.js";
import { type ScaleOptions, scalesOf } from "../../../passes/scaling/scales.js";
import type { Layer } from "../../../passes/structure/layers.js";
import { structureOf } from "../../../passes/structure/structure.js";
import type { ComparedRun, ComparisonResult } from "../../comparison/comparison.js";
import { judged, type TrainedVariant } from "../../comparison/judge.js";
import type { ReportInput } from "../report.js";
import { epochEvent, runEvents } from "./events.js";

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

/** What variants come to, a value for each seed, with validation losses that go there in three epochs. */
export function comparisonOf(values: Readonly<Record<string, readonly number[]>>, measure = "loss"): ComparisonResult {
  const variants = Object.entries(values).map(([name, ofSeeds]): TrainedVariant => {
    const runs = ofSeeds.map((value, seed): ComparedRun => {
      const history = [4, 2, 1].map((times, index) =>
        epochEvent(index + 1, { validationLoss: value * times, loss: value * times + seed }),
      );
      return { seed, value, epochs: 3, steps: 387, seconds: 2.4, history };
    });
    const [, scale, largerStepsOf] = /^adam × (.*), as (.*)$/.exec(name) ?? [];
    const steps = largerStepsOf === undefined ? {} : { largerStepsOf };
    return { variant: { name, options: {} }, meanScale: Number(scale ?? 1), ...steps, runs };
  });
  const seeds = (variants[0]?.runs ?? []).map(({ seed }) => seed);
  const better = measure === "loss" ? "lower" : "higher";
  return judged(variants, { seeds, measure, better, isOfTest: false, targetLoss: undefined });
}

/** One for reports. */
export const comparison = comparisonOf({ adam: [0.4, 0.38, 0.39], multiplicative: [0.38, 0.39, Number.NaN] });
