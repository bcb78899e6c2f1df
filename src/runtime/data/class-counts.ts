import { type Contract, lossesOf } from "../../passes/training/contract.js";

/** How many classes the model knows, by the name of each target of class numbers, where its shapes tell. */
export function classCountsOf({ loss }: Pick<Contract, "loss">): Readonly<Record<string, number>> {
  return Object.fromEntries(
    lossesOf(loss).flatMap(({ target, classes }) =>
      target === undefined || classes === undefined ? [] : [[target, classes] as const],
    ),
  );
}
