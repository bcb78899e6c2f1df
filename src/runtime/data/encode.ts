import { elementCount } from "../../graph/tensor.js";
import type { ArrayColumn, ClassColumn, OneHotColumn } from "../../passes/preprocessing/preprocessing.js";
import type { HostTensor } from "../host-tensor.js";
import { type BoundColumn, type BoundInput, placesOfTexts } from "./bound.js";
import type { Field } from "./dataset.js";
import { type NumberType, putNumbers, writableTensor } from "./host-array.js";
import {
  type Block,
  elementsOf,
  readCodes,
  readScalars,
  readScaled,
  type ScaledColumns,
  type StoredColumn,
} from "./records.js";

/** Makes the tensor of one input from stored rows. */
export interface Encoder {
  readonly field: Field;
  /**
   * @param blocks the rows of each file
   * @param spare a tensor of no use any more, whose memory may be used again
   */
  read(blocks: readonly Block[], count: number, spare?: HostTensor): HostTensor;
}

/** The encoder of an input. */
export function encoderOf(input: BoundInput): Encoder {
  const [only] = input.columns;
  const { type } = input;
  if (type === "string") return textEncoder(input);
  if (only?.step.kind === "array") return arrayEncoder({ ...input, type }, only, only.step);
  return numbersEncoder({ ...input, type });
}

/** An input of numbers. */
type BoundNumbers = BoundInput & { readonly type: NumberType };

function textEncoder({ name, type, shape, columns }: BoundInput): Encoder {
  return {
    field: { name, type, shape },
    read(blocks, count) {
      const data = Array<string>(count * columns.length).fill("");
      const codes = new Int32Array(count);
      for (const [place, { file, stored, texts }] of columns.entries()) {
        const block = blocks[file];
        if (block === undefined) continue;
        readCodes(block, stored, codes);
        for (let index = 0; index < count; index++)
          data[index * columns.length + place] = texts[codes[index] ?? -1] ?? "";
      }
      return { type: "string", data, dims: [count, ...shape] };
    },
  };
}

/** Writes numbers for all rows of a block: of `width` numbers for each row its own. */
interface Writer {
  readonly file: number;
  readonly write: (block: Block, out: Float64Array, width: number) => void;
}

function numbersEncoder({ name, type, shape, columns }: BoundNumbers): Encoder {
  let width = 0;
  const placed = columns.map((column) => {
    const offset = width;
    width += column.step.kind === "one-hot" ? column.step.categories.length : 1;
    return { ...column, offset };
  });
  const writers = [...scaledWriters(placed), ...placed.flatMap(listWriters)];
  let numbers = new Float64Array(0);
  return {
    field: { name, type, shape },
    read(blocks, count, spare) {
      const length = count * width;
      if (numbers.length !== length) numbers = new Float64Array(length);
      for (const { file, write } of writers) {
        const block = blocks[file];
        if (block !== undefined) write(block, numbers, width);
      }
      const tensor = writableTensor(type, [count, ...shape], spare);
      putNumbers(tensor, numbers, 0);
      return tensor;
    },
  };
}

/** A column with the place of its first number among those of an example. */
interface PlacedColumn extends BoundColumn {
  readonly offset: number;
}

/** Columns of numbers, those of one file and kind together. */
function scaledWriters(columns: readonly PlacedColumn[]): readonly Writer[] {
  const scaled = columns.flatMap(({ step, stored, file, offset }) =>
    step.kind === "number" && stored.kind !== "text" ? [{ step, stored, kind: stored.kind, file, offset }] : [],
  );
  const groups = new Map<string, typeof scaled>();
  for (const column of scaled) {
    const key = `${column.file} ${column.kind}`;
    groups.set(key, [...(groups.get(key) ?? []), column]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const together: ScaledColumns = {
      kind: first.kind,
      stride: first.stored.stride,
      offsets: Int32Array.from(group, ({ stored }) => stored.offset),
      places: Int32Array.from(group, ({ offset }) => offset),
      subtract: Float64Array.from(group, ({ step }) => step.subtract),
      divide: Float64Array.from(group, ({ step }) => step.divide),
      fill: Float64Array.from(group, ({ step }) => step.fill ?? Number.NaN),
    };
    return [{ file: first.file, write: (block, out, width) => readScaled(block, together, out, width) }];
  });
}

