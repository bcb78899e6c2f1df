import type { ComparisonResult, VariantSummary } from "../comparison/comparison.js";
import { mean, sampleStandardDeviation } from "../statistics.js";
import { type ChartDescription, finite } from "./report-data.js";

/** The report has this many colours for curves; more variants begin with the first again, in other dashes. */
const COLORS = 6;
/** Bands of more variants hide each other. */
const MOST_BANDS = 4;

/** Validation losses by epoch: the mean over the seeds, with a band of a standard deviation where they are few. */
export function comparisonChart({ variants }: ComparisonResult): ChartDescription {
  const curves = variants.map(curveOf);
  const most = Math.max(...curves.map(({ values }) => values.length));
  const epochs = Array.from({ length: most }, (_, index) => index + 1);
  const filled = (values: readonly number[]) => epochs.map((epoch) => finite(values[epoch - 1]));
  const colorOf = (index: number) => `series-${(index % COLORS) + 1}`;
  const bands = variants.length > MOST_BANDS ? [] : curves;
  return {
    id: "comparison",
    title: `Validation loss: mean over the seeds${bands.length === 0 ? "" : " and standard deviation"}`,
    epochs,
    series: [
      ...curves.map(({ name, values }, index) => ({
        label: name,
        color: colorOf(index),
        dash: Math.floor(index / COLORS),
        values: filled(values),
      })),
      ...bands.flatMap(({ low, high }, index) => [
        { label: "low", color: colorOf(index), values: filled(low), isHidden: true },
        { label: "high", color: colorOf(index), values: filled(high), isHidden: true },
      ]),
    ],
    bands: bands.map((_, index) => ({
      low: variants.length + 2 * index,
      high: variants.length + 2 * index + 1,
      color: colorOf(index),
    })),
  };
}

/** Of the runs that came to a number, as long as all of them last. */
function curveOf({ name, runs }: VariantSummary) {
  const histories = runs.filter(({ value }) => Number.isFinite(value)).map(({ history }) => history);
  const epochs = histories.length === 0 ? 0 : Math.min(...histories.map(({ length }) => length));
  const moments = Array.from({ length: epochs }, (_, index) => {
    const losses = histories.map((history) => history[index]?.validationLoss ?? Number.NaN);
    return { center: mean(losses), deviation: sampleStandardDeviation(losses) };
  });
  return {
    name,
    values: moments.map(({ center }) => center),
    low: moments.map(({ center, deviation }) => center - deviation),
    high: moments.map(({ center, deviation }) => center + deviation),
  };
}
