import { InputError } from "../graph/errors.js";
import type { ContractArtifact, ContractLoss } from "../passes/training/contract.js";
import type { CountedBatch } from "./batches.js";

/** PyTorch's number for targets that do not count. */
const IGNORED = -100n;

/** Over how much the loss of a batch is a mean, to compare with that of other batches. */
export type CountOf = (counted: CountedBatch) => number;

/**
 * Over how much losses are means: over examples; that of class numbers over those that count, each with the weight of
 * its class. Of several losses, which are means over unlike things, over examples.
 * @returns what throws an InputError for class numbers that are negative
 */
export function lossCount(losses: readonly ContractLoss[], { inputs }: ContractArtifact): CountOf {
  const [loss, ...others] = losses;
  const target = inputs.find(({ role }) => role === "target");
  const isOfClasses = loss?.name === "softmax-cross-entropy" || loss?.name === "nll";
  if (target?.dtype !== "int64" || !isOfClasses || others.length > 0) return ({ examples }) => examples;
  const weightOf = weightOfClass(target.name, loss);
  return ({ batch, examples }) => {
    const tensor = batch[target.name];
    if (tensor?.type !== "int64") return examples;
    let count = 0;
    for (const named of tensor.data) count += weightOf(named);
    return count;
  };
}

function weightOfClass(target: string, { ignoreIndex, classWeights }: ContractLoss): (named: bigint) => number {
  const ignored = ignoreIndex === undefined ? IGNORED : BigInt(ignoreIndex);
  return (named) => {
    if (named === ignored) return 0;
    // ONNX would count these from the last class.
    if (named < 0n) {
      const remedy = "classes count from 0; targets that do not count are named by --ignore-index";
      throw new InputError(`target "${target}"`, `holds ${named}, which is the number of no class`, remedy);
    }
    return classWeights === undefined ? 1 : (classWeights[Number(named)] ?? 0);
  };
}
