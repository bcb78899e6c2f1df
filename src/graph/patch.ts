import { Writer } from "protobufjs/minimal.js";
import { type ByteSource, chunks } from "./bytes.js";
import { InputError } from "./errors.js";
import { WireReader } from "./wire.js";

/** Replaces the bytes [start, end) of a file; an insertion where they are equal. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

/** protobuf's limit for one message, and so for one .onnx file. */
const LARGEST_MODEL = 2 ** 31 - 1;

/**
 * The edits that set a metadata property of a model (ModelProto.metadata_props): former entries of that key go, the new
 * one comes at the end of the file. Everything else, fields that we do not know included, stays byte for byte.
 * @throws InputError when the result would exceed what a protobuf message can hold
 */
export function metadataEdits(model: ByteSource, key: string, value: string): readonly Edit[] {
  const removed = metadataEntries(model, key).map(({ start, end }) => ({ start, end, bytes: new Uint8Array() }));
  const bytes = new Writer()
    .uint32((14 << 3) | 2)
    .fork()
    .uint32((1 << 3) | 2)
    .string(key)
    .uint32((2 << 3) | 2)
    .string(value)
    .ldelim()
    .finish();
  const edits = [...removed, { start: model.size, end: model.size, bytes }];
  const size = edits.reduce((sum, edit) => sum + edit.bytes.length - (edit.end - edit.start), model.size);
  if (size > LARGEST_MODEL) {
    throw new InputError(
      model.label,
      "would become larger than 2 GiB, which an ONNX file cannot be",
      "move its weights to external data",
    );
  }
  return edits;
}

/** The bytes of `source` with edits applied, in pieces. Edits must be in order and must not overlap. */
export function* patched(source: ByteSource, edits: readonly Edit[]): Generator<Uint8Array> {
  let position = 0;
  for (const { start, end, bytes } of edits) {
    yield* chunks(source, position, start);
    yield bytes;
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
