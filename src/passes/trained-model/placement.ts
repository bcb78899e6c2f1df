import { lstatSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import { InputError } from "../../graph/errors.js";
import type { Model } from "../../graph/model.js";
import { readModel } from "../../graph/read-model.js";
import { isSameFile } from "../../graph/same-file.js";
import { requireWritableFile } from "../../graph/writable-file.js";
import type { ExternalFile } from "./external-files.js";

/** Where the external data of a new model goes. */
export interface Placement {
  readonly folder: string;
  readonly files: readonly PlacedFile[];
  /** Files that a killed writer left, to which the new model does not refer any more. */
  readonly stale: readonly string[];
}

/** A file of external data with its place beside the new model. */
export interface PlacedFile {
  readonly file: ExternalFile;
  /** Relative to the folder. */
  readonly location: string;
  /** Where it is written first when `location` holds what is replaced; undefined where nothing is there. */
  readonly interim: string | undefined;
}

/** What a file is called until it takes the place of another: with this behind the other's name. */
const INTERIM = ".replacement";
const INTERIM_NAME = /\.replacement(-\d+)?$/;

/** The name for a new model's file until it takes the place of another. */
export function interimName(path: string): string {
  return path + INTERIM;
}

/**
 * Where external data goes for a model at `path`: by its own name where the new model is called as the old one, else
 * by the new model's name, and by yet another where that is taken by what is no part of the model that is replaced. In
 * the model's own place, files that do not change stay.
 * @throws InputError when there can be no files at `path`
 */
export function placementOf(model: Model, files: readonly ExternalFile[], path: string): Placement {
  requirePlace(path);
  const isOwn = isSameFile(path, model.label);
  // Through a link elsewhere, the model's own external data stays where the model finds it.
  const folder = dirname(isOwn ? model.label : path);
  const inputs = new Set(files.map(({ source }) => realPath(source.label)));
  const former = formerFiles(isOwn ? model.label : path).filter((file) => isOwn || !inputs.has(file));
  const replaceable = new Set([...former, ...former.map(withoutInterim)]);
  const taken = new Set<string>();
  const free = (wanted: string) => {
    const isTaken = (at: string) =>
      taken.has(at) || (exists(join(folder, at)) && !replaceable.has(realPath(join(folder, at))));
    const { dir, name, ext } = posix.parse(wanted);
    let location = wanted;
    for (let copy = 1; isTaken(location); copy++) location = posix.join(dir, `${name}-${copy}${ext}`);
    taken.add(location);
    return location;
  };
  const interimOf = (location: string) => {
    let interim = location + INTERIM;
    for (let copy = 1; former.includes(realPath(join(folder, interim))); copy++)
      interim = `${location}${INTERIM}-${copy}`;
    return interim;
  };
  const placed = files
    .filter(({ edits }) => !isOwn || edits.length > 0)
    .map((file) => {
      const own = withoutInterim(file.location);
      const location = isOwn ? own : free(renamed(own, basename(model.label), basename(path)));
      return { file, location, interim: exists(join(folder, location)) ? interimOf(location) : undefined };
    });
  return { folder, files: placed, stale: placed.length === 0 ? [] : former.filter((file) => INTERIM_NAME.test(file)) };
}

function requirePlace(path: string): void {
  requireWritableFile(path);
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== false) return;
  throw new InputError(path, "is no file, and the model's external data must go beside one");
}

/** The external data of the model that is replaced, if there is one. */
function formerFiles(path: string): readonly string[] {
  try {
    return readModel(path).externalFiles.map((location) => realPath(join(dirname(path), location)));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return [];
  }
}

function withoutInterim(name: string): string {
  return name.replace(INTERIM_NAME, "");
}

/** The name of external data for a model of another name: "a.onnx.data" becomes "b.onnx.data", "w.bin" "b.w.bin". */
function renamed(location: string, model: string, newModel: string): string {
  if (model === newModel) return location;
  const { dir, base } = posix.parse(location);
  const [stem, newStem] = [posix.parse(model).name, posix.parse(newModel).name];
  if (base.startsWith(model)) return posix.join(dir, newModel + base.slice(model.length));
  const isOfStem = base.startsWith(stem) && /^[^\p{L}\p{N}]/u.test(base.slice(stem.length));
  return posix.join(dir, isOfStem ? newStem + base.slice(stem.length) : `${newStem}.${base}`);
}

/** Links that lead nowhere included. */
function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
