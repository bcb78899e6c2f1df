import { Writer } from "protobufjs/minimal.js";
import type { ByteSource } from "../../graph/bytes.js";
import { dataTypeOf } from "../../graph/data-type.js";
import { InputError } from "../../graph/errors.js";
import type { EditInside, SizedField } from "../../graph/patch.js";
import { elementCount, type Tensor, typedFieldOf } from "../../graph/tensor.js";
import { type Field, WireReader } from "../../graph/wire.js";
import { type FileTensor, forEachField } from "./file-tensors.js";
import { type Floats, storedValues } from "./stored-values.js";

/** The fields of TensorProto that hold real numbers by type. */
const typedNumbers: Readonly<Record<string, number>> = { float_data: 4, int32_data: 5, double_data: 10 };

/**
 * The edits of a model's file that give a tensor whose values are in it new ones: over `raw_data` or the numbers of a
 * typed field, packed or not, as it is. Only half-precision numbers of a typed field, varints by their bits, may become
 * longer or shorter.
 * @param data as many as the tensor has elements
 * @throws InputError when the tensor is not where it was read
 */
export function valueEdits(
  source: ByteSource,
  { field: message }: FileTensor,
  tensor: Tensor,
  data: Floats,
): readonly EditInside[] {
  const { dataType, shape } = tensor;
  const typedNumber = typedNumbers[typedFieldOf(dataType) ?? ""];
  const wire = new WireReader(source);
  const pieces: Piece[] = [];
  const dims: bigint[] = [];
  let raw: SizedField | undefined;
  let name = "";
  let type = 0;
  forEachField(
    wire,
    message,
    (field, sized) => {
      if (field.number === 1) wire.bigints(field, dims);
      if (field.number === 2) type = wire.integer(field);
      if (field.number === 8) name = wire.text(field);
      if (field.number === 9 && field.kind === "bytes") raw = sized;
      if (field.number === typedNumber) pieces.push({ field, sized });
    },
    message,
  );
  const isSame =
    name === tensor.name && dataTypeOf(type) === dataType && elementCount(dims.map(Number)) === data.length;
  const values = storedValues(data, dataType);
  const edits =
    raw === undefined
      ? typedEdits(source, wire, message, pieces, numbersOf(tensor, values))
      : raw.end - raw.start === values.size
        ? [{ start: raw.start, end: raw.end, bytes: values, inside: raw }]
        : undefined;
  if (!isSame || edits === undefined) {
    const what = `tensor "${tensor.name}" [${shape.join(", ")}] is not where it was read`;
    throw new InputError(source.label, what, "read the model again");
  }
  return edits;
}

/** One occurrence of a repeated field: a packed list, or one number. */
interface Piece {
  readonly field: Field;
  readonly sized: SizedField;
}

/** Numbers in the form of a typed field, counted in bytes where they all have one length, else one by one. */
interface Numbers {
  readonly count: number;
  /** Those from `first` to before `end`. */
  encoded(first: number, end: number): Uint8Array;
  /** How many an occurrence of the field holds. */
  countIn(wire: WireReader, field: Field): number;
}

function numbersOf({ dataType }: Tensor, values: ByteSource): Numbers {
  const bytes = values.read(0, values.size);
  if (dataType === "float32" || dataType === "float64") {
    return {
      count: bytes.length,
      encoded: (first, end) => bytes.subarray(first, end),
      countIn: (_, { start, end }) => end - start,
    };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    count: bytes.length / 2,
    encoded(first, end) {
      const writer = new Writer();
      for (let index = first; index < end; index++) writer.uint32(view.getUint16(index * 2, true));
      return writer.finish();
    },
    countIn(wire, field) {
      let count = 0;
      wire.integers(field, () => count++);
      return count;
    },
  };
}

/** undefined when the field holds more or fewer numbers. */
function typedEdits(
  source: ByteSource,
  wire: WireReader,
  message: SizedField,
  pieces: readonly Piece[],
  numbers: Numbers,
): readonly EditInside[] | undefined {
  const edits: EditInside[] = [];
  let position = 0;
  let single: Single[] = [];
  const flush = () => {
    if (single.length > 0) edits.push(singleEdit(source, message, single));
    single = [];
  };
  for (const { field, sized } of pieces) {
    const first = position;
    position += numbers.countIn(wire, field);
    const bytes = numbers.encoded(first, Math.min(position, numbers.count));
    if (field.kind === "bytes") {
      flush();
      edits.push({ start: field.start, end: field.end, bytes, inside: sized });
    } else {
      single.push({ field, bytes });
    }
  }
  flush();
  return position === numbers.count ? edits : undefined;
}

/** A number that is not in a packed list. */
interface Single {
  readonly field: Field;
  readonly bytes: Uint8Array;
}

/** One edit for numbers that follow each other: a million edits would be a million reads of what lies between. */
function singleEdit(source: ByteSource, message: SizedField, numbers: readonly Single[]): EditInside {
  const start = numbers[0]?.field.start ?? 0;
  const end = numbers.at(-1)?.field.end ?? 0;
  const original = source.read(start, end - start);
  const parts: Uint8Array[] = [];
  let position = start;
  for (const { field, bytes } of numbers) {
    parts.push(original.subarray(position - start, field.start - start), bytes);
    position = field.end;
  }
  return { start, end, bytes: Buffer.concat(parts), inside: message };
}
