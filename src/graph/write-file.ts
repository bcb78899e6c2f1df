import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { InputError, isSystemError, systemReason } from "./errors.js";

/**
 * Writes a file whole or not at all: to a temporary name in the same folder, flushed to disk, then renamed, and the new
 * name flushed too. A symbolic link is followed; a pipe or device is written to directly.
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

/**
 * Gives a written file a second name, in place of what may be there, whole or not at all: the same bytes on disk where
 * the file system has links, a copy elsewhere. Who may read and write what is replaced may do so afterwards.
 * @throws InputError when that fails; what stood there before is then unchanged
 */
export function alsoNamed(path: string, name: string): void {
  try {
    const target = linkTarget(name);
    const mode = statSync(target, { throwIfNoEntry: false })?.mode;
    const temporary = temporaryName(target);
    try {
      linkOrCopy(path, temporary);
      if (mode !== undefined) chmodSync(temporary, mode & 0o7777);
      renameSync(temporary, target);
      // Renaming a name of a file to another of the same file does nothing.
      rmSync(temporary, { force: true });
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    flushFolder(dirname(target));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new InputError(name, `cannot be written: ${systemReason(error)}`);
  }
}

function linkOrCopy(path: string, name: string): void {
  try {
    linkSync(path, name);
  } catch {
    copyFileSync(path, name, constants.COPYFILE_EXCL);
    const descriptor = openSync(name, "r+");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}

/** A new name beside a file, as {@link removeLeftovers} knows it. */
function temporaryName(target: string): string {
  const hint = temporaryHint(basename(target));
  return join(dirname(target), `.${hint}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`);
}

/**
 * What the temporary name of a file says of its own. A name may be at most 255 bytes long: the file's own need not
 * leave room for more.
 */
export function temporaryHint(name: string): string {
  return name.slice(0, 40);
}

/** A temporary name: a hint at whose it is, the process that writes it, and what makes it unique. */
const TEMPORARY = /^\.(.+)\.(\d+)\.[0-9a-f]{12}\.tmp$/;
/** No one writes one file for as long as this. */
const STALE_MILLISECONDS = 24 * 3600 * 1000;

/**
 * Removes what {@link writeFile} left in a folder when its process was killed: temporary files whose process is gone,
 * or that no one has written to for a day.
 * @param isOurs whether a file is looked after, by its {@link temporaryHint}
 * @returns the names of those removed; none where the folder cannot be read
 */
export function removeLeftovers(folder: string, isOurs: (name: string) => boolean): readonly string[] {
  return names(folder).filter((name) => {
    const [, hint = "", writer = ""] = TEMPORARY.exec(name) ?? [];
    if (hint === "" || !isOurs(hint)) return false;
    const path = join(folder, name);
    try {
      if (isAtWork(Number(writer)) && Date.now() - statSync(path).mtimeMs < STALE_MILLISECONDS) return false;
      rmSync(path);
      return true;
    } catch {
      // It does no harm where it is.
      return false;
    }
  });
}

function names(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Whether another process of that number runs. This one does not write while it asks. */
function isAtWork(id: number): boolean {
  if (id === process.pid) return false;
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    // It runs, and is someone else's.
    return isSystemError(error) && error.code === "EPERM";
  }
}

/**
 * Flushes the names in a folder to disk, so that a renamed file is found under its new name after a power cut. Where
 * the system cannot do that for a folder, nothing happens.
 */
function flushFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (!isSystemError(error) || !UNFLUSHABLE.has(error.code ?? "")) throw error;
  }
}

/** What systems say that flush no folders (Windows, some network file systems), or only to who may list them. */
const UNFLUSHABLE: ReadonlySet<string> = new Set(["EACCES", "EBADF", "EINVAL", "EISDIR", "ENOSYS", "ENOTSUP", "EPERM"]);

/** Writes beside `target` and renames; who may read and write the file stays as it was. */
function replace(target: string, mode: number | undefined, chunks: Iterable<Uint8Array>): void {
  const temporary = temporaryName(target);
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
  flushFolder(dirname(target));
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
