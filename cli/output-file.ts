import { InputError, isSameFile, requireWritableFile } from "../src/index.js";

/** Files that must stay as they are, by what they are in words. */
export type KeptFiles = Readonly<Record<string, readonly (string | undefined)[]>>;

/**
 * Says before long work that its result has no place.
 * @param option that names the file
 * @throws InputError for a file that cannot be written, and for one that must stay
 */
export function requireOutputFile(option: string, path: string, kept: KeptFiles = {}): void {
  if (path === "") throw new InputError(option, "names no file");
  const overwritten = Object.entries(kept).find(([, files]) =>
    files.some((file) => file !== undefined && isSameFile(file, path)),
  );
  if (overwritten !== undefined) {
    throw new InputError(`${option} ${path}`, `would overwrite ${overwritten[0]}`, "choose another name");
  }
  requireWritableFile(path);
}
