import { isUtf8 } from "node:buffer";
import {
  type ColumnMetaData,
  type FileMetaData,
  parquetMetadata,
  parquetRead,
  parquetSchema,
  type RowGroup,
} from "hyparquet";
import { InputError } from "../../../graph/errors.js";
import type { Source, SourceColumn, SourceValues } from "../source.js";
import { chooseColumns, distinctNames } from "./choose-columns.js";
import { type DataFile, readBytes, type StoredBytes } from "./data-file.js";
import type { SourceOptions } from "./options.js";
import { type ParquetColumn, parquetColumn, type ReadableColumn } from "./parquet-columns.js";
import { isMagic, MAGIC } from "./parquet.js";
import { PageError, unpackedPages } from "./parquet-pages.js";
import { listLength, parquetValues } from "./parquet-values.js";
import { TimeLimitError } from "./time-limit.js";
import { readThrift, ThriftError } from "./thrift.js";

/** "PARE": the footer is encrypted. */
const ENCRYPTED = 0x45;
const TAIL = 8;
const LARGEST_FOOTER = 1 << 28;
/** A row group is held in memory. */
const MOST_ROWS = 1 << 24;
const LARGEST_COLUMN = 1 << 30;
/** Bytes in a chunk, unless a single row has more. */
const CHUNK = 1 << 22;
const SMALLER_GROUPS = "write the file with smaller row groups";

/** Opens a Parquet file. @throws InputError for what cannot be read */
export async function openParquet(file: DataFile, options: SourceOptions): Promise<Source> {
  const { path } = file;
  const metadata = readMetadata(file);
  const all = columnsOf(metadata, path);
  const readable = all.filter((column) => "kind" in column);
  const chosen = options.columns === undefined ? readable : chooseColumns(path, all, options.columns);
  const columns: ChosenColumn[] = [];
  for (const column of chosen) {
    if (!("kind" in column)) throw new InputError(`${path}, column "${column.name}"`, column.refusal);
    columns.push({ column, length: column.isList ? await lengthOfLists(file, metadata, column) : undefined });
  }
  if (columns.length === 0 && options.columns === undefined) {
    throw new InputError(path, "has no column of numbers or text");
  }
  return source(file, metadata, columns);
}

/** A column that is read, and how long its lists are where it has them. */
interface ChosenColumn {
  readonly column: ReadableColumn;
  readonly length: number | undefined;
}

function source(file: DataFile, metadata: FileMetaData, columns: readonly ChosenColumn[]): Source {
  const { path } = file;
  const describe = (row: number) => `${path}, row ${row} (counted from 0)`;
  return {
    label: path,
    columns: columns.map(({ column, length }): SourceColumn => {
      return { name: column.name, kind: column.kind, shape: length === undefined ? [] : [length] };
    }),
    rows: metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0),
    describe,
    async *chunks() {
      let start = 0;
      for (const group of metadata.row_groups) {
        const rows = Number(group.num_rows);
        const groupStart = start;
        const values = new Map<string, SourceValues>();
        for (const { column, length } of columns) {
          const decoded = await decodedColumn(file, metadata, group, column);
          const place = { where: (row: number) => `${describe(groupStart + row)}, column "${column.name}"` };
          values.set(column.name, parquetValues(decoded, column, length ?? 1, place));
        }
        yield* slices(rows, columns, values);
        start += rows;
      }
    },
  };
}

/** A row group in chunks. */
function* slices(rows: number, columns: readonly ChosenColumn[], values: ReadonlyMap<string, SourceValues>) {
  const rowBytes = columns.reduce((sum, { length }) => sum + 8 * (length ?? 1), 8);
  const most = Math.max(1, Math.floor(CHUNK / rowBytes));
  for (let start = 0; start < rows; start += most) {
    const end = Math.min(start + most, rows);
    const part = new Map<string, SourceValues>();
    for (const { column, length = 1 } of columns) {
      const whole = values.get(column.name);
      if (whole !== undefined) part.set(column.name, sliced(whole, start * length, end * length));
    }
    yield { rows: end - start, columns: part };
  }
}

function sliced(values: SourceValues, start: number, end: number): SourceValues {
  switch (values.kind) {
    case "float64":
      return { kind: "float64", values: values.values.slice(start, end) };
    case "float32":
      return { kind: "float32", values: values.values.slice(start, end) };
    case "uint8":
      return { kind: "uint8", values: values.values.slice(start, end) };
    case "int64":
      return { kind: "int64", values: values.values.slice(start, end) };
    case "text":
      return { kind: "text", values: values.values.slice(start, end) };
  }
}

/** The footer, checked before memory is taken for what it declares. */
function readMetadata({ path, content }: DataFile): FileMetaData {
  if (content.packing !== "none")
    throw new InputError(path, "is a Parquet file packed by gzip", "unpack it with gunzip first");
  const { length: size } = content;
  const tail = size < MAGIC.length + TAIL ? new Uint8Array(TAIL) : readBytes(path, size - TAIL, TAIL);
  if (tail[7] === ENCRYPTED && isMagic(Uint8Array.of(...tail.subarray(4, 7), 0x31))) {
    throw new InputError(path, "is an encrypted Parquet file", "write it without encryption");
  }
  if (!isMagic(tail.subarray(4))) {
    throw new InputError(path, "is no whole Parquet file: it does not end as one", "get the whole file");
  }
  const length = new DataView(tail.buffer).getUint32(0, true);
  if (length > Math.min(size - MAGIC.length - TAIL, LARGEST_FOOTER)) {
    throw new InputError(path, `is damaged: it declares a footer of ${length} bytes and has ${size} in all`);
  }
  const footer = readBytes(path, size - TAIL - length, length + TAIL);
  return understood(path, () => {
    readThrift(footer.subarray(0, length), 0);
    const metadata = parquetMetadata(footer, { geoparquet: false });
    checkGroups(path, metadata);
    return metadata;
  });
}

