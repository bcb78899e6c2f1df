import { InputError } from "../../../graph/errors.js";
import { byteReader } from "./byte-reader.js";
import { chooseColumns } from "./choose-columns.js";
import { type DataFile, streamBytes } from "./data-file.js";
import { type NumberCode, numberType } from "./element-types.js";
import type { DataFormat } from "./options.js";
import { arraySource, checkedShape, type StoredArray } from "./stored-array.js";

/** The types of element by their code in the third byte. */
const TYPES: ReadonlyMap<number, NumberCode> = new Map([
  [0x08, "u1"],
  [0x09, "i1"],
  [0x0b, "i2"],
  [0x0c, "i4"],
  [0x0d, "f4"],
  [0x0e, "f8"],
]);

/**
 * IDX files, as MNIST ships: two zeros, the type of the elements, the number of axes, the length of each as a 32-bit integer, the elements
 * row-major; all big-endian (http://yann.lecun.com/exdb/mnist). The first axis is the rows, the one column is called "data".
 */
export const idxFormat: DataFormat = {
  name: "idx",
  title: "IDX",
  named: (name) => /[.-]idx\d*(-[a-z]+)?$/.test(name),
  recognizes: isIdx,
  async open(file, { columns }) {
    const array = await idxArray(file);
    chooseColumns(file.path, [array.column], columns);
    return arraySource(file.path, [array]);
  },
};

function isIdx(head: Uint8Array): boolean {
  return head[0] === 0 && head[1] === 0 && TYPES.has(head[2] ?? 0) && (head[3] ?? 0) > 0;
}

async function idxArray({ path, content }: DataFile): Promise<StoredArray> {
  const reader = byteReader(streamBytes(content, path), path);
  try {
    const lead = await reader.take(4);
    const code = TYPES.get(lead[2] ?? 0);
    if (!isIdx(lead) || code === undefined) {
      throw new InputError(path, "is no IDX file: it does not begin as one");
    }
    const axes = lead[3] ?? 0;
    const lengths = new DataView((await reader.take(axes * 4)).buffer);
    const declared = Array.from({ length: axes }, (_, axis) => lengths.getUint32(axis * 4));
    const type = numberType(code, "big");
    const start = 4 + axes * 4;
    const { rows, shape } = checkedShape(path, declared, type, content, start);
    return {
      column: { name: "data", kind: type.kind, shape },
      where: path,
      type,
      rows,
      stored: content,
      start,
      firstAxisFastest: false,
      trailing: "get the file again",
    };
  } finally {
    await reader.close();
  }
}
