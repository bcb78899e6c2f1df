import { realpathSync } from "node:fs";
import { posix } from "node:path";
import type { ByteRange, ByteSource } from "../../graph/bytes.js";
import { externalDataOf } from "../../graph/external-data.js";
import { type Edit, type EditInside, patched, stringEntry } from "../../graph/patch.js";
import type { FileTensor } from "./file-tensors.js";
import { type Floats, storedValues } from "./stored-values.js";
import type { TrainedTensor } from "./trained-tensors.js";

/** A file of external data that a model refers to, and what becomes of it. */
export interface ExternalFile {
  readonly source: ByteSource;
  /** How the model calls it: relative to its folder. */
  readonly location: string;
  /** The tensors that are in it. */
  readonly tensors: readonly FileTensor[];
  /** New values over old ones, and at the end those that others must not see. */
  readonly edits: readonly Edit[];
  /** What these ask of the model's own file: new offsets. */
  readonly modelEdits: readonly EditInside[];
}

/** As ONNX recommends for files that are mapped into memory. */
const ALIGNMENT = 4096;

/**
 * The files of external data of a model, one for each file on disk however it is called. A tensor's new values replace
 * the old ones where they are, unless they would also change those of another tensor that has its values from the same
 * bytes: they then go to the end of the file.
 */
export function externalFiles(
  modelPath: string,
  tensors: readonly FileTensor[],
  trained: readonly TrainedTensor[],
  values: ReadonlyMap<string, { readonly data: Floats }>,
): readonly ExternalFile[] {
  const opened = externalDataOf(modelPath);
  const newValues = new Map<FileTensor, ByteSource>();
  for (const { name, tensor, found } of trained) {
    const data = values.get(name)?.data;
    if (data !== undefined && data.length > 0) newValues.set(found, storedValues(data, tensor.dataType));
  }
  const files = new Map<string, { readonly source: ByteSource; readonly location: string; readonly held: Held[] }>();
  for (const found of tensors) {
    const location = found.external?.get("location")?.value;
    if (found.external === undefined || location === undefined) continue;
    const entries = new Map([...found.external].map(([key, { value }]) => [key, value]));
    const range = rangeOf(found) ?? opened.locate(found.tensor?.name ?? "", entries, undefined);
    const real = realpathSync(range.source.label);
    const file = files.get(real) ?? { source: range.source, location: posix.normalize(location), held: [] };
    file.held.push({ found, range, values: newValues.get(found) });
    files.set(real, file);
  }
  return [...files.values()].map(({ source, location, held }) => ({
    source,
    location,
    tensors: held.map(({ found }) => found),
    ...editsOf(source, held),
  }));
}

/** The content of a file with its edits, in pieces. */
export function externalContent({ source, edits }: ExternalFile): Iterable<Uint8Array> {
  return patched(source, edits);
}

/** The edits of a model's file by which its tensors find a file of external data at another place, or not changed. */
export function locationEdits({ tensors }: ExternalFile, location: string): readonly EditInside[] {
  return tensors.flatMap((found) => {
    const former = found.external?.get("location")?.value ?? "";
    // A folder that a path only leaves again need not be there any more.
    const isThere = posix.normalize(former) === location && !former.split("/").includes("..");
    return isThere ? [] : [entryEdit(found, "location", location)];
  });
}

/** The edit that sets an entry of a tensor's `external_data`: its value, or a new entry behind the others. */
export function entryEdit({ field, external }: FileTensor, key: string, value: string): EditInside {
  const entry = external?.get(key);
  if (entry !== undefined) {
    return { start: entry.field.start, end: entry.field.end, bytes: Buffer.from(value), inside: entry.field };
  }
  return { start: field.end, end: field.end, bytes: stringEntry(13, key, value), inside: field };
}

/** A tensor in a file of external data. */
interface Held {
  readonly found: FileTensor;
  readonly range: ByteRange;
  readonly values: ByteSource | undefined;
}

function rangeOf({ tensor }: FileTensor): ByteRange | undefined {
  return tensor?.payload.kind === "raw" ? tensor.payload.range : undefined;
}

function editsOf(source: ByteSource, held: readonly Held[]): Pick<ExternalFile, "edits" | "modelEdits"> {
  const inPlace: Edit[] = [];
  const atEnd: Edit[] = [];
  const modelEdits: EditInside[] = [];
  let end = source.size;
  for (const group of overlapping(held)) {
    const kept: Held[] = [];
    for (const each of group) {
      if (each.values === undefined) continue;
      const { offset, length } = each.range;
      const others = group.filter((other) => other !== each && isOverlap(other.range, each.range));
      if (others.every((other) => other.values !== undefined && !kept.includes(other))) {
        kept.push(each);
        inPlace.push({ start: offset, end: offset + length, bytes: each.values });
        continue;
      }
      const start = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
      atEnd.push({ start: source.size, end: source.size, bytes: new Uint8Array(start - end) });
      atEnd.push({ start: source.size, end: source.size, bytes: each.values });
      modelEdits.push(entryEdit(each.found, "offset", String(start)));
      end = start + length;
    }
  }
  return { edits: [...inPlace.toSorted((a, b) => a.start - b.start), ...atEnd], modelEdits };
}

/** Tensors in groups of which no two share a byte. */
function overlapping(held: readonly Held[]): readonly (readonly Held[])[] {
  const groups: Held[][] = [];
  let end = -1;
  for (const each of held.toSorted((a, b) => a.range.offset - b.range.offset)) {
    const { offset, length } = each.range;
    if (offset >= end) groups.push([]);
    groups.at(-1)?.push(each);
    end = Math.max(end, offset + length);
  }
  return groups;
}

function isOverlap(a: ByteRange, b: ByteRange): boolean {
  return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}
