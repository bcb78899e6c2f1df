import { closeSync, createReadStream, openSync, readSync, type Stats, statSync } from "node:fs";
import { pipeline, type Readable } from "node:stream";
import { createGunzip, createInflateRaw } from "node:zlib";
import crc32 from "crc-32";
import { InputError, isSystemError, systemReason } from "../../../graph/errors.js";

/** A stretch of a file on disk that holds data, perhaps packed. */
export interface StoredBytes {
  readonly path: string;
  readonly offset: number;
  /** As they lie in the file. */
  readonly length: number;
  readonly packing: "none" | "gzip" | "deflate";
  /** Of all its bytes, unpacked: checked where they are read to their end. */
  readonly crc32?: number;
}

/** A file of data on disk: what reading it needs to know before it is read. */
export interface DataFile {
  /** As the user wrote it: it opens the file and names it in messages. */
  readonly path: string;
  /** Packed by gzip or not, whatever the file's name says. */
  readonly content: StoredBytes;
  /** The first bytes, unpacked; at most {@link HEAD}, fewer where the file is shorter. */
  readonly head: Uint8Array;
}

/** Enough of a file to see what kind it is of. */
const HEAD = 512;
/** Bytes read at a time. */
const PIECE = 1 << 20;
const UNPACKED_PIECE = 1 << 18;

/** @throws InputError when `path` is not a readable, regular file with something in it */
export async function openDataFile(path: string): Promise<DataFile> {
  const { size } = regularFile(path);
  if (size === 0) throw new InputError(path, "is empty");
  const start = readBytes(path, 0, Math.min(HEAD, size));
  const packed = start[0] === 0x1f && start[1] === 0x8b;
  const content: StoredBytes = { path, offset: 0, length: size, packing: packed ? "gzip" : "none" };
  if (!packed) return { path, content, head: start };
  const head = await firstBytes(streamBytes(content, path), HEAD);
  if (head.length === 0) throw new InputError(path, "is empty once unpacked");
  return { path, content, head };
}

/**
 * How many bytes a stretch can hold at most: as many as it is long, or, packed, 1032 times as many (deflate's limit). What a file
 * says of its own size is checked with it before it is believed.
 */
export function mostBytes({ length, packing }: StoredBytes): number {
  return packing === "none" ? length : length * 1032;
}

function regularFile(path: string): Stats {
  const stats = reading(path, () => statSync(path));
  if (stats.isDirectory()) throw new InputError(path, "is a folder, not a file", "name a data file in it");
  if (!stats.isFile()) throw new InputError(path, "is not a regular file", "save the data to a file first");
  return stats;
}

async function firstBytes(stream: AsyncIterable<Uint8Array>, length: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let count = 0;
  for await (const part of stream) {
    parts.push(part);
    count += part.length;
    if (count >= length) break;
  }
  return Buffer.concat(parts).subarray(0, length);
}

/**
 * The bytes of a stretch from front to back, unpacked, a piece of at most a megabyte at a time.
 * @param where what an error message names
 * @throws InputError when the file cannot be read, or its packing is damaged or cut short
 */
export async function* streamBytes(stored: StoredBytes, where: string): AsyncGenerator<Uint8Array, void, undefined> {
  const { path, offset, length } = stored;
  if (length === 0) return;
  const read = createReadStream(path, { highWaterMark: PIECE, start: offset, end: offset + length - 1 });
  let checksum = 0;
  try {
    for await (const piece of unpacked(read, stored.packing)) {
      if (!(piece instanceof Uint8Array)) continue;
      if (stored.crc32 !== undefined) checksum = crc32.buf(piece, checksum);
      yield piece;
    }
  } catch (error) {
    throw readingError(where, error);
  }
  if (stored.crc32 !== undefined && checksum >>> 0 !== stored.crc32) {
    throw new InputError(where, "is damaged: it has not the checksum that was stored with it", "get it again");
  }
}

/** Who reads the end of a pipeline hears of an error anywhere in it. */
function unpacked(stored: Readable, packing: StoredBytes["packing"]): AsyncIterable<unknown> {
  switch (packing) {
    case "none":
      return stored;
    case "gzip":
      return pipeline(stored, createGunzip({ chunkSize: UNPACKED_PIECE }), () => {});
    case "deflate":
      return pipeline(stored, createInflateRaw({ chunkSize: UNPACKED_PIECE }), () => {});
  }
}

/** The `length` bytes from `offset` of a file as it is on disk. */
export function readBytes(path: string, offset: number, length: number): Uint8Array {
  return reading(path, () => {
    const descriptor = openSync(path, "r");
    try {
      return readOpen(descriptor, path, offset, length);
    } finally {
      closeSync(descriptor);
    }
  });
}

/** The same of a file that is open. */
function readOpen(descriptor: number, path: string, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const count = readSync(descriptor, bytes, done, length - done, offset + done);
    if (count === 0) throw new InputError(path, `ends at byte ${offset + done}, before byte ${offset + length}`);
    done += count;
  }
  return bytes;
}

/** Runs a file-system call, whose errors do not speak to people. */
function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw readingError(path, error);
  }
}

/** An error of reading in words, as far as it is the file's or the system's fault. */
function readingError(where: string, error: unknown): unknown {
  if (error instanceof InputError || !isSystemError(error)) return error;
  if (error.code?.startsWith("Z_") !== true) return new InputError(where, `cannot be read: ${systemReason(error)}`);
  return error.code === "Z_BUF_ERROR"
    ? new InputError(where, "is cut short: its compressed data ends too early", "get the whole file")
    : new InputError(where, "is damaged: its compressed data cannot be unpacked", "get it again");
}
