import type { ContractLoss } from "../passes/training/contract.js";
import type { Evaluation } from "./call.js";
import type { Batch, Dataset } from "./data/dataset.js";
import { inOrder } from "./batches.js";
import type { Batching } from "./batching.js";
import { type CountOf, lossCount } from "./loss-count.js";
import { metricsOfEach } from "./metrics/index.js";
import type { Measurement, Metric } from "./metrics/metric.js";

/** What examples are measured by: the loss, and metrics of the outputs that losses are on. */
export interface Measures {
  /** Whether the loss of a batch is a mean; otherwise it is a sum. */
  readonly isMean: boolean;
  /** Over how much it is one; for sums the examples, so that reports show their mean. */
  readonly countOf: CountOf;
  readonly metrics: readonly NamedMetric[];
}

/** A metric of one output. */
export interface NamedMetric {
  /** In reports: with several losses, the output comes first: "boxes.mae". */
  readonly name: string;
  readonly metric: Metric;
  readonly loss: ContractLoss;
  /** The input that has the targets. */
  readonly target: string;
}

/** What was measured. */
export interface Measured {
  /** How many examples were. */
  readonly examples: number;
  /** The mean over them, of classes over all that count. */
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/**
 * What to measure.
 * @param names of metrics; by default those that people look at for these losses
 * @throws InputError for metrics that there are not, or that fit none of the losses
 */
export function measuresOf(losses: readonly ContractLoss[], names: readonly string[] | undefined): Measures {
  const metrics = [...metricsOfEach(losses, names)].flatMap(([loss, chosen]): readonly NamedMetric[] => {
    const { output, target } = loss;
    if (target === undefined) return [];
    return [...chosen].map(([name, metric]) => {
      return { name: losses.length > 1 ? `${output}.${name}` : name, metric, loss, target };
    });
  });
  const isMean = losses.every(({ reduction }) => reduction !== "sum");
  return { isMean, countOf: isMean ? lossCount(losses) : ({ examples }) => examples, metrics };
}

/** Measures the examples of a dataset, batch by batch in their order: all that fill batches as the model takes them. */
export async function validate(
  data: Dataset,
  evaluate: (batch: Batch, outputs: ReadonlySet<string>) => Promise<Evaluation>,
  { isMean, countOf, metrics }: Measures,
  { batchSize, isFixed }: Batching,
): Promise<Measured> {
  const running = metrics.map((named) => ({ ...named, measurement: measurementOf(named) }));
  const outputs = new Set(metrics.map(({ loss }) => loss.output));
  let [sum, count, examples] = [0, 0, 0];
  for await (const counted of inOrder(data, batchSize, isFixed)) {
    const { batch } = counted;
    const { loss, predictions } = await evaluate(batch, outputs);
    const own = countOf(counted);
    // The loss of a batch in which nothing counts is no number.
    if (own > 0) sum += isMean ? loss * own : loss;
    count += own;
    examples += counted.examples;
    for (const { loss: of, target, measurement } of running) {
      const [prediction, wanted] = [predictions.get(of.output), batch[target]];
      if (prediction !== undefined && wanted !== undefined) measurement.add(prediction, wanted);
    }
  }
  return {
    examples,
    loss: sum / count,
    metrics: Object.fromEntries(running.map(({ name, measurement }) => [name, measurement.value()])),
  };
}

function measurementOf({ metric, loss }: NamedMetric): Measurement {
  return metric.create({ loss, ...(loss.predictions && { predictions: loss.predictions }) });
}
