import { InputError } from "../../../graph/errors.js";
import { type ByteReader, byteReader } from "./byte-reader.js";
import { chooseColumns } from "./choose-columns.js";
import { type StoredBytes, streamBytes } from "./data-file.js";
import { bytesType, type ElementType, type NumberCode, numberType, utf32Type } from "./element-types.js";
import type { DataFormat } from "./options.js";
import { arraySource, checkedShape, type StoredArray } from "./stored-array.js";

/** "\x93NUMPY" */
const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);
/** NumPy itself refuses headers of more than 10,000 bytes, unless told otherwise. */
const LONGEST_HEADER = 1 << 16;
const AS_NUMBERS = "save it as an array of numbers or of text";

/**
 * NumPy's array files, one array in each (numpy/lib/format.py: versions 1.0 to 3.0): the first axis is the rows, the one column is
 * called "data". All real numbers and booleans of both byte orders, text of fixed width; row-major or Fortran's order.
 */
export const npyFormat: DataFormat = {
  name: "npy",
  title: "NPY",
  named: (name) => name.endsWith(".npy"),
  recognizes: isNpy,
  async open({ path, content }, { columns }) {
    const array = await npyArray(content, "data", path);
    chooseColumns(path, [array.column], columns);
    return arraySource(path, [array]);
  },
};

function isNpy(head: Uint8Array): boolean {
  return MAGIC.every((byte, index) => head[index] === byte);
}

/**
 * What the header of an NPY file says, checked.
 * @param where what an error message names
 * @throws InputError for what is no NPY file, holds what is neither number nor text, or is shorter or longer than it says
 */
export async function npyArray(stored: StoredBytes, name: string, where: string): Promise<StoredArray> {
  const reader = byteReader(streamBytes(stored, where), where);
  try {
    const { header, start } = await readHeader(reader, where);
    const type = elementType(header, where);
    const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(header)?.[1];
    if (order === undefined) throw damaged(where, "in which order its elements lie");
    const { rows, shape } = checkedShape(where, shapeOf(header, where), type, stored, start);
    const trailing = "save one array in each file, or several as .npz";
    return {
      column: { name, kind: type.kind, shape },
      where,
      type,
      rows,
      stored,
      start,
      firstAxisFastest: order === "True",
      trailing,
    };
  } finally {
    await reader.close();
  }
}

async function readHeader(
  reader: ByteReader,
  where: string,
): Promise<{ readonly header: string; readonly start: number }> {
  const lead = await reader.take(8);
  if (!isNpy(lead)) throw new InputError(where, "is no NPY file: it does not begin as one");
  const [major = 0, minor = 0] = lead.subarray(6);
  if (major < 1 || major > 3) {
    throw new InputError(where, `is an NPY file of version ${major}.${minor}, which is not known`, "save it anew");
  }
  const lengthBytes = await reader.take(major === 1 ? 2 : 4);
  const length = Buffer.from(lengthBytes).readUIntLE(0, lengthBytes.length);
  if (length > LONGEST_HEADER) throw new InputError(where, `declares a header of ${length} bytes, which is too long`);
  const header = Buffer.from(await reader.take(length)).toString(major === 3 ? "utf8" : "latin1");
  return { header, start: lead.length + lengthBytes.length + length };
}

function elementType(header: string, where: string): ElementType {
  const code = /['"]descr['"]\s*:\s*(['"])([^'"]*)\1/.exec(header)?.[2];
  if (code === undefined) {
    if (/['"]descr['"]\s*:\s*[[(]/.test(header)) {
      throw new InputError(
        where,
        "holds records of several fields",
        "save each field as an array of its own in an .npz file",
      );
    }
    throw damaged(where, "what its elements are");
  }
  // Dates have their unit behind, in brackets.
  const [, sign = "", kind = "", digits = ""] = /^([<>|=]?)([a-zA-Z])(\d*)(?:\[.*\])?$/.exec(code) ?? [];
  const order = sign === ">" ? "big" : "little";
  const size = Number(digits);
  if (kind === "U" && size > 0) return utf32Type(size, order);
  if (kind === "S" && size > 0) return bytesType(size);
  const number = numberCode(kind + digits);
  if (number !== undefined) return numberType(number, order);
  const what = UNREADABLE[kind] ?? `elements of the type "${code}"`;
  throw new InputError(where, `holds ${what}, which cannot be read`, AS_NUMBERS);
}

const UNREADABLE: Readonly<Record<string, string>> = {
  O: "Python objects",
  c: "complex numbers",
  M: "dates",
  m: "spans of time",
  V: "raw bytes",
  f: "floating-point numbers of more than 64 bits",
  U: "text without characters",
  S: "text without characters",
};

const NUMBER_CODES: readonly NumberCode[] = ["b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"];

function numberCode(code: string): NumberCode | undefined {
  return NUMBER_CODES.find((each) => each === code);
}

function shapeOf(header: string, where: string): readonly number[] {
  const text = /['"]shape['"]\s*:\s*\(([\s\dL,]*)\)/.exec(header)?.[1];
  if (text === undefined) throw damaged(where, "its shape");
  // Python 2 wrote long integers as 3L; a tuple of one has a comma after it.
  const lengths = text
    .split(",")
    .map((length) => length.trim().replace(/L$/, ""))
    .filter((length) => length !== "");
  if (!lengths.every((length) => /^\d+$/.test(length))) throw damaged(where, "its shape");
  return lengths.map(Number);
}

function damaged(where: string, what: string): InputError {
  return new InputError(where, `is damaged: its header does not say ${what}`, "save it anew");
}
