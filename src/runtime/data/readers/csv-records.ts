import { CsvError, parse } from "csv-parse/sync";
import { InputError } from "../../../graph/errors.js";
import type { CellReader } from "./csv-cells.js";
import { type CsvPiece, lineEnds } from "./csv-pieces.js";

const LF = 0x0a;
const CR = 0x0d;

/** A record of a CSV file. */
export interface CsvRecord {
  /** The line, from 1, that it begins on. */
  readonly line: number;
  readonly cells: readonly string[];
}

/**
 * The records of a piece, at most `most` of them, empty lines left out.
 * @throws InputError naming the line where quotes are not as CSV has them (RFC 4180)
 */
export function csvRecords(piece: CsvPiece, delimiter: string, path: string, most?: number): readonly CsvRecord[] {
  const records: CsvRecord[] = [];
  let line = piece.line;
  for (const cells of parsed(piece, delimiter, path, most)) {
    if (!isEmptyLine(cells)) records.push({ line, cells });
    line++;
    if (piece.quoted) for (const cell of cells) line += lineEndsIn(cell);
  }
  return records;
}

function parsed(piece: CsvPiece, delimiter: string, path: string, most: number | undefined): string[][] {
  try {
    return parse(piece.bytes, {
      delimiter,
      record_delimiter: ["\r\n", "\n", "\r"],
      // Counted by the caller, who knows the line.
      relax_column_count: true,
      ...(most === undefined ? {} : { to: most }),
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const done = typeof error["bytes"] === "number" ? error["bytes"] : 0;
    const line = piece.line + lineEnds(piece.bytes, done);
    throw new InputError(
      `${path}, line ${line}`,
      quoteTrouble(error.code),
      'a quote within a quoted cell is written twice, ""',
    );
  }
}

function quoteTrouble(code: string): string {
  switch (code) {
    case "CSV_QUOTE_NOT_CLOSED":
      return "a quoted cell begins in this line and does not end";
    case "CSV_INVALID_CLOSING_QUOTE":
      return "something follows the closing quote of a cell";
    default:
      return "there is a quote within a cell that does not begin with one";
  }
}

function isEmptyLine(cells: readonly string[]): boolean {
  return cells.length === 1 && cells[0] === "";
}

function lineEndsIn(cell: string): number {
  let count = 0;
  for (let index = 0; index < cell.length; index++) {
    const code = cell.charCodeAt(index);
    if (code === LF || (code === CR && cell.charCodeAt(index + 1) !== LF)) count++;
  }
  return count;
}

/** Where the cells of a table go. */
export interface CsvTable {
  readonly path: string;
  readonly delimiter: string;
  /** By position in a record; undefined for a column that is not asked for. */
  readonly readers: readonly (CellReader | undefined)[];
  /** Called for each row with its line. */
  onRow(line: number): void;
  /** Throws for a row that cannot be taken. */
  refuse(line: number, cells: number, wrong: WrongCell | undefined): never;
}

/** A cell that its column cannot hold. */
export interface WrongCell {
  readonly column: number;
  readonly cell: string;
}

/** Gives every cell of a piece to the reader of its column. */
export function readPiece(piece: CsvPiece, table: CsvTable): void {
  if (piece.quoted) readQuoted(piece, table);
  else readUnquoted(piece, table);
}

function readQuoted(piece: CsvPiece, table: CsvTable): void {
  const { readers } = table;
  for (const { line, cells } of csvRecords(piece, table.delimiter, table.path)) {
    if (cells.length !== readers.length) table.refuse(line, cells.length, undefined);
    for (let column = 0; column < cells.length; column++) {
      const cell = cells[column] ?? "";
      if (readers[column]?.takeText(cell) === false) table.refuse(line, cells.length, { column, cell });
    }
    table.onRow(line);
  }
}

/** Without quotes, delimiters and ends of lines are all there is to find: several times faster, and the same result. */
function readUnquoted({ bytes, line: firstLine }: CsvPiece, table: CsvTable): void {
  const { readers } = table;
  const delimiter = table.delimiter.charCodeAt(0);
  const width = readers.length;
  let line = firstLine;
  let column = 0;
  let start = 0;
  let wrong: WrongCell | undefined;
  for (let index = 0; index <= bytes.length; index++) {
    const byte = index < bytes.length ? bytes[index] : LF;
    const isEnd = byte === LF || byte === CR;
    if (!isEnd && byte !== delimiter) continue;
    if (isEnd && column === 0 && index === start) {
      // An empty line, or the end of a piece that ends with its last line.
      if (index === bytes.length) break;
    } else {
      if (readers[column]?.takeBytes(bytes, start, index) === false) {
        wrong ??= { column, cell: bytes.toString("utf8", start, index) };
      }
      column++;
    }
    if (isEnd) {
      // A row that is too short or too long is the likelier fault, and moves cells into the wrong columns.
      if (column > 0) {
        if (wrong !== undefined || column !== width) table.refuse(line, column, column === width ? wrong : undefined);
        table.onRow(line);
      }
      if (byte === CR && bytes[index + 1] === LF) index++;
      line++;
      column = 0;
    }
    start = index + 1;
  }
}
