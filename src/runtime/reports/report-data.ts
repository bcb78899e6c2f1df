import type { ScaleTable } from "../../passes/scaling/scale-table.js";
import type { ComparisonResult } from "../comparison/comparison.js";
import type { EpochEvent, TrainingEvent } from "../events.js";
import type { GradientNorms } from "./gradient-norms.js";

/** What a report holds as JSON in its element `#data`: all numbers that it shows. */
export interface ReportData {
  readonly title: string;
  readonly charts: readonly ChartDescription[];
  readonly gradientNorms?: GradientNorms;
  readonly table: ScaleTable;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly comparison?: ComparisonResult;
}

/** Curves over epochs. */
export interface ChartDescription {
  readonly id: string;
  readonly title: string;
  readonly epochs: readonly number[];
  readonly series: readonly ChartSeries[];
  /** Areas between two of the series, by their indices. */
  readonly bands?: readonly { readonly high: number; readonly low: number; readonly color: string }[];
  /** An epoch to mark. */
  readonly best?: number;
}

export interface ChartSeries {
  readonly label: string;
  /** The name of one of the report's colours. */
  readonly color: string;
  /** Which of the kinds of dashes; 0 and by default none. */
  readonly dash?: number;
  /** null where there is no finite number. */
  readonly values: readonly (number | null)[];
  /** Only bounds a band. */
  readonly isHidden?: boolean;
}

/** The epochs of a run in their order; of one that was repeated after a resumption the last counts. */
export function epochsOf(events: readonly TrainingEvent[]): readonly EpochEvent[] {
  const epochs = new Map<number, EpochEvent>();
  for (const event of events) if (event.event === "epoch") epochs.set(event.epoch, event);
  return [...epochs.values()].toSorted((a, b) => a.epoch - b.epoch);
}

/** The best epoch of a run: the last that was the best when it was done. */
export function bestEpoch(epochs: readonly EpochEvent[]): EpochEvent | undefined {
  return epochs.findLast(({ isBest }) => isBest);
}

/** The charts of a run: losses, each metric, and the learning rate. */
export function runCharts(epochs: readonly EpochEvent[]): readonly ChartDescription[] {
  if (epochs.length === 0) return [];
  const numbers = epochs.map(({ epoch }) => epoch);
  const hasValidation = epochs.some(({ validationLoss }) => validationLoss !== undefined);
  const best = bestEpoch(epochs)?.epoch;
  const marked = best === undefined ? {} : { best };
  const metrics = [...new Set(epochs.flatMap((epoch) => Object.keys(epoch.metrics)))];
  const curve = (id: string, title: string, of: (epoch: EpochEvent) => number | undefined): ChartDescription => ({
    id,
    title,
    epochs: numbers,
    series: [{ label: title, color: "accent", values: epochs.map((epoch) => finite(of(epoch))) }],
  });
  return [
    {
      id: "loss",
      title: "Loss",
      epochs: numbers,
      series: [
        {
          label: "training",
          color: hasValidation ? "training" : "accent",
          values: epochs.map(({ loss }) => finite(loss)),
        },
        ...(hasValidation
          ? [{ label: "validation", color: "accent", values: epochs.map((epoch) => finite(epoch.validationLoss)) }]
          : []),
      ],
      ...marked,
    },
    ...metrics.map((name, index) => ({ ...curve(`metric-${index}`, name, ({ metrics: of }) => of[name]), ...marked })),
    curve("learning-rate", "learning rate", ({ learningRate }) => learningRate),
  ];
}

/** JSON has no other numbers, and curves break where there are none. */
export function finite(value: number | null | undefined): number | null {
  return value === undefined || value === null || !Number.isFinite(value) ? null : value;
}
