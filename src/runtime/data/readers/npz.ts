import * as yauzl from "yauzl";
import { InputError } from "../../../graph/errors.js";
import { elementCount } from "../../../graph/tensor.js";
import { chooseColumns, distinctNames } from "./choose-columns.js";
import type { StoredBytes } from "./data-file.js";
import { npyArray } from "./npy.js";
import type { DataFormat } from "./options.js";
import { arraySource, type StoredArray } from "./stored-array.js";

/** More arrays than anyone has columns. */
const MOST_ENTRIES = 100_000;
const STORED = 0;
const DEFLATED = 8;

/**
 * NumPy's archives of arrays: a zip file of NPY files, stored or deflated; every array is a column, called as its file without ".npy". All
 * arrays that are read must have the same number of rows.
 */
export const npzFormat: DataFormat = {
  name: "npz",
  title: "NPZ",
  named: (name) => name.endsWith(".npz"),
  recognizes: (head) => head[0] === 0x50 && head[1] === 0x4b && (head[2] ?? 0xff) < 8 && (head[3] ?? 0xff) < 9,
  async open({ path, content }, options) {
    if (content.packing !== "none")
      throw new InputError(path, "is an archive packed by gzip", "unpack it with gunzip first");
    const entries = await arrayEntries(path);
    if (entries.length === 0) throw new InputError(path, "has no arrays in it");
    distinctNames(
      path,
      entries.map((entry) => entry.name),
      "save the arrays anew, each under a name of its own",
    );
    const arrays: StoredArray[] = [];
    for (const entry of chooseColumns(path, entries, options.columns)) {
      const where = `${path}, array "${entry.name}"`;
      const array = await npyArray(bytesOf(path, entry, where), entry.name, where);
      const length = array.rows * elementCount(array.column.shape) * array.type.size;
      if (array.start + length !== entry.size) {
        throw new InputError(
          where,
          `is ${array.start + length} bytes by its shape, ${entry.size} in the archive`,
          "save it anew",
        );
      }
      arrays.push(array);
    }
    return arraySource(path, arrays);
  },
};

/** An NPY file in the archive. */
interface ArrayEntry {
  readonly name: string;
  readonly offset: number;
  readonly packedSize: number;
  /** Unpacked, as the archive's directory says. */
  readonly size: number;
  readonly method: number;
  readonly encrypted: boolean;
  readonly crc32: number;
}

async function arrayEntries(path: string): Promise<readonly ArrayEntry[]> {
  const entries: ArrayEntry[] = [];
  try {
    const archive = await yauzl.openPromise(path, { autoClose: false });
    try {
      if (archive.entryCount > MOST_ENTRIES)
        throw new InputError(path, `has ${archive.entryCount} files in it, too many to read`);
      for await (const entry of archive.eachEntry()) {
        if (!entry.fileName.endsWith(".npy")) continue;
        const { fileDataStart } = await archive.readLocalFileHeaderPromise(entry, { minimal: true });
        entries.push({
          name: entry.fileName.slice(0, -".npy".length),
          offset: fileDataStart,
          packedSize: entry.compressedSize,
          size: entry.uncompressedSize,
          method: entry.compressionMethod,
          encrypted: entry.isEncrypted(),
          crc32: entry.crc32,
        });
      }
    } finally {
      archive.close();
    }
  } catch (error) {
    if (error instanceof InputError || !(error instanceof Error)) throw error;
    throw new InputError(path, "is no whole zip archive", "get the file again");
  }
  return entries;
}

function bytesOf(path: string, entry: ArrayEntry, where: string): StoredBytes {
  if (entry.encrypted) throw new InputError(where, "is encrypted", "save the archive without a password");
  if (entry.method !== STORED && entry.method !== DEFLATED) {
    throw new InputError(
      where,
      "is compressed in a way that cannot be read",
      "save the archive by numpy.savez_compressed",
    );
  }
  const packing = entry.method === STORED ? "none" : "deflate";
  return { path, offset: entry.offset, length: entry.packedSize, packing, crc32: entry.crc32 };
}
