import { createHash } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { ByteSource } from "../../graph/bytes.js";
import { InputError, isSystemError, systemReason } from "../../graph/errors.js";
import type { Model } from "../../graph/model.js";
import { type EditInside, metadataEdits, patched, withLengths } from "../../graph/patch.js";
import { elementCount } from "../../graph/tensor.js";
import { alsoNamed, removeLeftovers, temporaryHint, writeFile } from "../../graph/write-file.js";
import { entryEdit, type ExternalFile, externalContent, externalFiles, locationEdits } from "./external-files.js";
import { fileTensors } from "./file-tensors.js";
import { inferenceModeEdits } from "./inference-mode.js";
import { interimName, type PlacedFile, type Placement, placementOf } from "./placement.js";
import { type Floats, requireInRange } from "./stored-values.js";
import { trainedTensors } from "./trained-tensors.js";
import { valueEdits } from "./value-edits.js";

/** New values of a tensor, row-major. */
export interface TrainedValues {
  readonly data: Floats;
  readonly dims: readonly number[];
}

/** What else is written with them. */
export interface TrainedModelOptions {
  /** Entries of the model's metadata by key; those that are undefined go, others stay. */
  readonly metadata?: Readonly<Record<string, string | undefined>>;
  /**
   * Whether batch normalizations and dropouts stay in training mode, where the file has them so: to train it elsewhere.
   * By default they are written for inference.
   */
  readonly keepMode?: boolean;
}

/**
 * Writes the file that a model was read from with new values of some of its tensors, all other bytes as they were:
 * initializers and Constant nodes, in bodies and functions too, by the names that they have when functions are inlined.
 * Values are rounded to the type that the file has for them. What an export for training has in training mode becomes
 * what inference takes (see `keepMode`).
 *
 * External data stays external, in a copy beside the new file: under the same name where model and folder differ only
 * in the folder, else under the new model's. What belongs to another model is never overwritten. Where `path` is the
 * model's own, or that of a former result, the file there refers to the old or to the new values at all times, and
 * never to some of both. The model must be read again before more is written over it.
 * @param model as it was read, before any pass
 * @returns the paths of the files written: the model, then its external data
 * @throws InputError for names, shapes or types that the file does not have (see {@link requireWritable}), for numbers
 *   that are too large for the file's type, and when a file cannot be written; what was there before is then unchanged
 */
export function writeTrainedModel(
  model: Model,
  values: ReadonlyMap<string, TrainedValues>,
  path: string,
  { metadata = {}, keepMode = false }: TrainedModelOptions = {},
): readonly string[] {
  const source = sourceOf(model);
  const inFile = fileTensors(model, source);
  const trained = trainedTensors(model, inFile, shapesOf(values));
  for (const { name, tensor } of trained) requireInRange(values.get(name)?.data, tensor, `${model.label}: "${name}"`);
  const edits = [
    ...trained.flatMap(({ name, tensor, found }) => {
      const data = values.get(name)?.data;
      const isInside = found.external === undefined && tensor.payload.kind !== "none";
      return data === undefined || !isInside ? [] : valueEdits(source, found, tensor, data);
    }),
    ...(keepMode ? [] : inferenceModeEdits(model, source)),
    ...Object.entries(metadata).flatMap(([key, value]) =>
      metadataEdits(source, key, value).map((edit) => ({ ...edit, inside: undefined })),
    ),
  ];
  const external = externalFiles(model.label, inFile.all, trained, values);
  const placement =
    external.length === 0 ? { folder: dirname(path), files: [], stale: [] } : placementOf(model, external, path);
  removeRemains(placement, path);
  writeAll(source, edits, placement, path);
  return [path, ...placement.files.map(({ location }) => join(placement.folder, location))];
}

/**
 * Says before training what {@link writeTrainedModel} would say after it.
 * @param shapes of the tensors that are to be trained, by name
 * @throws InputError for a model that was not read from a file, for a name that no tensor of real numbers of that shape
 *   has, and for the constant of a function that is called several times, which cannot have a value for each call
 */
