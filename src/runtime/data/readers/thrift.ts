/**
 * Thrift's compact protocol, in which Parquet writes its footer and page headers: read only as far as it takes to know that a full
 * reader can safely read it (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
 */

/** The fields of a struct by number: integers and structs, of other values nothing. */
export type ThriftStruct = ReadonlyMap<number, number | boolean | ThriftStruct>;

/** What is no struct, or no reasonable one. */
export class ThriftError extends Error {}

/** Parquet nests no deeper than 7. */
const DEEPEST = 16;
/** Structs in all: a reader makes an object of each. */
const MOST_STRUCTS = 1 << 20;

/**
 * The struct that begins at `offset`.
 * @returns its fields, and where it ends
 * @throws ThriftError for bytes that end too early, integers or lists that are too long, structs too deep or too many
 */
export function readThrift(bytes: Uint8Array, offset: number): { readonly fields: ThriftStruct; readonly end: number } {
  const cursor: Cursor = { bytes, offset, structs: 0 };
  return { fields: readStruct(cursor, 0), end: cursor.offset };
}

interface Cursor {
  readonly bytes: Uint8Array;
  offset: number;
  structs: number;
}

function readStruct(cursor: Cursor, depth: number): ThriftStruct {
  if (depth > DEEPEST || ++cursor.structs > MOST_STRUCTS) throw new ThriftError("is nested too deep or too large");
  const fields = new Map<number, number | boolean | ThriftStruct>();
  let field = 0;
  for (;;) {
    const lead = nextByte(cursor);
    if ((lead & 15) === 0) return fields;
    field = lead >> 4 === 0 ? zigzag(varint(cursor)) : field + (lead >> 4);
    const value = readValue(cursor, lead & 15, depth);
    if (value !== undefined) fields.set(field, value);
  }
}

function readValue(cursor: Cursor, type: number, depth: number): number | boolean | ThriftStruct | undefined {
  switch (type) {
    case 1:
      return true;
    case 2:
      return false;
    case 3:
      return nextByte(cursor);
    case 4:
    case 5:
    case 6:
      return zigzag(varint(cursor));
    case 7:
      return skip(cursor, 8);
    case 8:
      return skip(cursor, varint(cursor));
    case 9:
      return skipList(cursor, depth);
    case 12:
      return readStruct(cursor, depth + 1);
    default:
      throw new ThriftError("holds a value of an unknown type");
  }
}

function skipList(cursor: Cursor, depth: number): undefined {
  const lead = nextByte(cursor);
  const length = lead >> 4 === 15 ? varint(cursor) : lead >> 4;
  const type = lead & 15;
  // Every element has at least a byte.
  if (length > cursor.bytes.length - cursor.offset) throw new ThriftError("declares a list that is too long");
  for (let index = 0; index < length; index++) {
    if (type === 1 || type === 2) skip(cursor, 1);
    else readValue(cursor, type, depth);
  }
  return undefined;
}

function skip(cursor: Cursor, length: number): undefined {
  if (length > cursor.bytes.length - cursor.offset) throw new ThriftError("ends too early");
  cursor.offset += length;
  return undefined;
}

function nextByte(cursor: Cursor): number {
  const byte = cursor.bytes[cursor.offset++];
  if (byte === undefined) throw new ThriftError("ends too early");
  return byte;
}

/** An integer of 7 bits in each byte, the lowest first; 64 bits take ten. Beyond 2^53 it is rounded. */
function varint(cursor: Cursor): number {
  let value = 0;
  for (let index = 0; index < 10; index++) {
    const byte = nextByte(cursor);
    value += (byte & 127) * 2 ** (7 * index);
    if (byte < 128) return value;
  }
  throw new ThriftError("holds an integer of more than 64 bits");
}

function zigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