/** Whatever the library's types say, a damaged footer may lack any field. */
function checkGroups(path: string, { row_groups }: FileMetaData): void {
  for (const { num_rows } of row_groups) {
    if (typeof num_rows !== "bigint" || num_rows < 0n) {
      throw new InputError(path, "is damaged: a row group does not say how many rows it has", "get the file again");
    }
    if (num_rows > MOST_ROWS) {
      throw new InputError(path, `has a row group of ${num_rows} rows, more than ${MOST_ROWS}`, SMALLER_GROUPS);
    }
  }
  if (row_groups.every((group) => group.num_rows === 0n)) throw new InputError(path, "has no rows");
}

function columnsOf(metadata: FileMetaData, path: string): readonly ParquetColumn[] {
  const columns = understood(path, () => parquetSchema(metadata).children.map(parquetColumn));
  distinctNames(
    path,
    columns.map((column) => column.name),
    "write the file with names of their own",
  );
  return columns;
}

/** From the first row group that has a list which is not missing. */
async function lengthOfLists(file: DataFile, metadata: FileMetaData, column: ReadableColumn): Promise<number> {
  for (const group of metadata.row_groups) {
    const length = listLength(await decodedColumn(file, metadata, group, column));
    if (length === 0) break;
    if (length !== undefined) return length;
  }
  throw new InputError(`${file.path}, column "${column.name}"`, "has lists without numbers");
}

/** The values of one column in one row group, rows in order. */
async function decodedColumn(
  { path, content }: DataFile,
  metadata: FileMetaData,
  group: RowGroup,
  column: ReadableColumn,
): Promise<readonly unknown[]> {
  const where = `${path}, column "${column.name}"`;
  return understoodLater(where, async () => {
    const chunk = group.columns.find(({ meta_data }) => meta_data?.path_in_schema[0] === column.name);
    const meta = chunk?.meta_data;
    if (chunk === undefined || meta === undefined) throw new PageError("a row group lacks it");
    if (chunk.file_path !== undefined) throw new InputError(where, "lies in another file, which is not read");
    const values = Number(meta.num_values);
    if (!(values <= MOST_ROWS)) {
      throw new InputError(where, `has ${values} values in a row group, too many to read`, SMALLER_GROUPS);
    }
    const { start, bytes } = columnBytes(content, meta, where);
    const { definition, repetition, boolean } = column;
    const limits = { values, mostBytes: LARGEST_COLUMN };
    const pages = unpackedPages(bytes, { codec: meta.codec, definition, repetition, boolean, ...limits }).values();
    const unpacked = (): Uint8Array => pages.next().value ?? new Uint8Array(0);
    const parts: ArrayLike<unknown>[] = [];
    await parquetRead({
      file: {
        byteLength: content.length,
        slice: (from, to = content.length) => bytes.slice(from - start, to - start).buffer,
      },
      metadata: { ...metadata, row_groups: [{ ...group, columns: [chunk] }] },
      columns: [column.name],
      compressors: { [meta.codec]: unpacked },
      geoparquet: false,
      parsers: { stringFromBytes: (text) => textOf(text, where) },
      onChunk: ({ columnData }) => parts.push(columnData),
    });
    const rows: unknown[] = [];
    for (const part of parts) for (let index = 0; index < part.length; index++) rows.push(part[index]);
    if (rows.length === Number(group.num_rows)) return rows;
    throw new PageError(`it has ${rows.length} rows of ${group.num_rows} in a row group`);
  });
}

/** The pages of a column in one row group, as they lie in the file. */
function columnBytes(
  content: StoredBytes,
  meta: ColumnMetaData,
  where: string,
): { readonly start: number; readonly bytes: Uint8Array } {
  // As the library finds it.
  const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
  const length = Number(meta.total_compressed_size);
  if (!(start >= 0 && length >= 0 && start + length <= content.length)) {
    throw new PageError("it lies beyond the end of the file");
  }
  if (length > LARGEST_COLUMN)
    throw new InputError(where, `has ${length} bytes in a row group, too many to read`, SMALLER_GROUPS);
  return { start, bytes: readBytes(content.path, start, length) };
}

function textOf(bytes: Uint8Array, where: string): string {
  if (!isUtf8(bytes)) throw new InputError(where, "holds bytes that are no UTF-8 text", "write the column as text");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}

/** Runs what reads bytes that may be anything: whatever it stumbles on, it is the file that is at fault. */
function understood<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw damaged(where, error);
  }
}

async function understoodLater<T>(where: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw damaged(where, error);
  }
}

function damaged(where: string, error: unknown): unknown {
  if (error instanceof InputError || !(error instanceof Error)) return error;
  // What a library says of its own steps tells nobody more.
  const reason =
    error instanceof PageError || error instanceof ThriftError || error instanceof TimeLimitError
      ? `: ${error.message}`
      : "";
  const unsupported = /unsupported|not supported/.test(error.message) ? " or written in a way that cannot be read" : "";
  return new InputError(where, `is damaged${unsupported}${reason}`, "get or write the file again");
}
