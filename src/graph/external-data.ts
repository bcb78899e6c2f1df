import { realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { type ByteRange, type ByteSource, fileBytes } from "./bytes.js";
import { InputError, systemReason } from "./errors.js";

/** Opens the external data files of one model (ONNX's ExternalData.md), each of them once. */
export interface ExternalData {
  /** The names of the files opened so far, relative to the model's folder. */
  files(): readonly string[];
  /**
   * The stretch that a tensor's `external_data` entries name.
   * Throws {@link InputError} when it is missing, too short, not `expectedLength` long (where that is known), or outside
   * the model's own folder.
   */
  locate(tensorName: string, entries: ReadonlyMap<string, string>, expectedLength: number | undefined): ByteRange;
}

/** External data beside a model file. `modelPath` is undefined for a model that came from memory, which has no folder. */
export function externalDataOf(modelPath: string | undefined): ExternalData {
  const opened = new Map<string, ByteSource>();
  return {
    files: () => [...opened.keys()],
    locate(tensorName, entries, expectedLength) {
      const where = `${modelPath ?? "the given bytes"}: initializer "${tensorName}"`;
      const location = entries.get("location");
      if (location === undefined || location === "") throw new InputError(where, "says external, but names no file");
      if (modelPath === undefined) {
        throw new InputError(where, `is in the external file "${location}"`, "read the model by its path instead");
      }
      let source = opened.get(location);
      if (source === undefined) {
        source = openInside(dirname(modelPath), location, where);
        opened.set(location, source);
      }
      const offset = count(entries.get("offset") ?? "0", "offset", where);
      const rest = String(Math.max(source.size - offset, 0));
      const length = count(entries.get("length") ?? expectedLength?.toString() ?? rest, "length", where);
      if (expectedLength !== undefined && length !== expectedLength) {
        throw new InputError(where, `is ${expectedLength} bytes by its shape and type, its external data ${length}`);
      }
      if (offset + length > source.size) {
        throw new InputError(
          where,
          `needs ${location} up to byte ${offset + length}, the file has ${source.size}`,
          "get the whole file",
        );
      }
      return { source, offset, length };
    },
  };
}

/** Opens `location` only if it lies in `folder` by name and, symbolic links resolved, in fact. */
function openInside(folder: string, location: string, where: string): ByteSource {
  const path = resolve(folder, location);
  const outside = "lies outside the model's folder, which is refused";
  if (isAbsolute(location) || isAbove(relative(folder, path))) {
    throw new InputError(where, `its external data "${location}" ${outside}`, "put the file beside the model");
  }
  const { real, isFile } = resolved(path, location, where);
  if (isAbove(relative(realpathSync(folder), real))) {
    throw new InputError(
      where,
      `its external data "${location}" is a symbolic link that ${outside}`,
      "put the file itself beside the model",
    );
  }
  if (!isFile) throw new InputError(where, `its external data "${location}" is not a file`);
  return fileBytes(path);
}

/** Where a path leads, and whether to a file. */
function resolved(path: string, location: string, where: string): { readonly real: string; readonly isFile: boolean } {
  try {
    return { real: realpathSync(path), isFile: statSync(path).isFile() };
  } catch (error) {
    throw new InputError(where, `its external data "${location}" cannot be read: ${systemReason(error)}`);
  }
}

function isAbove(relativePath: string): boolean {
  return relativePath === ".." || relativePath.startsWith(`..${sep}`) || isAbsolute(relativePath);
}

function count(text: string, what: string, where: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InputError(where, `has the external data ${what} "${text}", which is not a byte count`);
  }
  return value;
}