/** Columns of categories and labels. */
function listWriters({ step, stored, texts, file, offset }: PlacedColumn): readonly Writer[] {
  switch (step.kind) {
    case "number":
    case "text":
      return [];
    case "one-hot": {
      const count = step.categories.length;
      const placesOf = placeReader(step, step.categories, stored, texts);
      const write: Writer["write"] = (block, out, width) => {
        const places = placesOf(block);
        for (let index = 0, start = offset; index < places.length; index++, start += width) {
          const category = places[index] ?? -1;
          for (let place = 0; place < count; place++) out[start + place] = place === category ? 1 : 0;
        }
      };
      return [{ file, write }];
    }
    case "class": {
      const placesOf = placeReader(step, step.classes, stored, texts);
      const write: Writer["write"] = (block, out, width) => {
        const places = placesOf(block);
        for (let index = 0, start = offset; index < places.length; index++, start += width) {
          out[start] = places[index] ?? -1;
        }
      };
      return [{ file, write }];
    }
    case "array":
      throw new Error("an array is alone");
  }
}

/** Reads the place of each row's value in a list, −1 for what is not in it. */
function placeReader(
  step: OneHotColumn | ClassColumn,
  list: readonly (string | number)[],
  stored: StoredColumn,
  texts: readonly string[],
): (block: Block) => Int32Array {
  const fill = step.kind === "one-hot" ? step.fill : undefined;
  let places = new Int32Array(0);
  if (stored.kind === "text") {
    const table = placesOfTexts(texts, list, fill);
    return ({ rows, ...rest }) => {
      if (places.length !== rows.length) places = new Int32Array(rows.length);
      readCodes({ rows, ...rest }, stored, places);
      for (let index = 0; index < places.length; index++) places[index] = table[(places[index] ?? -1) + 1] ?? -1;
      return places;
    };
  }
  const table = new Map(list.map((value, place) => [value, place]));
  const filled = (fill === undefined ? undefined : table.get(fill)) ?? -1;
  let numbers = new Float64Array(0);
  return (block) => {
    const count = block.rows.length;
    if (numbers.length !== count) numbers = new Float64Array(count);
    if (places.length !== count) places = new Int32Array(count);
    readScalars(block, stored, numbers);
    for (let index = 0; index < count; index++) {
      const number = numbers[index] ?? Number.NaN;
      places[index] = Number.isNaN(number) ? filled : (table.get(number) ?? -1);
    }
    return places;
  };
}

function arrayEncoder({ name, type, shape }: BoundNumbers, { file, stored }: BoundColumn, step: ArrayColumn): Encoder {
  const size = elementCount(shape);
  const after = step.axis === undefined ? shape : shape.slice(step.axis + 1);
  const inner = elementCount(after);
  const isPlain = step.subtract.every((number) => number === 0) && step.divide.every((number) => number === 1);
  const subtract = Float64Array.from(step.subtract);
  const divide = Float64Array.from(step.divide);
  const scratch = new Float64Array(size);
  return {
    field: { name, type, shape },
    read(blocks, count, spare) {
      const tensor = writableTensor(type, [count, ...shape], spare);
      const block = blocks[file];
      if (block === undefined) return tensor;
      for (let index = 0; index < count; index++) {
        const elements = elementsOf(block, stored, index);
        if (isPlain) putNumbers(tensor, elements, index * size);
        else {
          scratch.set(elements);
          scaleParts(scratch, inner, subtract, divide);
          putNumbers(tensor, scratch, index * size);
        }
      }
      return tensor;
    },
  };
}

/** (x − subtract) / divide, the next of these after each `inner` elements, and again from the first. */
function scaleParts(numbers: Float64Array, inner: number, subtract: Float64Array, divide: Float64Array): void {
  for (let start = 0, part = 0; start < numbers.length; start += inner, part++) {
    if (part === subtract.length) part = 0;
    const [minus, by] = [subtract[part] ?? 0, divide[part] ?? 1];
    for (let place = start; place < start + inner; place++) numbers[place] = ((numbers[place] ?? 0) - minus) / by;
  }
}
