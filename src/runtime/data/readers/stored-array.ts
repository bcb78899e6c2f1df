import { InputError } from "../../../graph/errors.js";
import { elementCount } from "../../../graph/tensor.js";
import type { Source, SourceColumn, SourceValues } from "../source.js";
import { type ByteReader, byteReader } from "./byte-reader.js";
import { mostBytes, readBytes, type StoredBytes, streamBytes } from "./data-file.js";
import { type ElementType, NoSuchValue } from "./element-types.js";

/** One array in a file: its first axis is the rows. */
export interface StoredArray {
  readonly column: SourceColumn;
  /** What an error message calls it: the file, and the array where there are several. */
  readonly where: string;
  readonly type: ElementType;
  readonly rows: number;
  /** Where its file's or entry's bytes lie. */
  readonly stored: StoredBytes;
  /** Where in them, unpacked, its elements begin. */
  readonly start: number;
  /** Whether the first axis varies fastest (Fortran's order), not the last. */
  readonly firstAxisFastest: boolean;
  /** What to do about bytes after its last element. */
  readonly trailing: string;
}

/** Bytes in a chunk, unless a single row has more. */
const CHUNK = 1 << 22;
/** More bytes than a row of any data has. */
const LARGEST_ROW = 1 << 28;
/** What is held in memory of an array whose first axis varies fastest. */
const SLAB = 1 << 26;
const LARGEST_PACKED_SLAB = 1 << 28;

/**
 * Checks a shape that a file declares, before memory is taken for it.
 * @param shape its first axis is the rows
 * @throws InputError for no rows, empty rows, or sizes that its bytes cannot hold
 */
export function checkedShape(
  where: string,
  shape: readonly number[],
  type: ElementType,
  stored: StoredBytes,
  start: number,
): { readonly rows: number; readonly shape: readonly number[] } {
  const [rows, ...row] = shape;
  if (rows === undefined) throw new InputError(where, "is a single value, it has no rows");
  if (rows === 0) throw new InputError(where, "has no rows");
  if (row.includes(0)) throw new InputError(where, `has rows without values: its shape is [${shape.join(", ")}]`);
  const rowBytes = elementCount(row) * type.size;
  const needed = start + rows * rowBytes;
  const most = mostBytes(stored);
  if (needed > most) {
    const has = stored.packing === "none" ? `it has ${most}` : "it is too small for them";
    throw new InputError(where, `is cut short: its shape [${shape.join(", ")}] needs ${needed} bytes, ${has}`);
  }
  if (rowBytes > LARGEST_ROW) throw new InputError(where, `has rows of ${rowBytes} bytes, which is too many to read`);
  return { rows, shape: row };
}

/**
 * Arrays as columns, read side by side.
 * @throws InputError when they have not all the same number of rows
 */
export function arraySource(path: string, arrays: readonly StoredArray[]): Source {
  const [first] = arrays;
  const rows = first?.rows ?? 0;
  for (const array of arrays) {
    if (array.rows !== rows) {
      throw new InputError(
        path,
        `its arrays have different numbers of rows: "${first?.column.name}" ${rows}, "${array.column.name}" ${array.rows}`,
        "say which columns to read",
      );
    }
  }
  const describe = (row: number) => `${path}, row ${row} (counted from 0)`;
  return {
    label: path,
    columns: arrays.map((array) => array.column),
    rows,
    describe,
    async *chunks() {
      const bytes = arrays.reduce((sum, array) => sum + rowBytesOf(array), 0);
      const most = Math.max(1, Math.floor(CHUNK / bytes));
      const readers = arrays.map(openRows);
      try {
        for (let start = 0; start < rows; start += most) {
          const count = Math.min(most, rows - start);
          const columns = new Map<string, SourceValues>();
          for (const [index, array] of arrays.entries()) {
            const read = await readers[index]?.take(count);
            if (read !== undefined) columns.set(array.column.name, decoded(array, read, start, describe));
          }
          if (start + count === rows) for (const reader of readers) await reader.expectEnd();
          yield { rows: count, columns };
        }
      } finally {
        for (const reader of readers) await reader.close();
      }
    },
  };
}

function decoded(
  array: StoredArray,
  bytes: Uint8Array,
  start: number,
  describe: (row: number) => string,
): SourceValues {
  try {
    return array.type.decode(bytes);
  } catch (error) {
    if (!(error instanceof NoSuchValue)) throw error;
    const row = start + Math.floor((error.element * array.type.size) / rowBytesOf(array));
    throw new InputError(`${describe(row)}, column "${array.column.name}"`, error.what);
  }
}

/** Gives the rows of an array from front to back, each with its elements row-major. */
interface RowReader {
  take(rows: number): Promise<Uint8Array>;
  /** @throws InputError when bytes follow the last row */
  expectEnd(): Promise<void>;
  close(): Promise<void>;
}

