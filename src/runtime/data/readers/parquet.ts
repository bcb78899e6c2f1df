import type { DataFormat } from "./options.js";

/** "PAR1" */
export const MAGIC = Uint8Array.of(0x50, 0x41, 0x52, 0x31);

/**
 * Apache Parquet, a row group at a time: columns of numbers, booleans (0 and 1), decimals and text, and lists of numbers that all have
 * one length; nulls are missing. Other columns are left out unless they are asked for by name.
 */
export const parquetFormat: DataFormat = {
  name: "parquet",
  title: "Parquet",
  named: (name) => /\.(parquet|pq)$/.test(name),
  // A table of text may begin with the same letters, but not have the control characters of the first page's header.
  recognizes: (head) => isMagic(head) && head.subarray(4, 16).some((byte) => byte < 32 && ![9, 10, 13].includes(byte)),
  async open(file, options) {
    // What unpacks pages takes memory of WebAssembly as soon as it is loaded, which some machines do not give.
    const { openParquet } = await import("./parquet-source.js");
    return openParquet(file, options);
  },
};

export function isMagic(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, index) => bytes[index] === byte);
}
