import { readRange } from "../../../graph/bytes.js";
import { bitsOf } from "../../../graph/data-type.js";
import type { Tensor } from "../../../graph/tensor.js";
import type { Layer, Parameter } from "../layers.js";
import { parametersOf } from "./context.js";

/** Elements compared to tell a copy: two different weights do not agree in this many places. */
const SAMPLES = 32;

/**
 * Kernels that are a transposed copy of an earlier parameter: exporters fold the Transpose of a tied embedding into a
 * tensor of its own. Of payloads, only a few samples are read, and only where shapes are each other's mirror image.
 */
export function tiedCopies(layers: readonly Layer[]): ReadonlyMap<Parameter, Parameter> {
  const byShape = new Map<string, Parameter[]>();
  const copies = new Map<Parameter, Parameter>();
  for (const { parameter } of parametersOf(layers)) {
    const { shape } = parameter.tensor;
    if (shape.length !== 2) continue;
    const mirrored = byShape.get(shape.toReversed().join()) ?? [];
    const source = mirrored.find((earlier) => isTransposed(parameter.tensor, earlier.tensor));
    if (source !== undefined) copies.set(parameter, source);
    const same = byShape.get(shape.join());
    if (same === undefined) byShape.set(shape.join(), [parameter]);
    else same.push(parameter);
  }
  return copies;
}

function isTransposed(copy: Tensor, source: Tensor): boolean {
  const [rows = 0, columns = 0] = source.shape;
  const count = rows * columns;
  const size = bitsOf(source.dataType) / 8;
  const { payload: copied } = copy;
  const { payload: original } = source;
  if (copy.dataType !== source.dataType || count === 0 || size < 1) return false;
  if (copied.kind !== "raw" || original.kind !== "raw") return false;
  const element = (range: typeof copied.range, index: number) =>
    Buffer.from(readRange({ ...range, offset: range.offset + index * size, length: size }));
  const seen = new Set<string>();
  for (let sample = 0; sample < SAMPLES; sample++) {
    const index = Math.floor((sample * (count - 1)) / Math.max(SAMPLES - 1, 1));
    const mirrored = (index % columns) * rows + Math.floor(index / columns);
    const value = element(original.range, index);
    if (!value.equals(element(copied.range, mirrored))) return false;
    seen.add(value.toString("hex"));
  }
  // Freshly initialised or pruned weights that are all alike prove nothing.
  return seen.size > 1;
}
