import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { CompressionCodec } from "hyparquet";
import { compressors, decompressZstd } from "hyparquet-compressors";
import { withinTime } from "./time-limit.js";
import { readThrift, type ThriftStruct } from "./thrift.js";

/** What is known of a column's values in one row group. */
export interface ColumnChunk {
  readonly codec: CompressionCodec;
  /** Values, missing ones included. */
  readonly values: number;
  /** Levels of optional and repeated fields on the way to a value. */
  readonly definition: number;
  readonly repetition: number;
  /** Whether values are booleans: their runs have no width written before them. */
  readonly boolean: boolean;
  /** Bytes that all pages together may have, unpacked. */
  readonly mostBytes: number;
}

/** A page that cannot be what it says it is. */
export class PageError extends Error {}

/** Writers aim at a megabyte. */
const LARGEST_PAGE = 1 << 28;
const MOST_MINIBLOCKS = 1 << 12;
const LARGEST_BLOCK = 1 << 20;

const PAGE = { data: 0, dictionary: 2, data2: 3 };
const ENCODING = { dictionary: 2, runs: 3, delta: 5, deltaLength: 6, deltaText: 7, dictionary2: 8 };

/**
 * Goes through the pages of a column in one row group and unpacks them, before they are decoded by a library that believes them: no page
 * may declare more than there is, nor repeat a value more often than there are values.
 * @returns what was compressed, unpacked, in order
 * @throws PageError or an error of a decompressor
 */
export function unpackedPages(bytes: Uint8Array, column: ColumnChunk): readonly Uint8Array[] {
  const unpacked: Uint8Array[] = [];
  let offset = 0;
  let seen = 0;
  let total = 0;
  // A last byte alone is no page: the decoding library stops there, too.
  while (offset < bytes.length - 1 && (column.repetition > 0 || seen < column.values)) {
    const { fields, end } = readThrift(bytes, offset);
    const size = integer(fields, 2);
    const packedSize = integer(fields, 3);
    if (packedSize > bytes.length - end) throw new PageError("a page ends after its column");
    if (size > LARGEST_PAGE) throw new PageError(`a page declares ${size} bytes, which is too many`);
    total += size;
    if (total > column.mostBytes) throw new PageError(`its pages declare more than ${column.mostBytes} bytes`);
    const packed = bytes.subarray(end, end + packedSize);
    offset = end + packedSize;
    const unpack = (part: Uint8Array, length: number): Uint8Array => {
      const whole = decompressed(part, length, column.codec);
      if (whole.length !== length) throw new PageError("a page is not as long as it declares");
      if (column.codec !== "UNCOMPRESSED") unpacked.push(whole);
      return whole;
    };
    switch (integer(fields, 1)) {
      case PAGE.dictionary:
        if (integer(struct(fields, 7), 1) > unpack(packed, size).length) {
          throw new PageError("a dictionary declares more values than it has bytes");
        }
        break;
      case PAGE.data:
        seen += checkPage(unpack(packed, size), struct(fields, 5), column, column.values - seen);
        break;
      case PAGE.data2:
        seen += checkPage2(packed, size, struct(fields, 8), column, column.values - seen, unpack);
        break;
      default:
        throw new PageError("a page is of an unknown kind");
    }
  }
  return unpacked;
}

/** A data page of the first version: levels and values are compressed together. */
function checkPage(page: Uint8Array, header: ThriftStruct, column: ColumnChunk, most: number): number {
  const count = countOf(header, most);
  let offset = 0;
  let nulls = 0;
  if (column.repetition > 0) {
    checkRuns(page, offset + 4, count, widthOf(column.repetition));
    offset += 4 + integerAt(page, offset);
  }
  if (column.definition > 0) {
    nulls = count - checkRuns(page, offset + 4, count, widthOf(column.definition), column.definition);
    offset += 4 + integerAt(page, offset);
  }
  checkValues(page.subarray(offset), integer(header, 2), count - nulls, column);
  return count;
}