function openRows(array: StoredArray): RowReader {
  // With one axis, or one value in each row, both orders are the same.
  return array.firstAxisFastest && elementsOf(array) > 1 ? rowsOfColumns(array) : rowsInOrder(array);
}

function rowsInOrder(array: StoredArray): RowReader {
  const { start, trailing } = array;
  const reader = openReader(array);
  const rowBytes = rowBytesOf(array);
  let isBefore = true;
  return {
    async take(rows) {
      if (isBefore) await reader.take(start);
      isBefore = false;
      return reader.take(rows * rowBytes);
    },
    expectEnd: () => reader.expectEnd(trailing),
    close: () => reader.close(),
  };
}

/**
 * Rows of an array that lies column by column: a slab of many rows is gathered at a time, from the file where it lies unpacked, else from
 * the whole array in memory.
 */
function rowsOfColumns(array: StoredArray): RowReader {
  const { rows, type, stored, start } = array;
  const rowBytes = rowBytesOf(array);
  const slabRows = Math.min(rows, Math.max(1, Math.floor(SLAB / rowBytes)));
  const positions = rowMajorPositions(array.column.shape);
  let read: ((offset: number, length: number) => Uint8Array) | undefined;
  let slab: Uint8Array = new Uint8Array(0);
  let slabStart = 0;
  let slabEnd = 0;
  let next = 0;

  const gather = async (): Promise<void> => {
    read ??= stored.packing === "none" ? fromFile(stored) : await fromMemory(array);
    const count = Math.min(slabRows, rows - slabEnd);
    slab = new Uint8Array(count * rowBytes);
    for (const [column, position] of positions.entries()) {
      const run = read(start + (column * rows + slabEnd) * type.size, count * type.size);
      scatter(run, slab, position * type.size, rowBytes, type.size);
    }
    slabStart = slabEnd;
    slabEnd += count;
  };

  return {
    async take(wanted) {
      const parts: Uint8Array[] = [];
      for (let missing = wanted; missing > 0;) {
        if (next === slabEnd) await gather();
        const count = Math.min(missing, slabEnd - next);
        parts.push(slab.slice((next - slabStart) * rowBytes, (next - slabStart + count) * rowBytes));
        next += count;
        missing -= count;
      }
      const [only] = parts;
      return parts.length === 1 && only !== undefined ? only : new Uint8Array(Buffer.concat(parts));
    },
    expectEnd: async () => {
      if (stored.packing === "none" && stored.length > start + rows * rowBytes) {
        throw new InputError(array.where, "goes on after its declared end", array.trailing);
      }
    },
    close: async () => {},
  };
}

function fromFile(stored: StoredBytes): (offset: number, length: number) => Uint8Array {
  return (offset, length) => readBytes(stored.path, stored.offset + offset, length);
}

async function fromMemory(array: StoredArray): Promise<(offset: number, length: number) => Uint8Array> {
  const { where, start, rows } = array;
  const length = start + rows * rowBytesOf(array);
  if (length > LARGEST_PACKED_SLAB) {
    throw new InputError(
      where,
      `lies column by column (Fortran's order) and is compressed, which can be read up to ${LARGEST_PACKED_SLAB} bytes; it has ${length}`,
      "save it row by row (numpy.ascontiguousarray) or uncompressed",
    );
  }
  const reader = openReader(array);
  try {
    const bytes = await reader.take(length);
    await reader.expectEnd(array.trailing);
    return (offset, count) => bytes.subarray(offset, offset + count);
  } finally {
    await reader.close();
  }
}

/** Where in a row-major row the elements are that come one after the other when the first axis varies fastest. */
function rowMajorPositions(shape: readonly number[]): Uint32Array {
  let positions = Uint32Array.of(0);
  let stride = elementCount(shape);
  for (const length of shape) {
    stride /= length;
    const longer = new Uint32Array(positions.length * length);
    for (let index = 0; index < longer.length; index++) {
      const inner = index % positions.length;
      longer[index] = (positions[inner] ?? 0) + Math.floor(index / positions.length) * stride;
    }
    positions = longer;
  }
  return positions;
}

function scatter(run: Uint8Array, into: Uint8Array, offset: number, step: number, size: number): void {
  for (let from = 0, to = offset; from < run.length; from += size, to += step) {
    for (let byte = 0; byte < size; byte++) into[to + byte] = run[from + byte] ?? 0;
  }
}

function openReader({ stored, where }: StoredArray): ByteReader {
  return byteReader(streamBytes(stored, where), where);
}

function elementsOf(array: StoredArray): number {
  return elementCount(array.column.shape);
}

function rowBytesOf(array: StoredArray): number {
  return elementsOf(array) * array.type.size;
}
