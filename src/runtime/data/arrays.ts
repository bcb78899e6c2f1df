import { InputError } from "../../graph/errors.js";
import { formatShape } from "../../graph/shapes/shape-math.js";
import { elementCount } from "../../graph/tensor.js";
import type { ContractTensor } from "../../passes/training/contract.js";
import { type HostTensor, tensorOver } from "../host-tensor.js";
import type { Batch, Dataset, Field } from "./dataset.js";
import { integerRange, isNumberType, newTensor, type NumberType, putNumbers, writableTensor } from "./host-array.js";

/** Numbers in nested lists: [n] or [n][...]. */
export type NestedNumbers = readonly number[] | readonly NestedNumbers[];

/** Typed arrays of numbers, and what their elements are. */
type NumberData =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** Values for all examples: a tensor, a typed array with its shape (by default [length]), or nested lists of numbers. */
export type ArrayInput = HostTensor | { readonly data: NumberData; readonly dims?: readonly number[] } | NestedNumbers;

/**
 * Examples from arrays in memory, the first axis of each being the example. Lists of numbers are float32.
 * @param inputs of the training artifact's contract: where given, values become the type that an input has
 * @throws InputError for arrays of unlike length, ragged lists, shapes that do not fit their data, no examples, and
 *   numbers that an input's type does not hold
 */
export function datasetFrom(
  arrays: Readonly<Record<string, ArrayInput>>,
  inputs: readonly ContractTensor[] = [],
): Dataset {
  const types = new Map(inputs.map(({ name, dtype }) => [name, dtype]));
  const tensors = Object.entries(arrays).map(([name, array]) => {
    const tensor = tensorOf(name, array);
    const type = types.get(name) ?? (isNested(array) ? "float32" : tensor.type);
    return { name, tensor: isNumberType(type) ? converted(name, tensor, type) : tensor };
  });
  const [first] = tensors;
  if (first === undefined) throw new InputError("the data", "name no arrays");
  const count = first.tensor.dims[0] ?? 0;
  for (const { name, tensor } of tensors) {
    if (tensor.dims.length === 0) throw new InputError(`"${name}"`, "has no axis for the examples");
    const own = tensor.dims[0] ?? 0;
    if (own === 0) throw new InputError(`"${name}"`, "has no examples");
    if (own !== count) throw new InputError(`"${name}"`, `has ${own} examples, and "${first.name}" has ${count}`);
  }
  return new ArrayDataset(count, tensors);
}

class ArrayDataset implements Dataset {
  readonly count: number;
  readonly fields: readonly Field[];
  readonly #takers: readonly { readonly name: string; readonly take: Take }[];

  constructor(count: number, tensors: readonly { readonly name: string; readonly tensor: HostTensor }[]) {
    this.count = count;
    this.#takers = tensors.map(({ name, tensor }) => ({ name, take: takeFrom(tensor) }));
    this.fields = tensors.map(({ name, tensor: { type, dims } }) => ({ name, type, shape: dims.slice(1) }));
  }

