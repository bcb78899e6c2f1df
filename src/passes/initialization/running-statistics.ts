import type { Value } from "../../graph/dataflow.js";
import type { Tensor } from "../../graph/tensor.js";
import { bufferInputs } from "../structure/normalization.js";
import type { Structure } from "../structure/structure.js";
import { beforeReshaping, sourceOf } from "./sources.js";

/** Running statistics, with the number that they start from. */
export interface RunningStatistics {
  readonly tensor: Tensor;
  /** 0 for a mean, 1 for a variance. */
  readonly start: 0 | 1;
}

/**
 * The running statistics of every BatchNormalization whose input depends on a parameter: they tell of activations that
 * new weights do not make any more. Frozen ones stay as they are.
 */
export function outdatedStatistics({ layers, frozen }: Structure): readonly RunningStatistics[] {
  const kept = new Set(frozen.map(({ name }) => name));
  const found = new Map<string, RunningStatistics>();
  const changed = new Set<Value>();
  for (const { parameters } of layers) {
    for (const parameter of parameters) {
      const source = sourceOf(parameter);
      if (source !== undefined) changed.add(source);
    }
  }
  for (const value of changed) {
    for (const { operation, input } of value.uses) {
      for (const output of operation.outputs) if (output !== undefined) changed.add(output);
      if (input !== 0) continue;
      for (const [position, statistic] of bufferInputs(operation.node).entries()) {
        const origin = beforeReshaping(operation.inputs[statistic])?.origin;
        if (origin?.kind !== "initializer" || kept.has(origin.tensor.name)) continue;
        found.set(origin.tensor.name, { tensor: origin.tensor, start: position === 0 ? 0 : 1 });
      }
    }
  }
  return [...found.values()];
}
