import { InputError } from "../../graph/errors.js";
import {
  type Block,
  newSegment,
  numbersIn,
  recordLayout,
  type RecordLayout,
  type Segment,
  type StoredColumn,
} from "./records.js";
import type { Source, SourceChunk, SourceValues } from "./source.js";
import { TemporaryFile } from "./temporary-file.js";

/** Where rows are kept. */
export interface StoreOptions {
  /** The columns that are needed, by name; by default all. */
  readonly columns?: ReadonlySet<string>;
  /** Bytes that may be kept in memory; what is more goes into a temporary file. By default 1 GB. */
  readonly memoryLimit?: number;
  /** Where that file is; by default the system's folder for such files. */
  readonly temporaryFolder?: string;
}

/** Where a column has what cannot be trained on, found while it was read. */
export interface ColumnFindings {
  /** The first row without a value, or with NaN in an array; −1 where there is none. */
  readonly firstMissing: number;
  /** The first row with an infinite number, −1 where there is none. */
  readonly firstInfinite: number;
}

/** Keeps all rows of a source for reading in any order. */
export interface Store {
  readonly label: string;
  readonly rows: number;
  readonly columns: readonly StoredColumn[];
  /** Bytes of one row. */
  readonly rowBytes: number;
  /** Bytes held in memory; 0 for those in a file. */
  readonly memoryBytes: number;
  readonly isInMemory: boolean;
  /** The texts of a column by their numbers. */
  texts(column: string): readonly string[];
  findings(column: string): ColumnFindings;
  /** Rows at hand, in this order. What it gives is good until the next call. @throws InputError after `close` */
  block(rows: Uint32Array): Block;
  /** As its source says. */
  describe(row: number): string;
  /** Frees memory and removes the temporary file. */
  close(): void;
}

export const defaultMemoryLimit = 1e9;

/** Large enough that few are needed, small enough that few rows waste little. */
const SEGMENT_BYTES = 1 << 20;

/** Texts beyond this are no categories or labels, and would fill the memory. */
const MOST_TEXTS = 1_000_000;

/**
 * Reads a source once and keeps its rows.
 * @throws InputError for what the source cannot read, for integers beyond ±2⁵³, for a full disk
 */
export async function storeOf(source: Source, options: StoreOptions = {}): Promise<Store> {
  const { columns } = options;
  const wanted = columns === undefined ? source.columns : source.columns.filter(({ name }) => columns.has(name));
  const ingestion = new Ingestion(source, recordLayout(wanted), options);
  try {
    for await (const chunk of source.chunks()) ingestion.add(chunk);
    return ingestion.finish();
  } catch (error) {
    ingestion.close();
    throw error;
  }
}

/** What is known of a column so far. */
interface ColumnState {
  readonly column: StoredColumn;
  /** By text; empty for numbers. */
  readonly codes: Map<string, number>;
  firstMissing: number;
  firstInfinite: number;
}

class Ingestion {
  readonly #source: Source;
  readonly #layout: RecordLayout;
  readonly #states: readonly ColumnState[];
  readonly #shift: number;
  readonly #limit: number;
  readonly #temporaryFolder: string | undefined;
  readonly #segments: Segment[] = [];
  #file: TemporaryFile | undefined;
  #rows = 0;