  read(examples: Uint32Array, spare?: Batch): Batch {
    const batch: Record<string, HostTensor> = {};
    for (const { name, take } of this.#takers) batch[name] = take(examples, spare?.[name]);
    return batch;
  }

  describe(example: number): string {
    return `example ${example}`;
  }
}

/** Makes a tensor of the examples with these numbers, of a spare one where that will do. */
type Take = (examples: Uint32Array, spare?: HostTensor) => HostTensor;

function takeFrom(tensor: HostTensor): Take {
  const { type, data } = tensor;
  const [, ...shape] = tensor.dims;
  const size = elementCount(shape);
  if (type === "string") {
    return (examples) => {
      const texts: string[] = [];
      for (const example of examples) texts.push(...data.slice(example * size, (example + 1) * size));
      return { type, dims: [examples.length, ...shape], data: texts };
    };
  }
  const copy = rowCopier(data, size);
  return (examples, spare) => {
    const dims = [examples.length, ...shape];
    const taken =
      type === "float16"
        ? { type, dims, data: new Uint16Array(examples.length * size) }
        : writableTensor(type, dims, spare);
    copy(examples, taken.data);
    return taken;
  };
}

/**
 * Copies rows of an array into another of its kind, as words of one kind whatever the elements are: a loop is fast as
 * long as it sees one kind of array.
 * @param size elements of a row
 */
function rowCopier(from: NumberData, size: number): (rows: Uint32Array, into: NumberData) => void {
  const bytes = size * from.BYTES_PER_ELEMENT;
  if (bytes % 4 !== 0 || from.byteOffset % 4 !== 0) {
    const source = new Uint8Array(from.buffer, from.byteOffset, from.byteLength);
    return (rows, { buffer }) => copyBytes(source, new Uint8Array(buffer), rows, bytes);
  }
  const source = new Uint32Array(from.buffer, from.byteOffset, from.byteLength / 4);
  return (rows, { buffer }) => copyWords(source, new Uint32Array(buffer), rows, bytes / 4);
}

function copyWords(source: Uint32Array, target: Uint32Array, rows: Uint32Array, length: number): void {
  for (let index = 0, place = 0; index < rows.length; index++) {
    const start = (rows[index] ?? 0) * length;
    // A view costs more than a few words.
    if (length > 32) target.set(source.subarray(start, start + length), index * length);
    else for (let word = start; word < start + length; word++) target[place++] = source[word] ?? 0;
  }
}

function copyBytes(source: Uint8Array, target: Uint8Array, rows: Uint32Array, length: number): void {
  for (let index = 0; index < rows.length; index++) {
    const start = (rows[index] ?? 0) * length;
    target.set(source.subarray(start, start + length), index * length);
  }
}

function tensorOf(name: string, array: ArrayInput): HostTensor {
  if (isNested(array)) return tensorOfLists(name, array);
  const dims = array.dims ?? [array.data.length];
  const elements = elementCount(dims);
  if (!dims.every((extent) => Number.isInteger(extent) && extent >= 0) || elements !== array.data.length) {
    throw new InputError(`"${name}"`, `has ${array.data.length} values, which do not make ${formatShape(dims)}`);
  }
  const type = "type" in array ? array.type : undefined;
  const tensor = tensorOver(array.data, dims, type);
  if (tensor !== undefined && (type === undefined || type === tensor.type)) return tensor;
  const what = `holds data in another form than a tensor of ${type ?? "numbers"} does`;
  throw new InputError(`"${name}"`, what, "give a typed array, or nested lists of numbers");
}

function isNested(array: ArrayInput): array is NestedNumbers {
  return Array.isArray(array);
}

/** As float64, so that an input of another type gets what was written. */
function tensorOfLists(name: string, lists: NestedNumbers): HostTensor<"float64"> {
  const dims: number[] = [];
  let list: number | NestedNumbers | undefined = lists;
  while (typeof list === "object") {
    dims.push(list.length);
    list = list[0];
  }
  const numbers: number[] = [];
  collect(name, lists, dims, numbers);
  return { type: "float64", data: Float64Array.from(numbers), dims };
}

function collect(name: string, lists: NestedNumbers, [length, ...rest]: readonly number[], into: number[]): void {
  if (lists.length !== length) {
    throw new InputError(`"${name}"`, `has lists of ${length} and of ${lists.length} values`, "all must be as long");
  }
  for (const item of lists) {
    if (typeof item === "number" && rest.length === 0) into.push(item);
    else if (typeof item === "object" && rest.length > 0) collect(name, item, rest, into);
    else throw new InputError(`"${name}"`, "has numbers and lists side by side, or what is no number");
  }
}

function converted(name: string, tensor: HostTensor, type: NumberType): HostTensor {
  if (tensor.type === type) return tensor;
  if (tensor.type === "string" || tensor.type === "float16") {
    throw new InputError(`"${name}"`, `holds ${tensor.type}, and the model takes ${type}`);
  }
  const numbers = Float64Array.from(tensor.data, Number);
  const range: readonly [number, number] | undefined = integerRange(type);
  if (range !== undefined) {
    const [least, most] = range;
    const wrong = numbers.findIndex((number) => !(number >= least && number <= most && Number.isInteger(number)));
    if (wrong >= 0) {
      const size = elementCount(tensor.dims.slice(1));
      const where = `"${name}", example ${Math.floor(wrong / size)}`;
      throw new InputError(where, `holds ${numbers[wrong]}, and the model takes whole numbers (${type})`);
    }
  }
  const into = newTensor(type, tensor.dims);
  putNumbers(into, numbers, 0);
  return into;
}
