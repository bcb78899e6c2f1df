import { elementCount } from "../../graph/tensor.js";
import type { SourceColumn } from "./source.js";

/**
 * How values are kept: int64 as float64, which holds every safe integer, and text as its number in a dictionary, −1
 * where it is missing.
 */
export type StoredKind = "float64" | "float32" | "uint8" | "text";

/** A column with its place in a record, which holds all values of a row. */
export interface StoredColumn {
  readonly name: string;
  readonly kind: StoredKind;
  /** Of one row. */
  readonly shape: readonly number[];
  /** Elements of one row. */
  readonly size: number;
  /** From the start of a record, in elements. */
  readonly offset: number;
  /** From a record to the next one, in elements. */
  readonly stride: number;
}

/** How rows are laid out: one record behind the other. */
export interface RecordLayout {
  readonly bytes: number;
  readonly columns: readonly StoredColumn[];
}

const bytesOf = { float64: 8, float32: 4, text: 4, uint8: 1 } as const satisfies Readonly<Record<StoredKind, number>>;

/** Lays out records: the columns of wide elements first, so that all are aligned. */
export function recordLayout(columns: readonly SourceColumn[]): RecordLayout {
  const stored = columns.map(({ name, kind, shape }) => ({
    name,
    kind: kind === "int64" ? ("float64" as const) : kind,
    shape,
    size: elementCount(shape),
  }));
  const places = new Map<string, number>();
  let end = 0;
  for (const { name, kind, size } of stored.toSorted((a, b) => bytesOf[b.kind] - bytesOf[a.kind])) {
    places.set(name, end);
    end += size * bytesOf[kind];
  }
  const alignment = stored.reduce((widest, { kind }) => Math.max(widest, bytesOf[kind]), 1);
  const bytes = Math.max(Math.ceil(end / alignment) * alignment, alignment);
  return {
    bytes,
    columns: stored.map((column) => {
      const width = bytesOf[column.kind];
      return { ...column, offset: (places.get(column.name) ?? 0) / width, stride: bytes / width };
    }),
  };
}

/** Records in memory, seen as elements of each kind. */
export interface Segment {
  readonly bytes: Uint8Array;
  readonly float64: Float64Array;
  readonly float32: Float32Array;
  readonly int32: Int32Array;
}

/** Room for some bytes of records. */
export function newSegment(length: number): Segment {
  const buffer = new ArrayBuffer(Math.ceil(length / 8) * 8);
  return {
    bytes: new Uint8Array(buffer),
    float64: new Float64Array(buffer),
    float32: new Float32Array(buffer),
    int32: new Int32Array(buffer),
  };
}

/** A segment as numbers of a kind. */
export function numbersIn(
  { float64, float32, bytes }: Segment,
  kind: StoredKind,
): Float64Array | Float32Array | Uint8Array {
  switch (kind) {
    case "float64":
      return float64;
    case "float32":
      return float32;
    case "uint8":
      return bytes;
    case "text":
      throw new Error("text has no numbers");
  }
}

/** Rows at hand: the record of rows[i] is number (rows[i] & mask) of segment rows[i] >>> shift. */
export interface Block {
  readonly segments: readonly Segment[];
  readonly shift: number;
  readonly mask: number;
  readonly rows: Uint32Array;
}

/** Writes a column of single values, one for each row. Missing ones are NaN. */
export function readScalars(block: Block, { kind, offset, stride }: StoredColumn, out: Float64Array): void {
  const { segments, shift, mask, rows } = block;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] ?? 0;
    const segment = segments[row >>> shift];
    if (segment !== undefined) out[index] = numbersIn(segment, kind)[(row & mask) * stride + offset] ?? Number.NaN;
  }
}

/** Columns of one kind whose numbers are read together, each scaled in its own way. */
export interface ScaledColumns {
  readonly kind: Exclude<StoredKind, "text">;
  /** From one record to the next, in elements. */
  readonly stride: number;
  /** Of each column from the start of a record. */
  readonly offsets: Int32Array;
  /** Of each column among the numbers of an example. */
  readonly places: Int32Array;
  readonly subtract: Float64Array;
  readonly divide: Float64Array;
  /** What stands for NaN; NaN where it stays. */
  readonly fill: Float64Array;
}

/** Writes (x − subtract) / divide for all rows and columns: `width` numbers for each row. */
export function readScaled(
  { segments, shift, mask, rows }: Block,
  { kind, stride, offsets, places, subtract, divide, fill }: ScaledColumns,
  out: Float64Array,
  width: number,
): void {
  for (let index = 0, start = 0; index < rows.length; index++, start += width) {
    const row = rows[index] ?? 0;
    const segment = segments[row >>> shift];
    if (segment === undefined) continue;
    const elements = numbersIn(segment, kind);
    const record = (row & mask) * stride;
    for (let column = 0; column < offsets.length; column++) {
      const stored = elements[record + (offsets[column] ?? 0)] ?? 0;
      const number = Number.isNaN(stored) ? (fill[column] ?? 0) : stored;
      out[start + (places[column] ?? 0)] = (number - (subtract[column] ?? 0)) / (divide[column] ?? 1);
    }
  }
}

/** Writes the dictionary numbers of a column of text, one for each row. */
export function readCodes(
  { segments, shift, mask, rows }: Block,
  { offset, stride }: StoredColumn,
  out: Int32Array,
): void {
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] ?? 0;
    const segment = segments[row >>> shift];
    if (segment !== undefined) out[index] = segment.int32[(row & mask) * stride + offset] ?? -1;
  }
}

/** The elements of one row of a block, where they are: a view, good until the next block is read. */
export function elementsOf(
  { segments, shift, mask, rows }: Block,
  { kind, offset, stride, size }: StoredColumn,
  index: number,
): Float64Array | Float32Array | Uint8Array {
  const row = rows[index] ?? 0;
  const segment = segments[row >>> shift];
  if (segment === undefined) throw new Error("a block lacks one of its rows");
  const start = (row & mask) * stride + offset;
  return numbersIn(segment, kind).subarray(start, start + size);
}