export function requireWritable(model: Model, shapes: ReadonlyMap<string, readonly number[]>): void {
  trainedTensors(model, fileTensors(model, sourceOf(model)), shapes);
}

function sourceOf({ source, label }: Model): ByteSource {
  if (source === undefined) throw new InputError(label, "was not read from a file, so there is none to patch");
  return source;
}

/** @throws InputError for values that do not make their shape */
export function shapesOf(values: ReadonlyMap<string, TrainedValues>): ReadonlyMap<string, readonly number[]> {
  for (const [name, { data, dims }] of values) {
    if (data.length === elementCount(dims)) continue;
    throw new InputError(`"${name}"`, `has ${data.length} values for the shape [${dims.join(", ")}]`);
  }
  return new Map([...values].map(([name, { dims }]) => [name, dims]));
}

/**
 * External data first, the model that refers to it last. Files that are replaced cannot change at one moment with the
 * model: it first refers to new ones beside them, then the old ones are replaced, then it refers to these.
 */
function writeAll(source: ByteSource, edits: readonly EditInside[], placement: Placement, path: string): void {
  const { folder, files, stale } = placement;
  const at = (location: string) => join(folder, location);
  const replaced = files.flatMap(({ location, interim }) => (interim === undefined ? [] : [{ location, interim }]));
  const digests = new Map<ExternalFile, string>();
  const content = (locationOf: (file: PlacedFile) => string) => {
    const all = [...edits, ...files.flatMap((each) => modelEdits(each, locationOf(each), digests))];
    return patched(source, withLengths(source, all));
  };
  const finalModel = interimName(path);
  const written: string[] = [];
  try {
    for (const { file, location, interim } of files) {
      const target = at(interim ?? location);
      makeFolder(dirname(target));
      written.push(target);
      writeFile(target, hashed(file, digests));
    }
    if (replaced.length > 0) {
      written.push(finalModel);
      writeFile(
        finalModel,
        content(({ location }) => location),
      );
    }
    writeFile(
      path,
      content(({ location, interim }) => interim ?? location),
    );
  } catch (error) {
    for (const file of written) rmSync(file, { force: true });
    throw error;
  }
  if (replaced.length > 0) {
    for (const { location, interim } of replaced) alsoNamed(at(interim), at(location));
    alsoNamed(finalModel, path);
    rmSync(finalModel, { force: true });
  }
  for (const file of [...replaced.map(({ interim }) => at(interim)), ...stale]) rmSync(file, { force: true });
}

/** Removes what killed writers of the same files left. */
function removeRemains({ folder, files }: Placement, path: string): void {
  const targets = [path, interimName(path)];
  for (const { location, interim } of files) {
    targets.push(join(folder, location), ...(interim === undefined ? [] : [join(folder, interim)]));
  }
  for (const each of new Set(targets.map((target) => dirname(target)))) {
    const hints = new Set(
      targets.filter((target) => dirname(target) === each).map((target) => temporaryHint(basename(target))),
    );
    removeLeftovers(each, (hint) => hints.has(hint));
  }
}

/** What a place of external data asks of the model's file. */
function modelEdits(
  { file }: PlacedFile,
  location: string,
  digests: ReadonlyMap<ExternalFile, string>,
): readonly EditInside[] {
  const digest = digests.get(file);
  const checksums = file.tensors.filter(({ external }) => external?.has("checksum") === true);
  return [
    ...file.modelEdits,
    ...locationEdits(file, location),
    ...(digest === undefined ? [] : checksums.map((found) => entryEdit(found, "checksum", digest))),
  ];
}

/** The content of a file, whose digest is noted at its end where the model says one (ONNX: SHA-1). */
function* hashed(file: ExternalFile, digests: Map<ExternalFile, string>): Generator<Uint8Array> {
  const isSaid = file.edits.length > 0 && file.tensors.some(({ external }) => external?.has("checksum") === true);
  const hash = isSaid ? createHash("sha1") : undefined;
  for (const chunk of externalContent(file)) {
    hash?.update(chunk);
    yield chunk;
  }
  if (hash !== undefined) digests.set(file, hash.digest("hex"));
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new InputError(folder, `cannot be made: ${systemReason(error)}`);
  }
}