/** A data page of the second version: its levels lie uncompressed before its values. */
function checkPage2(
  packed: Uint8Array,
  size: number,
  header: ThriftStruct,
  column: ColumnChunk,
  most: number,
  unpack: (part: Uint8Array, length: number) => Uint8Array,
): number {
  const count = countOf(header, most);
  const nulls = integer(header, 2);
  const definitions = integer(header, 5);
  const repetitions = integer(header, 6);
  const levels = definitions + repetitions;
  if (nulls > count || levels > Math.min(packed.length, size)) throw new PageError("a page declares more than it has");
  if (column.repetition > 0) checkRuns(packed, 0, count, widthOf(column.repetition));
  if (column.definition > 0) checkRuns(packed, repetitions, count, widthOf(column.definition));
  const part = packed.subarray(levels);
  const values = header.get(7) === false ? part : unpack(part, size - levels);
  checkValues(values, integer(header, 4), count - nulls, column);
  return count;
}

function countOf(header: ThriftStruct, most: number): number {
  const count = integer(header, 1);
  if (count > most) throw new PageError("its pages hold more values than it declares");
  return count;
}

function checkValues(values: Uint8Array, encoding: number, count: number, column: ColumnChunk): void {
  if (count === 0) return;
  switch (encoding) {
    case ENCODING.dictionary:
    case ENCODING.dictionary2: {
      const width = values[0] ?? 0;
      if (width > 32) throw new PageError("a page has places in a dictionary of more than 32 bits");
      // Without bits all are the first entry, and no runs are needed.
      if (width > 0) checkRuns(values, 1, count, width);
      break;
    }
    case ENCODING.runs:
      if (!column.boolean) throw new PageError("a page has runs of what is not boolean");
      checkRuns(values, 4, count, 1);
      break;
    case ENCODING.delta:
    case ENCODING.deltaLength:
      checkDeltas(values, 0, count);
      break;
    case ENCODING.deltaText: {
      const prefixes = checkDeltas(values, 0, count);
      const suffixes = checkDeltas(values, prefixes.end, count);
      // Each value repeats the start of the one before: little bytes can stand for very many.
      if (prefixes.sum + suffixes.sum > LARGEST_PAGE) throw new PageError("a page stands for too many bytes of text");
      break;
    }
    default:
  }
}

/**
 * Checks values in runs (Parquet's RLE and bit-packing hybrid).
 * @returns how many of the first `count` are `wanted`
 */
function checkRuns(bytes: Uint8Array, start: number, count: number, width: number, wanted = -1): number {
  const valueBytes = Math.ceil(width / 8);
  let offset = start;
  let seen = 0;
  let found = 0;
  while (seen < count) {
    const { value: header, end } = varint(bytes, offset, 5);
    const length = Math.floor(header / 2);
    if (header % 2 === 0) {
      if (length > count - seen) throw new PageError("a page repeats a value more often than it has values");
      if (end + valueBytes > bytes.length) throw new PageError("a page ends too early");
      let value = 0;
      for (let index = 0; index < valueBytes; index++) value += (bytes[end + index] ?? 0) * 256 ** index;
      if (value === wanted) found += length;
      seen += length;
      offset = end + valueBytes;
    } else {
      // Some writers leave out the last bytes where they hold nothing.
      if ((length - 1) * width > bytes.length - end) throw new PageError("a page ends too early");
      const values = Math.min(length * 8, count - seen);
      if (wanted >= 0) found += countPacked(bytes, end, values, width, wanted);
      seen += values;
      offset = end + length * width;
    }
  }
  return found;
}

/** Of values of a few bits each, the lowest bits first, how many are `wanted`. */
function countPacked(bytes: Uint8Array, start: number, count: number, width: number, wanted: number): number {
  let found = 0;
  for (let index = 0, bit = 0; index < count; index++, bit += width) {
    const at = start + (bit >> 3);
    const pair = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    if (((pair >> (bit & 7)) & ((1 << width) - 1)) === wanted) found++;
  }
  return found;
}

/**
 * Checks numbers written as differences (Parquet's DELTA_BINARY_PACKED).
 * @returns where they end, and their sum as 32-bit integers
 */
