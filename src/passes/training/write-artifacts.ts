import { mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { encodeModel } from "../../graph/encode-model.js";
import { externalWeights } from "../../graph/external-weights.js";
import { InputError, systemReason } from "../../graph/errors.js";
import type { Model } from "../../graph/model.js";
import { isSameFile } from "../../graph/same-file.js";
import { writeFile } from "../../graph/write-file.js";
import type { TrainingArtifacts } from "./rewrite.js";

/** Frozen weights that are too large for the model files. */
const WEIGHTS = "weights.bin";
const CONTRACT = "contract.json";

/** The files that a model was read from. */
export type ModelFiles = Pick<Model, "label" | "source" | "externalFiles">;

/**
 * Writes training graphs and their contract into a folder, which is made where it is missing; the contract last, so
 * that whoever finds it finds all that it names. Frozen weights beyond what one file holds go into weights.bin.
 * @param model the model that was rewritten: its files are not overwritten
 * @param mostBytes of weights in one .onnx file; by default 1.5 GB
 * @returns the paths of the files
 * @throws InputError for a folder that cannot be written, and for one where a file of the model would be overwritten
 */
export function writeArtifacts(
  { contract, models }: TrainingArtifacts,
  folder: string,
  model: ModelFiles,
  mostBytes?: number,
): readonly string[] {
  if (folder === "") throw new InputError("--output", "names no folder");
  const weights = externalWeights(models.values(), WEIGHTS, mostBytes);
  const artifacts = [...models].flatMap(([name, artifact]) => {
    const file = contract.artifacts[name]?.file;
    return file === undefined ? [] : [{ path: join(folder, file), artifact }];
  });
  const paths = [
    ...(weights === undefined ? [] : [join(folder, WEIGHTS)]),
    ...artifacts.map(({ path }) => path),
    join(folder, CONTRACT),
  ];
  for (const path of paths) refuseOverwriting(path, model);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new InputError(folder, `cannot be made a folder: ${systemReason(error)}`);
  }
  if (weights !== undefined) writeFile(join(folder, WEIGHTS), weights.content);
  for (const { path, artifact } of artifacts) writeFile(path, [encodeModel(artifact, weights?.locationOf)]);
  writeFile(join(folder, CONTRACT), `${JSON.stringify(contract, undefined, 2)}\n`);
  return paths;
}

function refuseOverwriting(path: string, { label, source, externalFiles }: ModelFiles): void {
  if (source === undefined) return;
  const remedy = "choose another folder";
  if (isSameFile(path, label)) throw new InputError(path, "would overwrite the model", remedy);
  if (externalFiles.some((file) => isSameFile(path, resolve(dirname(label), file)))) {
    throw new InputError(path, `would overwrite the weights of ${label}`, remedy);
  }
}
