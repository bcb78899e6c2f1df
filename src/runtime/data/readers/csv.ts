import { InputError } from "../../../graph/errors.js";
import type { Source, SourceColumn, SourceValues } from "../source.js";
import { chooseColumns, distinctNames } from "./choose-columns.js";
import { cellKind, hasDecimalComma, notANumber, numberReader, textReader } from "./csv-cells.js";
import { guessedDelimiter } from "./csv-delimiter.js";
import { afterFirstRecord, csvPieces } from "./csv-pieces.js";
import { type CsvRecord, csvRecords, type CsvTable, readPiece } from "./csv-records.js";
import type { DataFile } from "./data-file.js";
import { lineIndex } from "./line-index.js";
import { type DataFormat, MISSING, type SourceOptions } from "./options.js";

/** Rows by which the kind of a column and the header are guessed. */
const SAMPLED = 1000;
/** Bytes in which they are looked for: records may be long. */
const SAMPLED_BYTES = 1 << 25;
/** Characters of a cell in a message. */
const SHOWN = 60;

/** Comma-separated values (RFC 4180), or with another delimiter; UTF-8. */
export const csvFormat: DataFormat = {
  name: "csv",
  title: "CSV",
  named: (name) => /\.(csv|txt|data)$/.test(name),
  recognizes: () => false,
  open: openCsv,
};

/** The same with tabs, unless the options say otherwise. */
export const tsvFormat: DataFormat = {
  name: "tsv",
  title: "TSV",
  named: (name) => /\.(tsv|tab)$/.test(name),
  recognizes: () => false,
  open: (file, options) => openCsv(file, { delimiter: "\t", ...options }),
};

/** A column of the file, and what its first rows say that it holds. */
interface CsvColumn extends SourceColumn {
  readonly kind: "float64" | "text";
  /** In a record, from 0. */
  readonly position: number;
}

async function openCsv(file: DataFile, options: SourceOptions): Promise<Source> {
  const { path } = file;
  const missing = new Set((options.missing ?? MISSING).map((text) => text.trim()));
  const sample = await sampleOf(file, options, missing);
  const { header, delimiter, width, first } = sample;
  const names = header
    ? first.cells.map((cell, position) => cell.trim() || String(position + 1))
    : first.cells.map((_, position) => String(position + 1));
  distinctNames(path, names, "rename one of them in the first line");
  const hint =
    !header && options.header === undefined
      ? "its first row does not look like names of columns; say so if it is"
      : undefined;
  const all = names.map((name, position) => ({ name, position }));
  const texts = new Set(chooseColumns(path, all, options.textColumns ?? [], hint).map(({ name }) => name));
  const columns = chooseColumns(path, all, options.columns, hint).map(({ name, position }): CsvColumn => {
    const isText = texts.has(name) || sample.isText(position);
    const comma = isText && !texts.has(name) ? sample.decimalComma(position) : undefined;
    if (comma !== undefined) {
      throw new InputError(
        path,
        `column "${name}" has numbers with a decimal comma, "${comma}"`,
        "write them with a point, or take the column as text with --text-columns",
      );
    }
    return { name, position, kind: isText ? "text" : "float64", shape: [] };
  });
  const lines = lineIndex();
  const place = (row: number): string => {
    const line = lines.lineOf(row);
    return line === undefined ? `${path}, row ${row} (counted from 0)` : `${path}, line ${line}`;
  };

  return {
    label: path,
    columns: columns.map(({ name, kind, shape }) => ({ name, kind, shape })),
    describe: place,
    async *chunks() {
      const readers = new Map(
        columns.map(({ kind, position }) => [position, kind === "text" ? textReader(missing) : numberReader(missing)]),
      );
      let isHeader = header;
      let row = 0;
      const table: CsvTable = {
        path,
        delimiter,
        readers: Array.from({ length: width }, (_, position) => readers.get(position)),
        onRow: (line) => lines.add(row++, line),
        refuse(line, cells, wrong) {
          const where = `${path}, line ${line}`;
          if (wrong === undefined) {
            const other = header ? "the header" : "the first row";
            const remedy = cells > width ? "quote a cell that holds a delimiter" : undefined;
            throw new InputError(where, `has ${counted(cells)}, ${other} has ${width}`, remedy);
          }
          const problem = `"${shortened(wrong.cell)}" ${notANumber(wrong.cell)}`;
          const fix = "correct it, name it with --missing-values, or take the column as text with --text-columns";
          throw new InputError(`${where}, column "${names[wrong.column]}"`, problem, fix);
        },
      };
      for await (const piece of csvPieces(file)) {
        const before = row;
        const body = isHeader ? afterFirstRecord(piece) : piece;
        isHeader = false;
        readPiece(body, table);
        const values = new Map<string, SourceValues>();
        for (const { name, position } of columns) {
          const read = readers.get(position)?.finish();
          if (read !== undefined) values.set(name, read);
        }
        if (row > before) yield { rows: row - before, columns: values };
      }
    },
  };
}

