import { readRange } from "../../graph/bytes.js";
import type { Dataflow } from "../../graph/dataflow.js";
import { bitsOf, isFloatingPoint } from "../../graph/data-type.js";
import { elementCount, type Tensor } from "../../graph/tensor.js";
import type { ExporterNaming, FrameworkNames } from "./framework-names/exporter.js";
import type { IsTrainable, Layer } from "./layers.js";
import { matchingNames } from "./name-patterns.js";

/** What to train, by glob patterns over initializer names and framework names; `*` also matches dots and slashes. */
export interface TrainabilityOptions {
  /** Not to be trained. */
  readonly freeze?: readonly string[];
  /** To be trained although frozen, a scalar, or a buffer. */
  readonly train?: readonly string[];
}

/**
 * Not trained unless asked for: scalars, running statistics, and constants that the exporter made up itself, such as an
 * attention mask, or the ones and zeros by which it writes a GroupNormalization as an InstanceNormalization.
 */
export function trainableByDefault(naming: ExporterNaming): IsTrainable {
  return (tensor, use) => {
    if (tensor.shape.length === 0 || use === "buffer" || naming.buffers.has(tensor.name)) return false;
    if (!naming.isMadeUp(tensor.name)) return true;
    if (use === "other" && naming.listed !== undefined) return false;
    return use === "kernel" || use === "bias" || !isUniform(tensor);
  };
}

/** What patterns select: names of initializers. */
export interface Selection {
  readonly frozen: ReadonlySet<string>;
  readonly included: ReadonlySet<string>;
}

/**
 * The initializers that patterns match, by their own names or by framework names.
 * @throws InputError for a pattern that matches none
 */
export function selectedBy(
  { freeze = [], train = [] }: TrainabilityOptions,
  dataflow: Dataflow,
  { layers, frameworkNames }: { readonly layers: readonly Layer[]; readonly frameworkNames: FrameworkNames },
  label: string,
): Selection {
  const candidates = candidateNames(dataflow, layers, frameworkNames);
  return {
    frozen: matchingNames(freeze, "--freeze", candidates, label),
    included: matchingNames(train, "--train", candidates, label),
  };
}

/** Every name that a pattern may match, with the initializer that it stands for. */
function candidateNames(
  dataflow: Dataflow,
  layers: readonly Layer[],
  names: FrameworkNames,
): ReadonlyMap<string, string> {
  const candidates = new Map<string, string>();
  for (const { parameters } of layers) {
    for (const parameter of parameters) {
      candidates.set(parameter.tensor.name, parameter.tensor.name);
      const ownNames = [...(names.of.get(parameter) ?? []), ...(names.candidatesOf.get(parameter) ?? [])];
      for (const name of ownNames) candidates.set(name, parameter.tensor.name);
    }
  }
  for (const { origin } of dataflow.initializers) {
    if (origin.kind !== "initializer" || !isFloatingPoint(origin.tensor.dataType)) continue;
    candidates.set(origin.tensor.name, origin.tensor.name);
  }
  return candidates;
}

/** Larger tensors than this are no fill values. */
const LARGEST_FILL = 4096;

/** Whether a tensor holds one number over and over. */
export function isUniform({ payload, dataType, shape }: Tensor): boolean {
  const count = elementCount(shape);
  const size = bitsOf(dataType) / 8;
  if (count > LARGEST_FILL || payload.kind !== "raw" || size < 1) return false;
  const bytes = Buffer.from(readRange(payload.range));
  const first = bytes.subarray(0, size);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size)).every(
    (element) => element.equals(first),
  );
}
