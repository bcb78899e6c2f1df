import { InputError } from "../graph/errors.js";
import type { ContractArtifact, ContractTensor } from "../passes/training/contract.js";
import { requireWhole } from "./whole-number.js";

/** How many examples are in a batch. */
export interface Batching {
  readonly batchSize: number;
  /** Whether the model takes batches of this size alone. */
  readonly isFixed: boolean;
}

/**
 * How examples are batched for a model.
 * @param wanted what was asked for, if anything
 * @param sets how many examples there are of each kind, by what messages call it; undefined where nobody knows
 * @param otherwise the size where neither the model nor anyone says one
 * @throws InputError for a size that is out of range or that the model does not take, and for too few examples to fill a
 *   batch of the only size that it takes
 */
export function batchingOf(
  contract: ContractArtifact,
  wanted: number | undefined,
  sets: Readonly<Record<string, number | undefined>>,
  otherwise: number,
): Batching {
  if (wanted !== undefined) requireWhole("--batch-size", wanted, 1);
  const fixed = fixedBatch(contract);
  if (fixed === undefined) return { batchSize: wanted ?? otherwise, isFixed: false };
  if (wanted !== undefined && wanted !== fixed) {
    const remedy = "leave --batch-size out (--accumulate adds batches up), or export the model with a dynamic batch";
    throw new InputError(`--batch-size ${wanted}`, `does not fit a model that takes batches of ${fixed} alone`, remedy);
  }
  const scarce = Object.entries(sets).find(([, count]) => count !== undefined && count < fixed);
  if (scarce !== undefined) {
    const remedy = "give more, or export the model with a dynamic batch";
    throw new InputError(scarce[0], `fill no batch of ${fixed}, which the model takes alone`, remedy);
  }
  return { batchSize: fixed, isFixed: true };
}

/** A warning about the examples behind the last full batch, where the model takes no smaller one. */
export function leftOut(count: number, { batchSize, isFixed }: Batching, what: string): readonly string[] {
  const left = isFixed ? count % batchSize : 0;
  return left === 0 ? [] : [`the last ${left} examples of ${what} fill no batch of ${batchSize} and are left out`];
}

/** The inputs whose first axis has the examples: targets, where there are any. */
export function examplesOf({ inputs }: ContractArtifact): readonly ContractTensor[] {
  const targets = inputs.filter(({ role }) => role === "target");
  return targets.length > 0 ? targets : inputs.filter(({ role }) => role === "feature");
}

/** The only size of batches that a model takes; undefined where it takes any. */
function fixedBatch(contract: ContractArtifact): number | undefined {
  const extents = examplesOf(contract).map(({ shape }) => shape?.[0]);
  const [first] = extents;
  return typeof first === "number" && extents.every((extent) => extent === first) ? first : undefined;
}
