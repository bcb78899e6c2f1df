import { InputError } from "../../graph/errors.js";
import type { ContractLoss } from "../../passes/training/contract.js";
import { defaultMetrics, fittingMetrics, isFittingMetric } from "../metrics/index.js";
import { measuresOf } from "../validate.js";
import type { ComparisonResult } from "./comparison.js";

/** What runs are compared by. */
export interface Measure {
  /** "loss", or a metric as it is reported: with several losses, the output comes first. */
  readonly name: string;
  readonly better: ComparisonResult["better"];
  /** What each training is to measure; undefined for the metrics of the loss. */
  readonly metrics: readonly string[] | undefined;
}

/**
 * The measure that a name means: a metric as it is reported ("p.mae"), or without the output where only one has it.
 * @param metrics that are measured besides; by default those of the losses
 * @throws InputError for a name that none is called by, and for one that several are
 */
export function measureNamed(
  wanted: string,
  losses: readonly ContractLoss[],
  metrics: readonly string[] | undefined,
): Measure {
  if (wanted === "loss") return { name: wanted, better: "lower", metrics };
  // Names of outputs may have dots, those of metrics have none.
  const metric = wanted.slice(wanted.lastIndexOf(".") + 1);
  const fitting = losses.flatMap(fittingMetrics);
  const isFitting = losses.some((loss) => isFittingMetric(metric, loss));
  const known = measuresOf(losses, [...new Set([...fitting, ...(isFitting ? [metric] : [])])]).metrics;
  const meant = known.filter(({ name, loss }) => name === wanted || name === `${loss.output}.${wanted}`);
  const [found] = meant;
  if (found === undefined) {
    const all = ["loss", ...known.map(({ name }) => name)].join(", ");
    throw new InputError(`--measure ${wanted}`, "cannot be compared", `choose one of ${all}`);
  }
  if (meant.length > 1) {
    const all = meant.map(({ name }) => name).join(", ");
    throw new InputError(`--measure ${wanted}`, "is there of several outputs", `choose one of ${all}`);
  }
  const others = metrics ?? losses.flatMap(defaultMetrics);
  return { name: found.name, better: found.metric.better, metrics: [...new Set([...others, metric])] };
}