function checkDeltas(bytes: Uint8Array, start: number, count: number): { readonly end: number; readonly sum: number } {
  const block = varint(bytes, start);
  const miniblocks = varint(bytes, block.end);
  const total = varint(bytes, miniblocks.end);
  const first = varint(bytes, total.end);
  if (
    block.value > LARGEST_BLOCK ||
    miniblocks.value > MOST_MINIBLOCKS ||
    block.value % (miniblocks.value * 32) !== 0
  ) {
    throw new PageError("a page has differences in blocks that cannot be");
  }
  const perMiniblock = block.value / miniblocks.value;
  let value = zigzag32(first.value);
  let sum = Math.abs(value);
  let offset = first.end;
  for (let seen = 1; seen < count;) {
    const least = varint(bytes, offset);
    const smallest = zigzag32(least.value);
    offset = least.end + miniblocks.value;
    for (let index = 0; index < miniblocks.value && seen < count; index++) {
      const width = bytes[least.end + index];
      if (width === undefined || width > 64) throw new PageError("a page has differences of too many bits");
      const wanted = Math.min(perMiniblock, count - seen);
      if (Math.ceil((wanted * width) / 8) > bytes.length - offset) throw new PageError("a page ends too early");
      for (let at = 0; at < wanted; at++) {
        value = (value + smallest + lowBits(bytes, offset * 8 + at * width, width)) | 0;
        sum += Math.abs(value);
      }
      seen += wanted;
      offset += (perMiniblock * width) / 8;
    }
  }
  return { end: offset, sum };
}

/** The lowest 32 of `width` bits. */
function lowBits(bytes: Uint8Array, bit: number, width: number): number {
  let value = 0;
  for (let done = 0; done < Math.min(width, 32);) {
    const shift = (bit + done) % 8;
    value += ((bytes[Math.floor((bit + done) / 8)] ?? 0) >> shift) * 2 ** done;
    done += 8 - shift;
  }
  return width >= 32 ? value % 2 ** 32 : value % 2 ** width;
}

/**
 * What is written in JavaScript is stopped when it takes too long: damaged bytes send its Zstandard round for ever (a
 * table of weights without bits) and its LZ4 back to where it was (a negative length). The others are bounded.
 */
function decompressed(bytes: Uint8Array, length: number, codec: CompressionCodec): Uint8Array {
  if (length === 0) return new Uint8Array(0);
  switch (codec) {
    case "UNCOMPRESSED":
      return bytes;
    case "GZIP":
      return gunzipSync(bytes, { maxOutputLength: length });
    case "BROTLI":
      return brotliDecompressSync(bytes, { maxOutputLength: length });
    case "ZSTD":
      return withinTime(timeFor(length), () => decompressZstd(bytes, new Uint8Array(length)));
    case "SNAPPY":
    case "LZ4":
    case "LZ4_RAW":
    case "LZO": {
      const decompress = compressors[codec];
      if (decompress === undefined) throw new PageError(`it is compressed by ${codec}, which cannot be read`);
      return codec === "SNAPPY"
        ? decompress(bytes, length)
        : withinTime(timeFor(length), () => decompress(bytes, length));
    }
  }
}

/** Milliseconds: a hundred times what unpacking takes. */
function timeFor(length: number): number {
  return 2000 + Math.ceil(length / 1000);
}

function varint(bytes: Uint8Array, start: number, longest = 10): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let index = 0; index < longest; index++) {
    const byte = bytes[start + index];
    if (byte === undefined) throw new PageError("a page ends too early");
    value += (byte & 127) * 2 ** (7 * index);
    // The decoding library takes the header of a run as a signed 32-bit integer.
    if (byte < 128 && (longest > 5 || value < 2 ** 31)) return { value, end: start + index + 1 };
  }
  throw new PageError("a page holds an integer that is too long");
}

function zigzag32(value: number): number {
  return (value % 2 === 0 ? value / 2 : -(value + 1) / 2) | 0;
}

function widthOf(level: number): number {
  return 32 - Math.clz32(level);
}

function integerAt(bytes: Uint8Array, offset: number): number {
  if (offset + 4 > bytes.length) throw new PageError("a page ends too early");
  return new DataView(bytes.buffer, bytes.byteOffset + offset, 4).getUint32(0, true);
}

/** A field that must be there and not be negative. */
function integer(fields: ThriftStruct, field: number): number {
  const value = fields.get(field);
  if (typeof value !== "number" || value < 0) throw new PageError("a page has a header that cannot be");
  return value;
}

function struct(fields: ThriftStruct, field: number): ThriftStruct {
  const value = fields.get(field);
  if (typeof value !== "object") throw new PageError("a page has a header that cannot be");
  return value;
}
