import type { Contract, ContractLoss } from "../../passes/training/contract.js";

/**
 * How many classes the model knows, by the name of each target of class numbers, for the data's description: from the
 * shapes of the predictions in the contract's `eval` artifact. What that does not tell is left out.
 */
export function classCountsOf({ loss, artifacts }: Contract): Readonly<Record<string, number>> {
  const outputs = artifacts.eval?.outputs ?? [];
  const targets = (artifacts.eval?.inputs ?? []).filter(({ role }) => role === "target");
  const losses = loss.name === "sum" ? loss.losses : [loss];
  const counts = losses.flatMap((each): (readonly [string, number])[] => {
    const prediction = outputs.find(({ role, of }) => role === "prediction" && of === each.output);
    const target = targets.find(({ name }) => targets.length === 1 || name === `${each.output}.target`);
    if (prediction?.shape === undefined || prediction.shape === null || target?.dtype !== "int64") return [];
    const count = prediction.shape.at(classAxis(each, prediction.shape.length));
    return typeof count === "number" && count > 1 ? [[target.name, count]] : [];
  });
  return Object.fromEntries(counts);
}

/** The last axis of sequences (rank 3), else axis 1, unless the loss says otherwise. */
function classAxis({ classAxis: axis }: ContractLoss, rank: number): number {
  return axis ?? (rank === 3 ? -1 : 1);
}
