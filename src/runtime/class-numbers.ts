import { InputError } from "../graph/errors.js";
import { IGNORED_CLASS } from "../passes/loss/loss.js";
import type { ContractLoss } from "../passes/training/contract.js";
import type { Batch } from "./data/dataset.js";

/** The class number of targets that do not count. */
export function ignoredClass({ ignoreIndex }: ContractLoss): bigint {
  return BigInt(ignoreIndex ?? IGNORED_CLASS);
}

/** Whether the targets of a loss may be class numbers, one in the place of a prediction for each class. */
export function isOfClasses({ name }: ContractLoss): boolean {
  return name === "softmax-cross-entropy" || name === "nll";
}

/**
 * Makes a check that all targets of a batch are numbers of classes. The runtime counts negative ones from the last class,
 * and what it says of others names none of them.
 * @returns what throws an InputError for a number that is none
 */
export function classNumberCheck(losses: readonly ContractLoss[]): (batch: Batch) => void {
  const checks = losses.flatMap((loss) => {
    const { target, classes } = loss;
    if (target === undefined || !isOfClasses(loss)) return [];
    return [{ target, classes, ignored: ignoredClass(loss) }];
  });
  return (batch) => {
    for (const { target, classes, ignored } of checks) {
      const tensor = batch[target];
      if (tensor?.type !== "int64") continue;
      for (const named of tensor.data) {
        if ((named >= 0n && (classes === undefined || named < classes)) || named === ignored) continue;
        const known = classes === undefined ? "count from 0" : `are 0 to ${classes - 1}`;
        const what = `holds ${named}, and the model's classes ${known}`;
        throw new InputError(`target "${target}"`, what, "name targets that do not count with --ignore-index");
      }
    }
  };
}
