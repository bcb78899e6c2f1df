import { isUtf8 } from "node:buffer";
import { BufferReader } from "protobufjs/minimal.js";
import type { ByteRange, ByteSource } from "./bytes.js";
import { InputError } from "./errors.js";

/** The 64 bits of a varint, as protobufjs hands them over. */
export type Long = ReturnType<BufferReader["int64"]>;

/** One field of a message: its number and where (or what) its value is. */
export type Field =
  | {
      readonly kind: "varint";
      readonly number: number;
      readonly start: number;
      readonly end: number;
      readonly value: Long;
    }
  | {
      readonly kind: "fixed32" | "fixed64" | "bytes" | "group" | "group-end";
      readonly number: number;
      readonly start: number;
      readonly end: number;
    };

const WINDOW = 64 * 1024;
/** Tag and length of a field: two varints of at most ten bytes. */
const LONGEST_HEADER = 20;
/** protobuf's own limit in C++ and Python, so that what those tools accept is accepted here. */
const DEEPEST_NESTING = 100;
/**
 * What one model may cost in memory, in units of about 30 bytes: a field costs 1, what it holds as below. Two million
 * messages and 256 MiB of text are far more than in any model that people make; a file made to exhaust memory has more.
 */
const BUDGET = 2 ** 25;
const MESSAGE_COST = 16;
const NUMBER_COST = 2;
const BYTES_PER_UNIT = 8;

/**
 * Walks protobuf messages in a {@link ByteSource} field by field. Values are located, not loaded: a 2 GB payload is
 * stepped over. Every length is checked against its enclosing message before anything is read or allocated.
 */
export class WireReader {
  #reader = new BufferReader(Buffer.alloc(0));
  #windowStart = 0;
  #spent = 0;
  readonly #trail: string[] = [];

  constructor(readonly source: ByteSource) {}

