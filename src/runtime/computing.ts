import { isFloatingPoint } from "../graph/data-type.js";
import { elementCount } from "../graph/tensor.js";
import type { TrainingPlan } from "../passes/training/rewrite.js";
import type { Computing, SessionOptions } from "./session.js";

/** Products of a batch with matrices, multiplications counted, up to which a second thread costs more than it saves. */
const SMALL = 2 ** 20;

/**
 * How the sessions of a training compute. By default, networks of small matrices alone have one thread, and others as
 * many as the machine has cores: that follows from model and batch size, and never from a measurement, as other threads
 * may add numbers in another order.
 */
export function computingOf(
  { parameters, gradient }: Pick<TrainingPlan, "parameters" | "gradient">,
  batchSize: number,
  given: SessionOptions,
): Computing {
  const features = gradient?.contract.inputs.filter(({ role }) => role === "feature") ?? [];
  // Of token ids, every one is a row.
  const isOfRows = features.every(({ shape, dtype }) => shape !== null && shape.length <= 2 && !dtype.includes("int"));
  const frozen = gradient?.graph.initializers.filter(({ dataType }) => isFloatingPoint(dataType)) ?? [];
  const weights = [...parameters, ...frozen].map(({ shape }) => shape);
  const elements = weights.reduce((sum, shape) => sum + elementCount(shape), 0);
  const isSmall = isOfRows && weights.every(({ length }) => length <= 2) && batchSize * elements <= SMALL;
  return { isSmall, ...(isSmall ? { threads: 1 } : {}), ...given };
}
