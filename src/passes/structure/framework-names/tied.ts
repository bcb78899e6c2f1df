import { readRange } from "../../../graph/bytes.js";
import { bitsOf } from "../../../graph/data-type.js";
import type { Tensor } from "../../../graph/tensor.js";
import type { Layer, Parameter } from "../layers.js";
import { parametersOf } from "./exporter.js";

/** Elements compared to tell a copy: two different weights do not agree in this many places. */
const SAMPLES = 32;

/**
 * Kernels that are a transposed copy of another parameter: exporters fold the Transpose of a tied embedding into a tensor
 * of its own, under a name that they make up. Of payloads, only a few samples are read, and only where the shapes of a
 * named and of an anonymous parameter are each other's mirror image.
 */
export function tiedCopies(
  layers: readonly Layer[],
  isMadeUp: (name: string) => boolean,
): ReadonlyMap<Parameter, Parameter> {
  const matrices = parametersOf(layers).flatMap(({ parameter }) =>
    parameter.tensor.shape.length === 2 ? [parameter] : [],
  );
  const named = new Map<string, Parameter[]>();
  for (const parameter of matrices.filter(({ tensor }) => !isMadeUp(tensor.name))) {
    const shape = parameter.tensor.shape.join();
    const ofShape = named.get(shape);
    if (ofShape === undefined) named.set(shape, [parameter]);
    else ofShape.push(parameter);
  }
  const copies = new Map<Parameter, Parameter>();
  for (const copy of matrices.filter(({ tensor }) => isMadeUp(tensor.name))) {
    const mirrored = named.get(copy.tensor.shape.toReversed().join()) ?? [];
    const source = mirrored.find(({ tensor }) => isTransposed(copy.tensor, tensor));
    if (source !== undefined) copies.set(copy, source);
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
