import type { Value } from "../../graph/dataflow.js";
import type { Parameter } from "../structure/layers.js";

/** The value of a parameter itself, behind the operations that rearrange it for the one that applies it. */
export function sourceOf({ operation, input, tensor }: Parameter): Value | undefined {
  const behind = new Set([operation.inputs[input]]);
  for (const value of behind) {
    if (value?.name === tensor.name) return value;
    if (value?.origin.kind !== "operation") continue;
    for (const next of value.origin.operation.inputs) behind.add(next);
  }
  return undefined;
}

/** The value that a value shows with its elements in the same order, perhaps in another shape or type. */
export function beforeReshaping(value: Value | undefined): Value | undefined {
  if (value?.origin.kind !== "operation") return value;
  const { node, inputs } = value.origin.operation;
  return node.domain === "" && keepsOrder.has(node.opType) ? beforeReshaping(inputs[0]) : value;
}

const keepsOrder: ReadonlySet<string> = new Set("Reshape Flatten Squeeze Unsqueeze Cast Identity".split(" "));
