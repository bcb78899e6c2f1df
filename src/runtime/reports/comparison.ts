import { type ChartDescription, finite } from "./report-data.js";

/** What a report shows of a comparison: a table, what follows from it, and curves. */
export interface Comparison {
  /** What the comparison has shown, in words. */
  readonly verdict: string;
  readonly columns: readonly string[];
  /** Cells by column; the first names the row. null where there is nothing to say. */
  readonly rows: readonly (readonly (string | number | null)[])[];
  readonly curves?: ComparisonCurves;
}

export interface ComparisonCurves {
  /** What the curves show, such as "Validation loss: mean of 5 seeds and standard deviation". */
  readonly title: string;
  readonly variants: readonly ComparisonCurve[];
}

/** A curve over epochs, the first of which is 1, with a band around it. */
export interface ComparisonCurve {
  readonly name: string;
  readonly values: readonly number[];
  readonly low?: readonly number[];
  readonly high?: readonly number[];
}

/** The report has this many colours for curves; more variants begin with the first again. */
const COLORS = 6;

/** The chart of a comparison's curves. */
export function comparisonChart({ title, variants }: ComparisonCurves): ChartDescription {
  const epochs = variants.reduce((most, { values }) => Math.max(most, values.length), 0);
  const numbers = Array.from({ length: epochs }, (_, index) => index + 1);
  const filled = (values: readonly number[]) => numbers.map((epoch) => finite(values[epoch - 1]));
  const bands = variants.flatMap(({ low, high }, index) =>
    low === undefined || high === undefined ? [] : [{ low, high, color: `series-${(index % COLORS) + 1}` }],
  );
  return {
    id: "comparison",
    title,
    epochs: numbers,
    series: [
      ...variants.map(({ name, values }, index) => ({
        label: name,
        color: `series-${(index % COLORS) + 1}`,
        values: filled(values),
      })),
      ...bands.flatMap(({ low, high, color }) => [
        { label: "low", color, values: filled(low), isHidden: true },
        { label: "high", color, values: filled(high), isHidden: true },
      ]),
    ],
    bands: bands.map(({ color }, index) => ({
      low: variants.length + 2 * index,
      high: variants.length + 2 * index + 1,
      color,
    })),
  };
}
