import { isUtf8 } from "node:buffer";
import { InputError } from "../../../graph/errors.js";
import { type DataFile, streamBytes } from "./data-file.js";

/** Whole records of a CSV file that follow each other. */
export interface CsvPiece {
  readonly bytes: Buffer;
  /** The line, from 1, that it begins with. */
  readonly line: number;
  /** Whether any cell of it may be quoted. */
  readonly quoted: boolean;
}

const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;
/** More bytes than a record has, unless a quote was opened and not closed. */
const LONGEST_RECORD = 1 << 24;

/**
 * A CSV file cut at ends of records, about a megabyte at a time. A line ends with LF, CR LF or CR, as editors count; within quotes it does
 * not end a record.
 * @throws InputError for what is no UTF-8 text
 */
export async function* csvPieces({ path, content }: DataFile): AsyncGenerator<CsvPiece> {
  let rest: Buffer = Buffer.alloc(0);
  let line = 1;
  let isFirst = true;
  const piece = (bytes: Buffer): CsvPiece => {
    checkText(bytes, path, line);
    const result = { bytes, line, quoted: bytes.includes(QUOTE) };
    line += lineEnds(bytes, bytes.length);
    return result;
  };
  for await (const part of streamBytes(content, path)) {
    let bytes =
      rest.length === 0 ? Buffer.from(part.buffer, part.byteOffset, part.length) : Buffer.concat([rest, part]);
    if (isFirst) {
      // A mark may come in bits only where a stream gives fewer than three bytes.
      if (bytes.length < 3) {
        rest = bytes;
        continue;
      }
      bytes = withoutByteOrderMark(bytes, path);
      isFirst = false;
    }
    const end = bytes.length > LONGEST_RECORD ? bytes.length : lastRecordEnd(bytes);
    rest = bytes.subarray(end);
    if (end > 0) yield piece(bytes.subarray(0, end));
  }
  if (rest.length > 0) yield piece(rest);
}

function withoutByteOrderMark(bytes: Buffer, path: string): Buffer {
  const [first, second, third] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw new InputError(path, "is UTF-16 text", "save it as UTF-8");
  }
  return first === 0xef && second === 0xbb && third === 0xbf ? bytes.subarray(3) : bytes;
}

/** After the last end of a line that is not within quotes; 0 where there is none. */
function lastRecordEnd(bytes: Buffer): number {
  let isQuoted = isOdd(bytes);
  for (let index = bytes.length - 1; index >= 0; index--) {
    const byte = bytes[index];
    if (byte === QUOTE) isQuoted = !isQuoted;
    // Of a CR that comes last, it is not known whether LF follows.
    else if (!isQuoted && (byte === LF || (byte === CR && index + 1 < bytes.length && bytes[index + 1] !== LF)))
      return index + 1;
  }
  return 0;
}

/** Whether the number of quotes is odd: then the end lies within quotes. */
function isOdd(bytes: Buffer): boolean {
  if (!bytes.includes(QUOTE)) return false;
  let odd = false;
  for (let index = 0; index < bytes.length; index++) if (bytes[index] === QUOTE) odd = !odd;
  return odd;
}

/** What follows the first record of a piece, and the empty lines before it. */
export function afterFirstRecord({ bytes, line }: CsvPiece): CsvPiece {
  let isQuoted = false;
  let isEmpty = true;
  let end = 0;
  for (; end < bytes.length; end++) {
    const byte = bytes[end];
    const isLineEnd = !isQuoted && (byte === LF || byte === CR);
    if (isLineEnd && !isEmpty) break;
    if (!isLineEnd) isEmpty = false;
    if (byte === QUOTE) isQuoted = !isQuoted;
  }
  end += bytes[end] === CR && bytes[end + 1] === LF ? 2 : 1;
  const rest = bytes.subarray(end);
  return { bytes: rest, line: line + lineEnds(bytes, end), quoted: rest.includes(QUOTE) };
}

/** How many lines end in the first `length` bytes. */
export function lineEnds(bytes: Uint8Array, length: number): number {
  let count = 0;
  for (let index = 0; index < length; index++) {
    const byte = bytes[index];
    if (byte === LF || (byte === CR && bytes[index + 1] !== LF)) count++;
  }
  return count;
}

function checkText(bytes: Buffer, path: string, line: number): void {
  const zero = bytes.indexOf(0);
  if (zero !== -1)
    throw new InputError(`${path}, line ${line + lineEnds(bytes, zero)}`, "holds a zero byte: it is no text");
  if (isUtf8(bytes)) return;
  // The first line that is at fault.
  let start = 0;
  for (let end = bytes.indexOf(LF); end !== -1 && isUtf8(bytes.subarray(start, end)); end = bytes.indexOf(LF, start)) {
    start = end + 1;
  }
  throw new InputError(`${path}, line ${line + lineEnds(bytes, start)}`, "is not UTF-8 text", "save the file as UTF-8");
}
