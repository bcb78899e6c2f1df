import { closeSync, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { InputError, isSystemError, systemReason } from "./errors.js";

/** Random access to bytes that may be in memory or in a file; nothing is read before it is asked for. */
export interface ByteSource {
  /** What an error message calls this source. */
  readonly label: string;
  /** Bytes in all. */
  readonly size: number;
  /** The `length` bytes from `offset`. Throws {@link InputError} when the source has become shorter. */
  read(offset: number, length: number): Uint8Array;
}

/** A stretch of a source: where a tensor's payload lies. */
export interface ByteRange {
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
}

/** Bytes already in memory; reads are views, not copies. */
export function memoryBytes(bytes: Uint8Array, label = "the given bytes"): ByteSource {
  return {
    label,
    size: bytes.length,
    read(offset, length) {
      if (offset + length > bytes.length) throw new InputError(label, `ends before byte ${offset + length}`);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/**
 * A file on disk. It is opened for each read and closed again, so that a reference into it needs no one to release it.
 * A read after the file has changed is refused: what was found in it before would now be other bytes.
 * Throws {@link InputError} when `path` is not a readable regular file.
 */
export function fileBytes(path: string): ByteSource {
  const known = regularFile(path);
  return {
    label: path,
    size: known.size,
    read(offset, length) {
      if (offset + length > known.size) throw new InputError(path, `ends before byte ${offset + length}`);
      return reading(path, () => readFile(path, known, offset, length));
    },
  };
}

function readFile(path: string, known: Stats, offset: number, length: number): Uint8Array {
  const descriptor = openSync(path, "r");
  try {
    const now = fstatSync(descriptor);
    if (now.ino !== known.ino || now.size !== known.size || now.mtimeMs !== known.mtimeMs) {
      throw new InputError(path, "has changed since it was opened", "read it again");
    }
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length;) {
      const count = readSync(descriptor, bytes, done, length - done, offset + done);
      if (count === 0)
        throw new InputError(path, `ends at byte ${offset + done}, it was ${known.size} bytes long before`);
      done += count;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

function regularFile(path: string): Stats {
  const stats = reading(path, () => statSync(path));
  if (stats.isDirectory()) throw new InputError(path, "is a folder, not a file", "name the .onnx file in it");
  if (!stats.isFile()) throw new InputError(path, "is not a regular file");
  return stats;
}

/** Runs a file-system call, whose errors do not speak to people. */
function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof InputError || !isSystemError(error)) throw error;
    throw new InputError(path, `cannot be read: ${systemReason(error)}`);
  }
}

/** The bytes of a range. */
export function readRange(range: ByteRange): Uint8Array {
  return range.source.read(range.offset, range.length);
}

const CHUNK = 1 << 20;

/** The bytes [start, end) of a source, a megabyte at a time. */
export function* chunks(source: ByteSource, start = 0, end = source.size): Generator<Uint8Array> {
  for (let offset = start; offset < end; offset += CHUNK) yield source.read(offset, Math.min(CHUNK, end - offset));
}
