import { dirname, resolve } from "node:path";
import { encodeModel } from "../../graph/encode-model.js";
import type { ExternalLocation } from "../../graph/external-weights.js";
import type { Model } from "../../graph/model.js";
import { readModel } from "../../graph/read-model.js";
import type { Tensor } from "../../graph/tensor.js";
import { writeFile } from "../../graph/write-file.js";
import { type FoldOptions, foldPreprocessing } from "../preprocessing/fold.js";
import type { Preprocessing } from "../preprocessing/preprocessing.js";
import { inInferenceMode } from "./inference-mode.js";
import { withTrainedValues } from "./with-trained-values.js";
import { type TrainedValues, writeTrainedModel } from "./write-trained-model.js";

/**
 * Writes a model with trained values that takes raw features. External data stays external, as with
 * {@link writeTrainedModel}, which then writes the model first as it takes prepared features; other models are written
 * once.
 * @param model as it was read, before any pass
 * @returns the paths of the files written: the model, then its external data
 * @throws InputError as {@link foldPreprocessing} and {@link writeTrainedModel}
 */
export function writeFoldedModel(
  model: Model,
  values: ReadonlyMap<string, TrainedValues>,
  path: string,
  preprocessing: Preprocessing,
  options: FoldOptions = {},
): readonly string[] {
  // What this refuses is refused before anything is written.
  const trainedModel = inInferenceMode(withTrainedValues(model, values));
  const inMemory = foldPreprocessing(trainedModel, preprocessing, options);
  if (model.externalFiles.length === 0) {
    writeFile(path, [encodeModel(inMemory)]);
    return [path];
  }
  const paths = writeTrainedModel(model, values, path);
  const trained = readModel(path);
  const folded = foldPreprocessing(trained, preprocessing, options);
  writeFile(path, [encodeModel(folded, (tensor) => locationIn(trained, tensor))]);
  return paths;
}

/** Where a tensor is, of those that are in a file beside the model. */
function locationIn({ label, externalFiles }: Model, { payload }: Tensor): ExternalLocation | undefined {
  if (payload.kind !== "raw") return undefined;
  const { source, offset, length } = payload.range;
  const file = externalFiles.find((each) => resolve(dirname(label), each) === source.label);
  return file === undefined ? undefined : { file, offset, length };
}
