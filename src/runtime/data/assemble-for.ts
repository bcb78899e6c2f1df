import { InputError } from "../../graph/errors.js";
import { type Contract, lossesOf } from "../../passes/training/contract.js";
import { assemble, type AssembledData, type AssembleOptions } from "./assemble.js";
import { classCountsOf } from "./class-counts.js";
import type { DataDescription } from "./description.js";
import type { Source } from "./source.js";

/**
 * {@link assemble} for a training: with its inputs, and with the classes that its losses know.
 * @param contract with the artifact `gradient` or `eval`
 * @throws InputError with file, row and column for data that do not fit
 */
export async function assembleFor(
  contract: Pick<Contract, "artifacts" | "loss">,
  sources: readonly Source[],
  description: DataDescription = {},
  options: AssembleOptions = {},
): Promise<AssembledData> {
  const fed = contract.artifacts.gradient ?? contract.artifacts.eval;
  if (fed === undefined) {
    throw new InputError(
      "the contract",
      "has no graph that data feed",
      'rewrite with emit: ["gradient"] or emit: ["eval"]',
    );
  }
  const ignoreIndex = lossesOf(contract.loss).find((loss) => loss.ignoreIndex !== undefined)?.ignoreIndex;
  return assemble(
    fed.inputs,
    sources,
    { classes: classCountsOf(contract), ...(ignoreIndex === undefined ? {} : { ignoreIndex }), ...description },
    options,
  );
}
