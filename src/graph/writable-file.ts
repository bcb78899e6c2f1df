import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { InputError, isSystemError, systemReason } from "./errors.js";

/**
 * Says before long work what writing its result would say after it.
 * @throws InputError for a path that no file can be written to
 */
export function requireWritableFile(path: string): void {
  const refuse = (reason: string) => new InputError(path, `cannot be written: ${reason}`);
  try {
    const existing = statSync(path, { throwIfNoEntry: false });
    if (existing?.isDirectory() === true) throw refuse("it is a folder");
    if (existing !== undefined && !existing.isFile()) return accessSync(path, constants.W_OK);
    // Files are written beside the one that they take the place of.
    const folder = dirname(existing === undefined ? path : realpathSync(path));
    if (!statSync(folder).isDirectory()) throw refuse("a part of the path is not a folder");
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw refuse(systemReason(error));
  }
}
