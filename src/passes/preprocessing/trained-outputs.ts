import { type Contract, lossesOf } from "../training/contract.js";
import type { Preprocessing } from "./preprocessing.js";

/** The outputs that a training's losses compare with targets, each with its target: for `foldPreprocessing`. */
export function trainedOutputs(loss: Contract["loss"], { tensors }: Preprocessing): Readonly<Record<string, string>> {
  const targets = new Set(tensors.flatMap(({ name, role }) => (role === "target" ? [name] : [])));
  return Object.fromEntries(
    lossesOf(loss).flatMap(({ output, target }) =>
      target === undefined || !targets.has(target) ? [] : [[output, target] as const],
    ),
  );
}
