import { isUtf8 } from "node:buffer";
import { endianness } from "node:os";
import { fromFloat16 } from "../../../graph/half-precision.js";
import type { SourceColumn, SourceValues } from "../source.js";

/** How the elements of an array lie in a file, and what they are read as. */
export interface ElementType {
  /** Bytes of one element. */
  readonly size: number;
  readonly kind: SourceColumn["kind"];
  /**
   * The elements in some bytes, which are the callee's to keep and lie at the start of their buffer.
   * @throws NoSuchValue for an element that the kind cannot hold
   */
  decode(bytes: Uint8Array): SourceValues;
}

/** An element that cannot be read: the reader adds file and row. */
export class NoSuchValue extends Error {
  /** @param element its number, from 0, in the bytes given */
  constructor(
    readonly element: number,
    readonly what: string,
  ) {
    super(what);
  }
}

/** Types of numbers by NumPy's kind and size: "f4", "i8". */
export type NumberCode = "b1" | "i1" | "u1" | "i2" | "u2" | "i4" | "u4" | "i8" | "u8" | "f2" | "f4" | "f8";

/**
 * Numbers come as float32 or float64, whichever holds all values of the type; unsigned bytes as they are; 64-bit integers as float64
 * where all in a chunk are safe integers, else as int64. A boolean is 0 or 1 in float32: uint8 is kept for bytes of images.
 */
export function numberType(code: NumberCode, order: "little" | "big"): ElementType {
  const size = Number(code[1]);
  const native = (bytes: Uint8Array): ArrayBuffer => aligned(swapped(bytes, size, order));
  const float32 = (decode: (buffer: ArrayBuffer) => ArrayLike<number>): ElementType => ({
    size,
    kind: "float32",
    decode: (bytes) => ({ kind: "float32", values: Float32Array.from(decode(native(bytes))) }),
  });
  const float64 = (decode: (buffer: ArrayBuffer) => ArrayLike<number>): ElementType => ({
    size,
    kind: "float64",
    decode: (bytes) => ({ kind: "float64", values: Float64Array.from(decode(native(bytes))) }),
  });
  switch (code) {
    case "b1":
      return float32((buffer) => new Uint8Array(buffer).map((value) => (value === 0 ? 0 : 1)));
    case "i1":
      return float32((buffer) => new Int8Array(buffer));
    case "u1":
      return { size, kind: "uint8", decode: (bytes) => ({ kind: "uint8", values: bytes }) };
    case "i2":
      return float32((buffer) => new Int16Array(buffer));
    case "u2":
      return float32((buffer) => new Uint16Array(buffer));
    case "i4":
      return float64((buffer) => new Int32Array(buffer));
    case "u4":
      return float64((buffer) => new Uint32Array(buffer));
    case "i8":
      return { size, kind: "int64", decode: (bytes) => safeIntegers(new BigInt64Array(native(bytes))) };
    case "u8":
      return { size, kind: "int64", decode: (bytes) => safeIntegers(signed(new BigUint64Array(native(bytes)))) };
    case "f2":
      return float32((buffer) => Float32Array.from(new Uint16Array(buffer), fromFloat16));
    case "f4":
      return {
        size,
        kind: "float32",
        decode: (bytes) => ({ kind: "float32", values: new Float32Array(native(bytes)) }),
      };
    case "f8":
      return {
        size,
        kind: "float64",
        decode: (bytes) => ({ kind: "float64", values: new Float64Array(native(bytes)) }),
      };
  }
}

/** Text of a fixed number of UTF-32 characters, filled up with zeros: NumPy's "U". An empty text is missing. */
export function utf32Type(characters: number, order: "little" | "big"): ElementType {
  return textType(characters * 4, (bytes, start) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, characters * 4);
    let text = "";
    let zeros = "";
    for (let index = 0; index < characters; index++) {
      const point = view.getUint32(index * 4, order === "little");
      if (point > 0x10ffff) return undefined;
      if (point === 0) zeros += "\0";
      else {
        text += zeros + String.fromCodePoint(point);
        zeros = "";
      }
    }
    return text;
  });
}

/** Text of a fixed number of bytes, filled up with zeros: NumPy's "S". It must be UTF-8. An empty text is missing. */
export function bytesType(size: number): ElementType {
  return textType(size, (bytes, start) => {
    let end = start + size;
    while (end > start && bytes[end - 1] === 0) end--;
    const content = bytes.subarray(start, end);
    return isUtf8(content) ? Buffer.from(content).toString("utf8") : undefined;
  });
}

function textType(size: number, decode: (bytes: Uint8Array, start: number) => string | undefined): ElementType {
  return {
    size,
    kind: "text",
    decode: (bytes) => {
      const values: (string | undefined)[] = [];
      for (let start = 0; start < bytes.length; start += size) {
        const text = decode(bytes, start);
        if (text === undefined) throw new NoSuchValue(values.length, "holds bytes that are no Unicode text");
        values.push(text === "" ? undefined : text);
      }
      return { kind: "text", values };
    },
  };
}

/** Exchanges the bytes of each element in place, where the machine has the other order. */
function swapped(bytes: Uint8Array, size: number, order: "little" | "big"): Uint8Array {
  if (size === 1 || (order === "little") === (endianness() === "LE")) return bytes;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (size === 2) buffer.swap16();
  else if (size === 4) buffer.swap32();
  else buffer.swap64();
  return bytes;
}

function aligned(bytes: Uint8Array): ArrayBuffer {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer && bytes.byteOffset === 0 && bytes.length === buffer.byteLength
    ? buffer
    : bytes.slice().buffer;
}

/** As float64 where that loses nothing. */
export function safeIntegers(values: BigInt64Array): SourceValues {
  const numbers = new Float64Array(values.length);
  for (let index = 0; index < values.length; index++) {
    const number = Number(values[index]);
    if (!Number.isSafeInteger(number)) return { kind: "int64", values };
    numbers[index] = number;
  }
  return { kind: "float64", values: numbers };
}

function signed(values: BigUint64Array): BigInt64Array {
  const wrong = values.findIndex((value) => value > 0x7fff_ffff_ffff_ffffn);
  if (wrong !== -1) throw new NoSuchValue(wrong, `holds ${values[wrong]}, which is too large for a 64-bit integer`);
  return new BigInt64Array(values.buffer, values.byteOffset, values.length);
}