  /**
   * Calls `visit` for each field of the message that lies in [start, end), in file order.
   * `place` names the message in errors.
   */
  message(start: number, end: number, place: string, visit: (field: Field) => void): void {
    if (this.#trail.length >= DEEPEST_NESTING) this.fail(`messages are nested more than ${DEEPEST_NESTING} deep`);
    this.#spend(MESSAGE_COST);
    this.#trail.push(place);
    for (let position = start; position < end;) {
      const field = this.#field(position, end);
      position = field.end;
      visit(field);
    }
    this.#trail.pop();
  }

  /** Throws an error that names the file and the place in it. */
  fail(what: string, remedy?: string): never {
    const place = this.#trail.filter((step) => step !== "").join(".");
    throw new InputError(place === "" ? this.source.label : `${this.source.label}: ${place}`, what, remedy);
  }

  /** A varint as a whole number; negative values are two's complement. */
  integer(field: Field): number {
    const value = toNumber(this.#varint(field));
    if (!Number.isSafeInteger(value)) this.fail(`field ${field.number} holds ${value}, which is out of range`);
    return value;
  }

  /** A varint with all of its 64 bits. */
  bigint(field: Field): bigint {
    return toBigInt(this.#varint(field));
  }

  float(field: Field): number {
    return this.#view(field, "fixed32", 4).getFloat32(0, true);
  }

  /** A copy of a field's bytes. */
  bytes(field: Field): Uint8Array {
    if (field.kind !== "bytes") this.#wrongType(field, "bytes");
    return this.content(field);
  }

  /** A copy of a field's value as it is in the file, whatever its kind. */
  content(field: Field): Uint8Array {
    const length = field.end - field.start;
    this.#spend(MESSAGE_COST + length / BYTES_PER_UNIT);
    const at = this.#require(field.start, length);
    return new Uint8Array(this.#reader.buf.subarray(at, at + length));
  }

  /** A string. Two broken names could become one if what is not UTF-8 were replaced, so it is refused. */
  text(field: Field): string {
    if (field.kind !== "bytes") this.#wrongType(field, "a string");
    const length = field.end - field.start;
    this.#spend(length / BYTES_PER_UNIT);
    const at = this.#require(field.start, length);
    const bytes = Buffer.from(this.#reader.buf.buffer, this.#reader.buf.byteOffset + at, length);
    if (!isUtf8(bytes)) this.fail(`field ${field.number} should hold text, but is not UTF-8`);
    return bytes.toString("utf8");
  }

  /** Where a length-delimited field's value lies, without reading it. */
  range(field: Field): ByteRange {
    if (field.kind !== "bytes") this.#wrongType(field, "bytes");
    return { source: this.source, offset: field.start, length: field.end - field.start };
  }

  /** Adds the values of a repeated int64 field. */
  bigints(field: Field, into: bigint[]): void {
    this.integers(field, (value) => {
      this.#spend(NUMBER_COST);
      into.push(toBigInt(value));
    });
  }

  /** Visits the values of a repeated varint field: packed or one by one, as protobuf readers must accept both. */
  integers(field: Field, visit: (value: Long) => void): void {
    if (field.kind === "varint") {
      visit(field.value);
      return;
    }
    if (field.kind !== "bytes") this.#wrongType(field, "integers");
    for (let position = field.start; position < field.end;) {
      const at = this.#require(position, Math.min(10, field.end - position));
      this.#reader.pos = at;
      visit(this.#int64());
      position += this.#reader.pos - at;
      if (position > field.end) this.fail(`field ${field.number} ends inside a number`);
    }
  }

  /** Adds the values of a repeated float field, packed or one by one. */
  floats(field: Field, into: number[]): void {
    if (field.kind === "fixed32") {
      into.push(this.float(field));
      return;
    }
    const bytes = this.bytes(field);
    if (bytes.length % 4 !== 0) this.fail(`field ${field.number} ends inside a number`);
    this.#spend((bytes.length / 4) * NUMBER_COST);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += 4) into.push(view.getFloat32(at, true));
  }

  #spend(units: number): void {
    this.#spent += units;
    if (this.#spent > BUDGET) this.fail("holds more messages, numbers and text than a model can have");
  }

  /** @param groups the numbers of the groups that the field is in */
  #field(position: number, end: number, groups: readonly number[] = []): Field {
    this.#spend(1);
    const at = this.#require(position, Math.min(LONGEST_HEADER, end - position));
    const reader = this.#reader;
    reader.pos = at;
    const tag = this.#uint32();
    const number = tag >>> 3;
    if (number === 0) this.#noField(position);
    let start = position + reader.pos - at;
    switch (tag & 7) {
      case 0: {
        const value = this.#int64();
        return { kind: "varint", number, start, end: this.#within(position + reader.pos - at, end, number), value };
      }
      case 1:
        return { kind: "fixed64", number, start, end: this.#within(start + 8, end, number) };
      case 2: {
        const { low, high } = this.#int64();
        const length = (high >>> 0) * 2 ** 32 + (low >>> 0);
        start = position + reader.pos - at;
        return { kind: "bytes", number, start, end: this.#within(start + length, end, number) };
      }
      case 3:
        return { kind: "group", number, start, end: this.#groupEnd(start, end, [...groups, number]) };
      case 4:
        if (groups.at(-1) !== number) this.#noField(position);
        return { kind: "group-end", number, start, end: this.#within(start, end, number) };
      case 5:
        return { kind: "fixed32", number, start, end: this.#within(start + 4, end, number) };
      default:
        return this.#noField(position);
    }
  }

  /** ONNX has no groups, but protobuf readers step over whatever fields they do not know. */
  #groupEnd(start: number, end: number, groups: readonly number[]): number {
    if (this.#trail.length + groups.length > DEEPEST_NESTING) {
      this.fail(`messages are nested more than ${DEEPEST_NESTING} deep`);
    }
    for (let position = start; position < end;) {
      const field = this.#field(position, end, groups);
      position = field.end;
      if (field.kind === "group-end") return position;
    }
    return this.fail(`is cut off: the group ${groups.at(-1)} does not end`, "get the whole file");
  }

  #noField(position: number): never {
    return this.fail(`byte ${position} does not begin a protobuf field`, "the file is damaged or not ONNX");
  }

  #within(fieldEnd: number, end: number, number: number): number {
    if (fieldEnd > end) {
      this.fail(`is cut off: field ${number} needs ${fieldEnd - end} more bytes than there are`, "get the whole file");
    }
    return fieldEnd;
  }

  // protobufjs' reads throw errors that speak of its buffer and not of the file.

  #uint32(): number {
    try {
      return this.#reader.uint32();
    } catch {
      return this.#endless();
    }
  }

  #int64(): Long {
    try {
      return this.#reader.int64();
    } catch {
      return this.#endless();
    }
  }

  #endless(): never {
    return this.fail("is cut off or damaged: a number does not end", "get the whole file");
  }

  /** Loads `length` bytes at `position` into the window, and says at which index of it they begin. */
  #require(position: number, length: number): number {
    const at = position - this.#windowStart;
    if (at >= 0 && at + length <= this.#reader.len) return at;
    const wanted = Math.min(Math.max(length, WINDOW), this.source.size - position);
    const bytes = this.source.read(position, Math.max(wanted, length));
    this.#reader = new BufferReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    this.#windowStart = position;
    return 0;
  }

  /** int64() gives signed halves, so negative numbers come out right. */
  #varint(field: Field): Long {
    if (field.kind !== "varint") this.#wrongType(field, "an integer");
    return field.value;
  }

  #view(field: Field, kind: Field["kind"], length: number): DataView {
    if (field.kind !== kind) this.#wrongType(field, "a number");
    const at = this.#require(field.start, length);
    return new DataView(this.#reader.buf.buffer, this.#reader.buf.byteOffset + at, length);
  }

  #wrongType(field: Field, expected: string): never {
    return this.fail(`field ${field.number} should hold ${expected}`, "the file is damaged or not ONNX");
  }
}

function toNumber({ low, high }: Long): number {
  return high * 2 ** 32 + (low >>> 0);
}

function toBigInt({ low, high }: Long): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}