  constructor(
    source: Source,
    layout: RecordLayout,
    { memoryLimit = defaultMemoryLimit, temporaryFolder }: StoreOptions,
  ) {
    this.#source = source;
    this.#layout = layout;
    this.#limit = memoryLimit;
    this.#temporaryFolder = temporaryFolder;
    this.#shift = Math.max(Math.floor(Math.log2(SEGMENT_BYTES / layout.bytes)), 0);
    this.#states = layout.columns.map((column) => ({
      column,
      codes: new Map<string, number>(),
      firstMissing: -1,
      firstInfinite: -1,
    }));
  }

  add(chunk: SourceChunk): void {
    const perSegment = 2 ** this.#shift;
    for (let done = 0; done < chunk.rows;) {
      const filled = this.#rows % perSegment;
      const segment = filled === 0 ? this.#nextSegment() : this.#segments.at(-1);
      if (segment === undefined) throw new Error("no segment to write to");
      const count = Math.min(perSegment - filled, chunk.rows - done);
      for (const state of this.#states) {
        const values = chunk.columns.get(state.column.name);
        if (values === undefined) throw new Error(`a chunk lacks the column "${state.column.name}"`);
        this.#copy(values, done, count, { state, segment, filled });
      }
      this.#rows += count;
      done += count;
    }
  }

  finish(): Store {
    const file = this.#file;
    if (file !== undefined) {
      const rest = this.#rows * this.#layout.bytes - file.size;
      if (rest > 0) file.append(this.#lastSegment().bytes.subarray(0, rest));
      this.#segments.length = 0;
    }
    const kept = {
      source: this.#source,
      layout: this.#layout,
      rows: this.#rows,
      states: this.#states,
      segments: this.#segments,
    };
    return file === undefined ? new MemoryStore(kept, this.#shift) : new FileStore(kept, file);
  }

  close(): void {
    this.#file?.close();
  }

  #nextSegment(): Segment {
    const length = this.#layout.bytes * 2 ** this.#shift;
    if (this.#file === undefined && (this.#segments.length + 1) * length > this.#limit && this.#segments.length > 0) {
      const file = new TemporaryFile(this.#temporaryFolder);
      this.#file = file;
      for (const { bytes } of this.#segments) file.append(bytes.subarray(0, length));
      this.#segments.length = 1;
    } else if (this.#file !== undefined) {
      this.#file.append(this.#lastSegment().bytes.subarray(0, length));
    }
    // Once there is a file, one segment is filled again and again.
    if (this.#file !== undefined) return this.#lastSegment();
    const segment = newSegment(length);
    this.#segments.push(segment);
    return segment;
  }

  #lastSegment(): Segment {
    const segment = this.#segments.at(-1);
    if (segment === undefined) throw new Error("no segment was begun");
    return segment;
  }

  #copy(values: SourceValues, from: number, count: number, to: Destination): void {
    const { column } = to.state;
    if (values.kind === "text") {
      if (column.kind !== "text") throw new Error(`text in the column "${column.name}" of numbers`);
      this.#copyTexts(values.values, from, count, to);
      return;
    }
    if (column.kind === "text") throw new Error(`numbers in the column "${column.name}" of text`);
    const numbers =
      values.kind === "int64"
        ? this.#safeIntegers(values.values.subarray(from * column.size, (from + count) * column.size), column)
        : values.values.subarray(from * column.size, (from + count) * column.size);
    copyNumbers(numbers, to);
    if (!(numbers instanceof Uint8Array)) this.#inspect(numbers, to.state);
  }

  #copyTexts(texts: readonly (string | undefined)[], from: number, count: number, to: Destination): void {
    const { state, segment, filled } = to;
    const { codes, column } = state;
    let place = filled * column.stride + column.offset;
    for (let index = 0; index < count; index++, place += column.stride) {
      const text = texts[from + index];
      if (text === undefined) {
        segment.int32[place] = -1;
        if (state.firstMissing < 0) state.firstMissing = this.#rows + index;
        continue;
      }
      let code = codes.get(text);
      if (code === undefined) {
        code = codes.size;
        codes.set(text, code);
        if (code === MOST_TEXTS) this.#refuseTexts(column);
      }
      segment.int32[place] = code;
    }
  }

  #refuseTexts({ name }: StoredColumn): never {
    throw new InputError(
      `${this.#source.label}, column "${name}"`,
      `holds more than ${MOST_TEXTS} different texts, which are no categories`,
      "leave it out of --features",
    );
  }

  /** Finds missing and infinite numbers among those that were copied last. */
  #inspect(numbers: Float64Array | Float32Array, state: ColumnState): void {
    const { size } = state.column;
    // A sum is a number only if all numbers are; that is seldom otherwise, and quickly seen.
    if (Number.isFinite(sumOf(numbers))) return;
    const rowOf = (index: number) => (index < 0 ? -1 : this.#rows + Math.floor(index / size));
    if (state.firstMissing < 0) state.firstMissing = rowOf(numbers.findIndex((number) => Number.isNaN(number)));
    if (state.firstInfinite < 0) {
      state.firstInfinite = rowOf(numbers.findIndex((number) => Math.abs(number) === Infinity));
    }
  }

  #safeIntegers(integers: BigInt64Array, column: StoredColumn): Float64Array {
    const numbers = new Float64Array(integers.length);
    for (let index = 0; index < integers.length; index++) {
      const integer = integers[index] ?? 0n;
      const number = Number(integer);
      if (!Number.isSafeInteger(number)) {
        const row = this.#rows + Math.floor(index / column.size);
        const where = `${this.#source.describe(row)}, column "${column.name}"`;
        throw new InputError(where, `holds ${integer}, and integers are exact up to ±2^53`, "leave the column out");
      }
      numbers[index] = number;
    }
    return numbers;
  }
}

