import { isUtf8 } from "node:buffer";
import { type ByteSource, chunks, fileBytes, memoryBytes } from "../../graph/bytes.js";
import { InputError } from "../../graph/errors.js";
import { elementCount } from "../../graph/tensor.js";
import type { HostTensor, HostType } from "../host-tensor.js";

/** What a checkpoint file holds: tensors of any type but string, and texts, each by name. */
export interface CheckpointContent {
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A safetensors file whose header has been read and found right; tensors are read when they are asked for. */
export interface SafetensorsFile {
  readonly label: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Types and shapes by name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, Pick<HostTensor, "type" | "dims">>;
  /** A copy of a tensor. @throws InputError when there is none of that name, and when the file cannot be read */
  readonly read: (name: string) => HostTensor;
}

/**
 * The types of elements in the order in which the reference writes them: large ones first, so that each is aligned.
 * Within a type tensors are ordered by name.
 */
const storedTypes = [
  { type: "uint64", code: "U64", bytes: 8 },
  { type: "int64", code: "I64", bytes: 8 },
  { type: "float64", code: "F64", bytes: 8 },
  { type: "float32", code: "F32", bytes: 4 },
  { type: "uint32", code: "U32", bytes: 4 },
  { type: "int32", code: "I32", bytes: 4 },
  { type: "float16", code: "F16", bytes: 2 },
  { type: "uint16", code: "U16", bytes: 2 },
  { type: "int16", code: "I16", bytes: 2 },
  { type: "int8", code: "I8", bytes: 1 },
  { type: "uint8", code: "U8", bytes: 1 },
  { type: "bool", code: "BOOL", bytes: 1 },
] as const satisfies readonly { type: HostType; code: string; bytes: number }[];

/** The header's length comes first, as a 64-bit integer. */
const LENGTH_BYTES = 8;
/** Where the tensors begin is a multiple of this. */
const ALIGNMENT = 8;
/** The reference refuses longer headers. */
const LONGEST_HEADER = 100_000_000;
/** The header is an object of objects of lists. */
const DEEPEST_HEADER = 3;
const METADATA = "__metadata__";

/**
 * A safetensors file, piece by piece: byte for byte what the reference (safetensors 0.8) writes, the entries of the
 * metadata sorted by name.
 * @throws InputError for a tensor of strings, for one with more or fewer elements than its shape says, and for texts
 *   that cannot be written
 */
export function* safetensorsBytes({ tensors, metadata }: CheckpointContent): Generator<Uint8Array> {
  const stored = [...tensors].map(([name, tensor]) => storedTensor(name, tensor)).toSorted(byTypeAndName);
  const texts = Object.entries(metadata).toSorted(([a], [b]) => compareTexts(a, b));
  const entries = texts.length === 0 ? [] : [entry(METADATA, `{${texts.map(textEntry).join(",")}}`)];
  let end = 0;
  for (const { name, code, dims, bytes } of stored) {
    const start = end;
    end += bytes.length;
    entries.push(entry(name, JSON.stringify({ dtype: code, shape: dims, data_offsets: [start, end] })));
  }
  // Joined by hand: an object would put names that look like integers first.
  const header = Buffer.from(`{${entries.join(",")}}`);
  const length = Math.ceil(header.length / ALIGNMENT) * ALIGNMENT;
  if (length > LONGEST_HEADER) throw new InputError("the checkpoint", "has more tensors than a safetensors file holds");
  const start = Buffer.alloc(LENGTH_BYTES + length, " ");
  start.writeBigUInt64LE(BigInt(length));
  start.set(header, LENGTH_BYTES);
  yield start;
  for (const { bytes } of stored) yield bytes;
}

/**
 * Opens a safetensors file: its path, or where to read it. Only the header is read; that all tensors lie within the
 * file, beside each other and without gaps, is checked by it.
 * @throws InputError for a file that is damaged, cut short or no safetensors file, and for types of elements that are
 *   not held here (8-bit floats, bfloat16, complex)
 */
export function openSafetensors(input: string | Uint8Array | ByteSource): SafetensorsFile {
  const source = sourceOf(input);
  const { label } = source;
  const { header, dataStart } = readHeader(source);
  const metadata = metadataOf(header.get(METADATA), label);
  const tensors = new Map<string, TensorEntry>();
  for (const [name, value] of header) {
    if (name !== METADATA) tensors.set(name, tensorEntry(value, `${label}: tensor "${name}"`));
  }
  requireCovered(tensors, source.size - dataStart, label);
  return {
    label,
    metadata,
    tensors,
    read(name) {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw new InputError(label, `holds no tensor "${name}"`);
      const bytes = new Uint8Array(tensor.end - tensor.start);
      let position = 0;
      for (const chunk of chunks(source, dataStart + tensor.start, dataStart + tensor.end)) {
        bytes.set(chunk, position);
        position += chunk.length;
      }
      return hostTensor(tensor, bytes.buffer);
    },
  };
}

/** All that a file holds. @throws InputError when it cannot be read */
export function readSafetensors({ tensors, metadata, read }: SafetensorsFile): CheckpointContent {
  return { tensors: new Map([...tensors.keys()].map((name) => [name, read(name)])), metadata };
}

interface StoredTensor {
  readonly name: string;
  readonly order: number;
  readonly code: string;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

function storedTensor(name: string, tensor: HostTensor): StoredTensor {
  const { type, data, dims } = tensor;
  const where = `tensor "${name}"`;
  const order = storedTypes.findIndex((each) => each.type === type);
  const stored = storedTypes[order];
  if (name === METADATA) throw new InputError(where, "has the name under which a safetensors file holds its metadata");
  if (stored === undefined || tensor.type === "string") {
    throw new InputError(where, "holds strings, which a safetensors file cannot");
  }
  if (data.length !== elementCount(dims)) {
    throw new InputError(where, `has ${data.length} elements, by its shape [${dims.join(", ")}] ${elementCount(dims)}`);
  }
  const bytes = new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
  return { name, order, code: stored.code, dims, bytes };
}

function byTypeAndName(a: StoredTensor, b: StoredTensor): number {
  return a.order - b.order || compareTexts(a.name, b.name);
}

/** By their bytes in UTF-8, as Rust and C compare. */
function compareTexts(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function textEntry([name, value]: readonly [string, string]): string {
  return entry(name, jsonText(value));
}

function entry(name: string, json: string): string {
  return `${jsonText(name)}:${json}`;
}

/** Half of a surrogate pair is no Unicode, and escaped it would be refused by others. */
function jsonText(text: string): string {
  if (/\p{Surrogate}/u.test(text)) throw new InputError(`the text ${JSON.stringify(text)}`, "is no Unicode");
  return JSON.stringify(text);
}

type TensorEntry = Pick<HostTensor, "type" | "dims"> & {
  readonly type: StoredType;
  readonly start: number;
  readonly end: number;
};
type StoredType = (typeof storedTypes)[number]["type"];

function sourceOf(input: string | Uint8Array | ByteSource): ByteSource {
  if (typeof input === "string") return fileBytes(input);
  return input instanceof Uint8Array ? memoryBytes(input) : input;
}

interface Header {
  readonly header: ReadonlyMap<string, unknown>;
  /** Where the first tensor begins. */
  readonly dataStart: number;
}

function readHeader(source: ByteSource): Header {
  const { label, size } = source;
  const other = (what: string) => new InputError(label, `is no safetensors file: ${what}`);
  if (size < LENGTH_BYTES) throw new InputError(label, "is cut off: a safetensors file has 8 bytes at least");
  const length = Number(Buffer.from(source.read(0, LENGTH_BYTES)).readBigUInt64LE());
  if (length > LONGEST_HEADER) throw other(`its header would be ${length} bytes long`);
  const dataStart = LENGTH_BYTES + length;
  if (dataStart > size) {
    throw new InputError(label, `is cut off: its header is ${length} bytes long, there are ${size - LENGTH_BYTES}`);
  }
  const bytes = source.read(LENGTH_BYTES, length);
  if (bytes[0] !== codes.brace || !isUtf8(bytes) || isDeeper(bytes, DEEPEST_HEADER)) {
    throw other("its header is not what it should be");
  }
  const header = parsed(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
  if (!isObject(header)) throw other("its header is no JSON object");
  return { header: new Map(Object.entries(header)), dataStart };
}

/** Whether JSON nests more than so many objects and lists; the parser would keep all of them in memory. */
function isDeeper(json: Uint8Array, deepest: number): boolean {
  let depth = 0;
  let isText = false;
  for (let at = 0; at < json.length; at++) {
    switch (json[at] ?? 0) {
      case codes.quote:
        isText = !isText;
        break;
      case codes.backslash:
        if (isText) at++;
        break;
      case codes.brace:
      case codes.bracket:
        if (!isText && ++depth > deepest) return true;
        break;
      case codes.closingBrace:
      case codes.closingBracket:
        if (!isText) depth--;
        break;
    }
  }
  return false;
}

const codes = { quote: 0x22, backslash: 0x5c, brace: 0x7b, closingBrace: 0x7d, bracket: 0x5b, closingBracket: 0x5d };

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function metadataOf(value: unknown, label: string): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  const entries = isObject(value) ? Object.entries(value) : undefined;
  const texts = entries?.flatMap(([name, text]) => (typeof text === "string" ? [[name, text] as const] : [])) ?? [];
  if (texts.length !== entries?.length) throw new InputError(label, "its metadata are not texts by name");
  return Object.fromEntries(texts);
}

function tensorEntry(value: unknown, where: string): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = isObject(value) ? value : {};
  const stored = storedTypes.find(({ code }) => code === dtype);
  if (stored === undefined) {
    const what = typeof dtype === "string" ? `has elements of the type ${dtype}` : "says no type of its elements";
    throw new InputError(where, what, `known are ${storedTypes.map(({ code }) => code).join(", ")}`);
  }
  if (!isSizes(shape) || !Number.isSafeInteger(elementCount(shape))) {
    throw new InputError(where, `has the impossible shape ${JSON.stringify(shape)}`);
  }
  const [start, end, ...more] = isSizes(offsets) ? offsets : [];
  if (start === undefined || end === undefined || more.length > 0 || end < start) {
    throw new InputError(where, `lies at impossible offsets ${JSON.stringify(offsets)}`);
  }
  const expected = elementCount(shape) * stored.bytes;
  if (end - start !== expected) {
    const declared = `by its shape [${shape.join(", ")}] and type ${stored.code}`;
    throw new InputError(where, `is ${expected} bytes long ${declared}, by its offsets ${end - start}`);
  }
  return { type: stored.type, dims: shape, start, end };
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0);
}

/** @throws InputError unless the tensors fill the data from its first byte to its last, none over another */
function requireCovered(tensors: ReadonlyMap<string, TensorEntry>, size: number, label: string): void {
  let position = 0;
  for (const [name, { start, end }] of [...tensors].toSorted(([, a], [, b]) => a.start - b.start || a.end - b.end)) {
    if (start !== position) {
      const what = start < position ? "lies over another tensor" : `begins ${start - position} bytes behind the last`;
      throw new InputError(`${label}: tensor "${name}"`, what, "the file is damaged");
    }
    position = end;
  }
  if (position > size) {
    throw new InputError(label, `is cut off: its tensors are ${position} bytes, there are ${size}`);
  }
  if (position < size) throw new InputError(label, `is damaged: ${size - position} bytes are behind its last tensor`);
}

function hostTensor({ type, dims }: TensorEntry, buffer: ArrayBuffer): HostTensor {
  switch (type) {
    case "float32":
      return { type, data: new Float32Array(buffer), dims };
    case "float64":
      return { type, data: new Float64Array(buffer), dims };
    case "float16":
    case "uint16":
      return { type, data: new Uint16Array(buffer), dims };
    case "int64":
      return { type, data: new BigInt64Array(buffer), dims };
    case "uint64":
      return { type, data: new BigUint64Array(buffer), dims };
    case "int32":
      return { type, data: new Int32Array(buffer), dims };
    case "uint32":
      return { type, data: new Uint32Array(buffer), dims };
    case "int16":
      return { type, data: new Int16Array(buffer), dims };
    case "int8":
      return { type, data: new Int8Array(buffer), dims };
    case "uint8":
    case "bool":
      return { type, data: new Uint8Array(buffer), dims };
  }
}
