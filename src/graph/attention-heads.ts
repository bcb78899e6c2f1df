import type { Value } from "./emitter.js";
import type { Operators } from "./operators.js";

/** [batch, length, heads·size] as [batch, heads, length, size]. */
export function splitHeads(g: Operators, x: Value, heads: number): Value {
  return g.transpose(g.op("Reshape", [x, g.integers([0, 0, heads, -1])]), [0, 2, 1, 3]);
}

/** [batch, heads, length, size] as [batch, length, heads·size]. */
export function mergeHeads(g: Operators, x: Value): Value {
  return g.op("Reshape", [g.transpose(x, [0, 2, 1, 3]), g.integers([0, 0, -1])]);
}