/** Where values go: into a segment behind the rows that it has. */
interface Destination {
  readonly state: ColumnState;
  readonly segment: Segment;
  readonly filled: number;
}

function copyNumbers(numbers: Float64Array | Float32Array | Uint8Array, { state, segment, filled }: Destination): void {
  const { kind, size, offset, stride } = state.column;
  const target = numbersIn(segment, kind);
  let place = filled * stride + offset;
  if (size === stride) {
    target.set(numbers, place);
    return;
  }
  for (let start = 0; start < numbers.length; start += size, place += stride) {
    if (size === 1) target[place] = numbers[start] ?? 0;
    else target.set(numbers.subarray(start, start + size), place);
  }
}

function sumOf(numbers: Float64Array | Float32Array): number {
  let sum = 0;
  for (let index = 0; index < numbers.length; index++) sum += numbers[index] ?? 0;
  return sum;
}

/** What both kinds of stores keep. */
interface Kept {
  readonly source: Source;
  readonly layout: RecordLayout;
  readonly rows: number;
  readonly states: readonly ColumnState[];
  readonly segments: readonly Segment[];
}

abstract class KeptRows {
  readonly label: string;
  readonly rows: number;
  readonly columns: readonly StoredColumn[];
  readonly rowBytes: number;
  readonly #source: Source;
  readonly #texts: ReadonlyMap<string, readonly string[]>;
  readonly #findings: ReadonlyMap<string, ColumnFindings>;

  constructor({ source, layout, rows, states }: Kept) {
    this.label = source.label;
    this.rows = rows;
    this.columns = layout.columns;
    this.rowBytes = layout.bytes;
    this.#source = source;
    this.#texts = new Map(states.map(({ column, codes }) => [column.name, [...codes.keys()]]));
    this.#findings = new Map(
      states.map(({ column, firstMissing, firstInfinite }) => [column.name, { firstMissing, firstInfinite }]),
    );
  }

  texts(column: string): readonly string[] {
    return this.#texts.get(column) ?? [];
  }

  findings(column: string): ColumnFindings {
    return this.#findings.get(column) ?? { firstMissing: -1, firstInfinite: -1 };
  }

  describe(row: number): string {
    return this.#source.describe(row);
  }
}

class MemoryStore extends KeptRows implements Store {
  readonly isInMemory = true;
  readonly #shift: number;
  readonly #mask: number;
  #segments: readonly Segment[] | undefined;

  constructor(kept: Kept, shift: number) {
    super(kept);
    this.#segments = kept.segments;
    this.#shift = shift;
    this.#mask = 2 ** shift - 1;
  }

  get memoryBytes(): number {
    return (this.#segments ?? []).reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  block(rows: Uint32Array): Block {
    if (this.#segments === undefined) throw isClosed(this.label);
    return { segments: this.#segments, shift: this.#shift, mask: this.#mask, rows };
  }

  close(): void {
    this.#segments = undefined;
  }
}

class FileStore extends KeptRows implements Store {
  readonly isInMemory = false;
  readonly memoryBytes = 0;
  #file: TemporaryFile | undefined;
  #segment: Segment = newSegment(0);
  #places: Uint32Array = new Uint32Array(0);

  constructor(kept: Kept, file: TemporaryFile) {
    super(kept);
    this.#file = file;
  }

  block(rows: Uint32Array): Block {
    if (this.#file === undefined) throw isClosed(this.label);
    const bytes = this.rowBytes;
    if (this.#segment.bytes.length < rows.length * bytes) this.#segment = newSegment(rows.length * bytes);
    if (this.#places.length < rows.length)
      this.#places = Uint32Array.from({ length: rows.length }, (_, place) => place);
    for (let first = 0; first < rows.length;) {
      // Rows that follow each other in the file are read at once.
      const row = rows[first] ?? 0;
      let end = first + 1;
      while (end < rows.length && rows[end] === row + end - first) end++;
      this.#file.read(this.#segment.bytes, first * bytes, (end - first) * bytes, row * bytes);
      first = end;
    }
    // All of them in one segment.
    return { segments: [this.#segment], shift: 31, mask: 2 ** 31 - 1, rows: this.#places.subarray(0, rows.length) };
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#segment = newSegment(0);
  }
}

function isClosed(label: string): InputError {
  return new InputError(label, "is closed, and cannot be read any more", "call close() after the last read");
}
