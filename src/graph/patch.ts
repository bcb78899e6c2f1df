import { Writer } from "protobufjs/minimal.js";
import { type ByteSource, chunks } from "./bytes.js";
import { InputError } from "./errors.js";
import { WireReader } from "./wire.js";

/**
 * Replaces the bytes [start, end) of a file; an insertion where they are equal. Bytes that are made, or read, only when
 * they are written are given as their source.
 */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array | ByteSource;
}

/** A field of a protobuf file that begins with its length: a message, a packed list, a text, bytes. */
export interface SizedField {
  /** Where its tag begins. The length is between the tag and the content. */
  readonly tag: number;
  /** The content is [start, end). */
  readonly start: number;
  readonly end: number;
  /** The message that it is in; undefined for a field of the file's own. */
  readonly inside: SizedField | undefined;
}

/** An edit within a message, or of the file's own fields where that is undefined. */
export interface EditInside extends Edit {
  readonly inside: SizedField | undefined;
}

/** protobuf's limit for one message, and so for one .onnx file. */
const LARGEST_MODEL = 2 ** 31 - 1;

/**
 * The edits that set a metadata property of a model (ModelProto.metadata_props): former entries of that key go, the new
 * one, if there is a value, comes at the end of the file. Everything else, fields that we do not know included, stays byte
 * for byte.
 * @throws InputError when the result would exceed what a protobuf message can hold
 */
export function metadataEdits(model: ByteSource, key: string, value: string | undefined): readonly Edit[] {
  const removed = metadataEntries(model, key).map(({ start, end }) => ({ start, end, bytes: new Uint8Array() }));
  if (value === undefined) return removed;
  const edits = [...removed, { start: model.size, end: model.size, bytes: stringEntry(14, key, value) }];
  requireSize(model, edits);
  return edits;
}

/** A field that holds a key with its text (StringStringEntryProto). */
export function stringEntry(field: number, key: string, value: string): Uint8Array {
  return new Writer()
    .uint32((field << 3) | 2)
    .fork()
    .uint32((1 << 3) | 2)
    .string(key)
    .uint32((2 << 3) | 2)
    .string(value)
    .ldelim()
    .finish();
}

/**
 * The edits, in order, and with them those of the lengths of all messages that they make longer or shorter.
 * @param edits in any order; of several insertions at one place the first comes first
 * @throws InputError when the result would exceed what a protobuf message can hold
 */
export function withLengths(model: ByteSource, edits: readonly EditInside[]): readonly Edit[] {
  const growths = new Map<SizedField, number>();
  for (const { inside } of edits) for (let field = inside; field; field = field.inside) growths.set(field, 0);
  const grow = (field: SizedField | undefined, by: number) => {
    if (field !== undefined) growths.set(field, (growths.get(field) ?? 0) + by);
  };
  for (const edit of edits) grow(edit.inside, growthOf(edit));
  // What is inside begins later: the outer lengths are known last.
  const lengths = [...growths.keys()]
    .toSorted((a, b) => b.start - a.start)
    .flatMap((field) => {
      const growth = growths.get(field) ?? 0;
      if (growth === 0) return [];
      const edit = lengthEdit(model, field, field.end - field.start + growth);
      grow(field.inside, growth + growthOf(edit));
      return [edit];
    });
  const all = [...edits, ...lengths].toSorted((a, b) => a.start - b.start || a.end - b.end);
  requireSize(model, all);
  return all;
}

function lengthEdit(model: ByteSource, { tag, start }: SizedField, length: number): Edit {
  const header = model.read(tag, start - tag);
  const tagBytes = header.findIndex((byte) => byte < 128) + 1;
  return { start: tag + tagBytes, end: start, bytes: new Writer().uint32(length).finish() };
}

function growthOf({ start, end, bytes }: Edit): number {
  return (bytes instanceof Uint8Array ? bytes.length : bytes.size) - (end - start);
}

function requireSize(model: ByteSource, edits: readonly Edit[]): void {
  if (edits.reduce((size, edit) => size + growthOf(edit), model.size) <= LARGEST_MODEL) return;
  throw new InputError(
    model.label,
    "would become larger than 2 GiB, which an ONNX file cannot be",
    "move its weights to external data",
  );
}

/** The bytes of `source` with edits applied, in pieces. Edits must be in order and must not overlap. */
export function* patched(source: ByteSource, edits: readonly Edit[]): Generator<Uint8Array> {
  let position = 0;
  for (const { start, end, bytes } of edits) {
    yield* chunks(source, position, start);
    if (bytes instanceof Uint8Array) yield bytes;
    else yield* chunks(bytes);
    position = end;
  }
  yield* chunks(source, position);
}

function metadataEntries(model: ByteSource, key: string): readonly { start: number; end: number }[] {
  const wire = new WireReader(model);
  const entries: { start: number; end: number }[] = [];
  let fieldStart = 0;
  wire.message(0, model.size, "", (field) => {
    if (field.number === 14 && field.kind === "bytes") {
      const start = fieldStart;
      wire.message(field.start, field.end, "metadata_props", (inner) => {
        if (inner.number === 1 && wire.text(inner) === key) entries.push({ start, end: field.end });
      });
    }
    fieldStart = field.end;
  });
  return entries;
}
