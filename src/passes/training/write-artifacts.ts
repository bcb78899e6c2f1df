import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { encodeModel } from "../../graph/encode-model.js";
import { externalWeights } from "../../graph/external-weights.js";
import { InputError, systemReason } from "../../graph/errors.js";
import { writeFile } from "../../graph/write-file.js";
import type { TrainingArtifacts } from "./rewrite.js";

/** Frozen weights that are too large for the model files. */
const WEIGHTS = "weights.bin";

/**
 * Writes training graphs and their contract into a folder, which is made where it is missing; the contract last, so that whoever finds it finds all
 * that it names. Frozen weights beyond what one file holds go into weights.bin.
 * @returns the paths of the files
 * @throws InputError for a folder that cannot be written
 */
export function writeArtifacts({ contract, models }: TrainingArtifacts, folder: string): readonly string[] {
  if (folder === "") throw new InputError("--output", "names no folder");
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new InputError(folder, `cannot be made a folder: ${systemReason(error)}`);
  }
  const weights = externalWeights(models.values(), WEIGHTS);
  if (weights !== undefined) writeFile(join(folder, WEIGHTS), weights.content);
  const written = [...models].flatMap(([name, model]) => {
    const file = contract.artifacts[name]?.file;
    if (file === undefined) return [];
    const path = join(folder, file);
    writeFile(path, [encodeModel(model, weights?.locationOf)]);
    return [path];
  });
  const path = join(folder, "contract.json");
  writeFile(path, `${JSON.stringify(contract, undefined, 2)}\n`);
  return [...(weights === undefined ? [] : [join(folder, WEIGHTS)]), ...written, path];
}
