import type { ContractArtifact, ContractLoss } from "../passes/training/contract.js";
import type { CountedBatch } from "./batches.js";
import { ignoredClass, isOfClasses } from "./class-numbers.js";

/** Over how much the loss of a batch is a mean, to compare with that of other batches. */
export type CountOf = (counted: CountedBatch) => number;

/**
 * Over how much losses are means: over examples; that of class numbers over those that count, each with the weight of
 * its class. Of several losses, which are means over unlike things, over examples.
 */
export function lossCount(losses: readonly ContractLoss[], { inputs }: ContractArtifact): CountOf {
  const [loss, ...others] = losses;
  const target = inputs.find(({ role }) => role === "target");
  if (loss === undefined || !isOfClasses(loss) || target?.dtype !== "int64" || others.length > 0)
    return ({ examples }) => examples;
  const weightOf = weightOfClass(loss);
  return ({ batch, examples }) => {
    const tensor = batch[target.name];
    if (tensor?.type !== "int64") return examples;
    let count = 0;
    for (const named of tensor.data) count += weightOf(named);
    return count;
  };
}

function weightOfClass(loss: ContractLoss): (named: bigint) => number {
  const { classWeights } = loss;
  const ignored = ignoredClass(loss);
  return (named) => {
    if (named === ignored) return 0;
    return classWeights === undefined ? 1 : (classWeights[Number(named)] ?? 0);
  };
}
