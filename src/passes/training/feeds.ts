import type { DataType } from "../../graph/data-type.js";
import { InputError } from "../../graph/errors.js";
import type { Extent } from "../../graph/shapes/extent.js";
import { formatShape } from "../../graph/shapes/shape-math.js";
import type { ContractArtifact, ContractTensor } from "./contract.js";

/** A tensor as runtimes have it: `ort.Tensor` is one. */
export interface FedTensor {
  readonly type: string;
  readonly dims: readonly number[];
}

/**
 * Checks what is to be fed to an artifact against its contract: that nothing is missing or unknown, and that types and
 * shapes are right, those that belong together (one batch size for features and targets) included. Where the contract
 * does not know the shape, any will do.
 * @throws InputError that names the input, what is wrong, and what it should be
 */
export function checkFeeds(artifact: ContractArtifact, feeds: Readonly<Record<string, FedTensor>>): void {
  const known = new Map<Extent, { readonly extent: number; readonly input: string }>();
  for (const input of artifact.inputs) {
    const fed = feeds[input.name];
    if (fed === undefined) throw new InputError(describe(input), `is missing from what is fed to ${artifact.file}`);
    checkType(input, fed.type);
    const { shape } = input;
    if (shape === null) continue;
    const mismatch = () => `has the shape ${formatShape(fed.dims)}, and should have ${formatShape(shape)}`;
    if (fed.dims.length !== shape.length) throw new InputError(describe(input), mismatch());
    for (const [axis, extent] of shape.entries()) {
      const actual = fed.dims[axis] ?? 0;
      if (typeof extent === "number") {
        if (extent !== actual) throw new InputError(describe(input), mismatch());
        continue;
      }
      const before = known.get(extent);
      if (before === undefined) known.set(extent, { extent: actual, input: input.name });
      else if (before.extent !== actual) {
        const other = `"${extent}" is ${before.extent} in "${before.input}"`;
        throw new InputError(describe(input), `${mismatch()}, where ${other}`);
      }
    }
  }
  const names = new Set(artifact.inputs.map(({ name }) => name));
  const unknown = Object.keys(feeds).find((name) => !names.has(name));
  if (unknown !== undefined) {
    throw new InputError(`"${unknown}"`, `is no input of ${artifact.file}`, `those are ${[...names].join(", ")}`);
  }
}

function checkType(input: ContractTensor, type: string): void {
  if (type === input.dtype) return;
  const isClasses = input.role === "target" && input.dtype === "int64";
  const floatTypes: readonly string[] = ["float32", "float64", "float16"] satisfies readonly DataType[];
  const remedy =
    isClasses && floatTypes.includes(type)
      ? "class numbers are whole; for a probability of each class, rewrite with --labels probabilities"
      : undefined;
  throw new InputError(describe(input), `holds ${type}, and should hold ${input.dtype}`, remedy);
}

function describe({ role, name }: ContractTensor): string {
  return `${role} "${name}"`;
}