/** What the first rows of a file say about it. */
interface Sample {
  readonly delimiter: string;
  readonly header: boolean;
  readonly first: CsvRecord;
  readonly width: number;
  /** Whether most cells of a column that are not missing are no numbers. */
  isText(position: number): boolean;
  /** A cell of a column whose texts are mostly numbers with a decimal comma. */
  decimalComma(position: number): string | undefined;
}

async function sampleOf(file: DataFile, options: SourceOptions, missing: ReadonlySet<string>): Promise<Sample> {
  const { path } = file;
  let delimiter = options.delimiter === undefined ? undefined : checkedDelimiter(path, options.delimiter);
  const counts: ColumnCounts[] = [];
  let bytes = 0;
  let first: CsvRecord | undefined;
  let later = 0;
  for await (const piece of csvPieces(file)) {
    delimiter ??= guessedDelimiter(piece.bytes);
    for (const record of csvRecords(piece, delimiter, path, SAMPLED + 1 - later)) {
      if (first === undefined) first = record;
      else {
        count(counts, record.cells, missing);
        later++;
      }
    }
    bytes += piece.bytes.length;
    if (later >= SAMPLED || bytes > SAMPLED_BYTES) break;
  }
  if (first === undefined || delimiter === undefined) throw new InputError(path, "has nothing but empty lines");
  const kinds = first.cells.map((cell) => cellKind(cell, missing));
  const hasNumber = kinds.includes("number");
  const header =
    options.header ?? (isNamed(first.cells, options) || (!hasNumber && (later === 0 || counts.some(hasNumbers))));
  if (header && later === 0) throw new InputError(path, "has a header and no rows");
  if (!header) count(counts, first.cells, missing);
  return {
    delimiter,
    header,
    first,
    width: first.cells.length,
    isText: (position) => {
      const { numbers = 0, texts = 0 } = counts[position] ?? {};
      return texts > numbers;
    },
    decimalComma: (position) => {
      const { texts = 0, commas = 0, comma } = counts[position] ?? {};
      return commas * 2 > texts ? comma : undefined;
    },
  };
}

/** Whether the first row has all names that are asked for; names that are numbers alone say nothing. */
function isNamed(cells: readonly string[], { columns = [], textColumns = [] }: SourceOptions): boolean {
  const names = new Set(cells.map((cell) => cell.trim()));
  const asked = [...columns, ...textColumns];
  return asked.every((name) => names.has(name)) && asked.some((name) => !/^\d+$/.test(name));
}

/** What the cells of a column look like. */
interface ColumnCounts {
  numbers: number;
  texts: number;
  commas: number;
  /** One with a decimal comma. */
  comma?: string;
}

function count(counts: ColumnCounts[], cells: readonly string[], missing: ReadonlySet<string>): void {
  for (const [position, cell] of cells.entries()) {
    const column = (counts[position] ??= { numbers: 0, texts: 0, commas: 0 });
    const kind = cellKind(cell, missing);
    if (kind === "number") column.numbers++;
    else if (kind === "text") {
      column.texts++;
      if (hasDecimalComma(cell)) {
        column.commas++;
        column.comma ??= cell.trim();
      }
    }
  }
}

function hasNumbers(column: ColumnCounts | undefined): boolean {
  return column !== undefined && column.numbers > 0;
}

function checkedDelimiter(path: string, delimiter: string): string {
  // oxlint-disable-next-line no-control-regex -- a tab is one
  if (/^[\u0001-\u007f]$/.test(delimiter) && !/["\r\n]/.test(delimiter)) return delimiter;
  throw new InputError(
    path,
    `cannot be read with the delimiter "${delimiter}"`,
    "it is one character of ASCII, as , ; or a tab",
  );
}

function counted(cells: number): string {
  return cells === 1 ? "1 cell" : `${cells} cells`;
}

function shortened(cell: string): string {
  return cell.length > SHOWN ? `${cell.slice(0, SHOWN)}...` : cell;
}
