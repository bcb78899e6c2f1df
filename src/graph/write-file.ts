import { randomBytes } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { InputError, isSystemError, systemReason } from "./errors.js";

/**
 * Writes a file whole or not at all: to a temporary name in the same folder, flushed to disk, then renamed. A symbolic
 * link is followed; a pipe or device is written to directly.
 * @throws InputError when the file cannot be written; what stood there before is then unchanged
 */
export function writeFile(path: string, content: string | Iterable<Uint8Array>): void {
  const chunks = typeof content === "string" ? [Buffer.from(content)] : content;
  try {
    const existing = statSync(path, { throwIfNoEntry: false });
    if (existing === undefined || existing.isFile()) replace(linkTarget(path), existing?.mode, chunks);
    else writeChunks(openSync(path, "w"), chunks);
  } catch (error) {
    if (error instanceof InputError || !isSystemError(error)) throw error;
    throw new InputError(path, `cannot be written: ${systemReason(error)}`);
  }
}

/** Writes beside `target` and renames; who may read and write the file stays as it was. */
function replace(target: string, mode: number | undefined, chunks: Iterable<Uint8Array>): void {
  // A name may be at most 255 bytes long: the target's own need not leave room for more.
  const hint = basename(target).slice(0, 40);
  const temporary = join(dirname(target), `.${hint}.${randomBytes(6).toString("hex")}.tmp`);
  const descriptor = openSync(temporary, "wx", mode === undefined ? 0o666 : 0o600);
  try {
    writeChunks(descriptor, chunks, () => {
      if (mode !== undefined) fchmodSync(descriptor, mode & 0o7777);
      fsyncSync(descriptor);
    });
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function writeChunks(descriptor: number, chunks: Iterable<Uint8Array>, finish?: () => void): void {
  try {
    for (const chunk of chunks) {
      for (let done = 0; done < chunk.length;) done += writeSync(descriptor, chunk, done);
    }
    finish?.();
  } finally {
    closeSync(descriptor);
  }
}

function linkTarget(path: string): string {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true ? realpathSync(path) : path;
}
