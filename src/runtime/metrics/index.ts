import { InputError } from "../../graph/errors.js";
import type { ContractLoss } from "../../passes/training/contract.js";
import { accuracy } from "./accuracy.js";
import { auc } from "./auc.js";
import { f1 } from "./f1.js";
import { meanAbsoluteError } from "./mae.js";
import { type Metric, type Task, taskOf } from "./metric.js";
import { precision } from "./precision.js";
import { r2 } from "./r2.js";
import { recall } from "./recall.js";
import { rootMeanSquaredError } from "./rmse.js";
import { topK } from "./top-k.js";

/** All metrics, by name; "top-5" stands for "top-" and any whole number. */
export const metrics: ReadonlyMap<string, Metric> = new Map([
  ["accuracy", accuracy],
  ["top-5", topK(5)],
  ["precision", precision],
  ["recall", recall],
  ["f1", f1],
  ["auc", auc],
  ["mae", meanAbsoluteError],
  ["rmse", rootMeanSquaredError],
  ["r2", r2],
]);

const defaults: Readonly<Record<Task, readonly string[]>> = {
  classes: ["accuracy"],
  questions: ["accuracy"],
  numbers: ["mae", "r2"],
  other: [],
};

/** What is measured where nothing is said: accuracy of classification, mae and r2 of regression. */
export function defaultMetrics(loss: ContractLoss): readonly string[] {
  return defaults[taskOf(loss)];
}

/** The names of the metrics that fit a loss. */
export function fittingMetrics(loss: ContractLoss): readonly string[] {
  return [...metrics].flatMap(([name, metric]) => (fits(metric, loss) ? [name] : []));
}

/** Whether there is such a metric, "top-3" and the like too, and it fits a loss. */
export function isFittingMetric(name: string, loss: ContractLoss): boolean {
  const metric = metricNamed(name);
  return metric !== undefined && fits(metric, loss);
}

/**
 * Metrics by their names, each once.
 * @throws InputError for a name that there is not, and for a metric that does not fit the loss
 */
export function chooseMetrics(
  loss: ContractLoss,
  names: readonly string[] = defaultMetrics(loss),
): ReadonlyMap<string, Metric> {
  return new Map(names.map((name) => [name, chosen(name, [loss])]));
}

/** Of several losses each takes the metrics that fit it. @throws InputError for a name that none of them takes */
export function metricsOfEach(
  losses: readonly ContractLoss[],
  names: readonly string[] | undefined,
): ReadonlyMap<ContractLoss, ReadonlyMap<string, Metric>> {
  const wanted = names?.map((name) => [name, chosen(name, losses)] as const);
  return new Map(
    losses.map((loss) => [
      loss,
      wanted ? new Map(wanted.filter(([, metric]) => fits(metric, loss))) : chooseMetrics(loss),
    ]),
  );
}

function chosen(name: string, losses: readonly ContractLoss[]): Metric {
  const metric = metricNamed(name);
  if (metric === undefined) {
    throw new InputError(`--metrics ${name}`, `is none of ${[...metrics.keys()].join(", ")} (or top-3 and the like)`);
  }
  if (losses.some((loss) => fits(metric, loss))) return metric;
  const fitting = [...new Set(losses.flatMap(fittingMetrics))];
  const subjects = new Set(
    losses.map((loss) => (loss.name === "model" ? "a loss that is part of the model" : `the loss ${loss.name}`)),
  );
  throw new InputError(
    `--metrics ${name}`,
    `does not fit ${[...subjects].join(" or ")}`,
    fitting.length === 0 ? "no metric does" : `those that do are ${fitting.join(", ")}`,
  );
}

/** "top-3" and the like are not in the list. */
function metricNamed(name: string): Metric | undefined {
  const k = /^top-(?<k>[1-9]\d{0,8})$/u.exec(name)?.groups?.["k"];
  return k === undefined ? metrics.get(name) : topK(Number(k));
}

function fits({ tasks }: Metric, loss: ContractLoss): boolean {
  return tasks.includes(taskOf(loss));
}
