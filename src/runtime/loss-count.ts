import type { ContractLoss } from "../passes/training/contract.js";
import type { CountedBatch } from "./batches.js";
import { ignoredClass, isOfClasses } from "./class-numbers.js";

/** Over how much the loss of a batch is a mean, to compare with that of other batches. */
export type CountOf = (counted: CountedBatch) => number;

/**
 * Over how much losses are means: over examples; that of class numbers over those that count, each with the weight of
 * its class. Of several losses, which are means over unlike things, over examples.
 */
export function lossCount(losses: readonly ContractLoss[]): CountOf {
  const [loss, ...others] = losses;
  const { target } = loss ?? {};
  if (loss === undefined || target === undefined || !isOfClasses(loss) || others.length > 0) {
    return ({ examples }) => examples;
  }
  const weightOf = weightOfClass(loss);
  return ({ batch, examples }) => {
    const tensor = batch[target];
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
    // What is no class is refused when it is computed with.
    return classWeights?.[Number(named)] ?? 1;
  };
}
