import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { InputError, systemReason } from "./errors.js";

/**
 * Writes a file whole or not at all: to a temporary name in the same folder, flushed to disk, then renamed. A symbolic
 * link is followed; a pipe or device is written to directly.
 * @throws InputError when the file cannot be written; what stood there before is then unchanged
 */
export function writeFile(path: string, content: string | Iterable<Uint8Array>): void {
  const chunks = typeof content === "string" ? [Buffer.from(content)] : content;
  try {
    const existing = statsOf(path);
    const target = existing?.isSymbolicLink() === true ? realpathSync(path) : path;
    const isSpecial = existing !== undefined && !existing.isFile() && !existing.isSymbolicLink();
    if (isSpecial) writeChunks(target, "w", chunks);
    else replace(target, chunks);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(path, `cannot be written: ${systemReason(error)}`);
  }
}

function replace(target: string, chunks: Iterable<Uint8Array>): void {
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    writeChunks(temporary, "wx", chunks);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function writeChunks(path: string, flags: "w" | "wx", chunks: Iterable<Uint8Array>): void {
  const descriptor = openSync(path, flags);
  try {
    for (const chunk of chunks) {
      for (let done = 0; done < chunk.length; ) done += writeSync(descriptor, chunk, done);
    }
    if (flags === "wx") fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function statsOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
