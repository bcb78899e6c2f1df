import { markdownTable } from "markdown-table";
import type { Comparison, ComparisonResult, VariantSummary } from "../src/index.js";
import { type Column, textTable } from "./text-table.js";

const columns: readonly Column[] = [
  { title: "", align: "left", shrinks: true },
  { title: "mean S", align: "right", dispensable: 1 },
  { title: "mean", align: "right" },
  { title: "deviation", align: "right" },
  { title: "better by", align: "right" },
  { title: "p", align: "right" },
  { title: "p (Holm)", align: "right" },
  { title: "steps", align: "right", dispensable: 2 },
  { title: "at target", align: "right", dispensable: 5 },
  { title: "steps to target", align: "right", dispensable: 4 },
  { title: "seconds to target", align: "right", dispensable: 3 },
];

/** A comparison as a table with its verdict. */
export function comparisonTable(
  result: ComparisonResult,
  format: "table" | "markdown",
  width: number | undefined,
): string {
  const rows = result.variants.map(cellsOf);
  const titled = columns.map((column, index) => (index === 0 ? { ...column, title: result.measure } : column));
  const table =
    format === "table"
      ? textTable(
          titled,
          rows.map((cells) => ({ cells })),
          width,
        )
      : `${markdownTable([titled.map(({ title }) => title), ...rows], { align: titled.map(({ align }) => (align === "left" ? "l" : "r")) })}\n`;
  const { targetLoss } = result;
  const target = Number.isFinite(targetLoss) ? [`Target: a validation loss of ${significant(targetLoss)}.`] : [];
  return `${table}\n${[...result.verdict, ...target].join("\n")}\n`;
}

/** A comparison as a report shows it. */
export function comparisonOf(result: ComparisonResult): Comparison {
  return {
    verdict: result.verdict.join(" "),
    columns: columns.map(({ title }, index) => (index === 0 ? result.measure : title)),
    rows: result.variants.map(cellsOf),
    curves: {
      title: `Validation loss: mean of ${result.seeds.length} seeds and standard deviation`,
      variants: result.variants.map(curveOf),
    },
  };
}

function cellsOf({
  name,
  meanScale,
  mean,
  deviation,
  difference,
  meanSteps,
  toTarget,
  runs,
}: VariantSummary): string[] {
  return [
    name,
    meanScale.toFixed(2),
    significant(mean),
    significant(deviation),
    difference === undefined ? "" : percent(difference.improvement),
    difference === undefined ? "" : probability(difference.p),
    difference === undefined ? "" : probability(difference.correctedP),
    meanSteps.toFixed(0),
    `${toTarget.runs}/${runs.length}`,
    toTarget.runs === 0 ? "" : toTarget.steps.toFixed(0),
    toTarget.runs === 0 ? "" : toTarget.seconds.toFixed(2),
  ];
}

/** Mean and deviation of the validation loss by epoch, as long as all runs last. */
function curveOf({ name, runs }: VariantSummary) {
  const epochs = Math.min(...runs.map(({ history }) => history.length));
  const moments = Array.from({ length: epochs }, (_, index) => {
    const losses = runs.map(({ history }) => history[index]?.validationLoss ?? Number.NaN);
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    const squares = losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0);
    return { mean, deviation: Math.sqrt(squares / Math.max(losses.length - 1, 1)) };
  });
  return {
    name,
    values: moments.map(({ mean }) => mean),
    low: moments.map(({ mean, deviation }) => mean - deviation),
    high: moments.map(({ mean, deviation }) => mean + deviation),
  };
}

function significant(value: number): string {
  return Number.isNaN(value) ? "n/a" : String(Number(value.toPrecision(4)));
}

function percent(value: number): string {
  return Number.isNaN(value) ? "n/a" : `${value > 0 ? "+" : ""}${value.toFixed(2)}%`;
}

function probability(p: number): string {
  if (Number.isNaN(p)) return "n/a";
  return p < 0.001 ? "<0.001" : p.toFixed(3);
}
