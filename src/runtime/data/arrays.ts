import { InputError } from "../../graph/errors.js";
import { formatShape } from "../../graph/shapes/shape-math.js";
import type { ContractTensor } from "../../passes/training/contract.js";
import { type HostTensor, tensorOver } from "../host-tensor.js";
import type { Batch, Dataset, Field } from "./dataset.js";
import { integerRange, isNumberType, newTensor, type NumberType, putNumbers } from "./host-array.js";

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
  readonly #tensors: readonly { readonly name: string; readonly tensor: HostTensor }[];

  constructor(count: number, tensors: readonly { readonly name: string; readonly tensor: HostTensor }[]) {
    this.count = count;
    this.#tensors = tensors;
    this.fields = tensors.map(({ name, tensor: { type, dims } }) => ({ name, type, shape: dims.slice(1) }));
  }

  read(examples: Uint32Array): Batch {
    const batch: Record<string, HostTensor> = {};
    for (const { name, tensor } of this.#tensors) batch[name] = taken(tensor, examples);
    return batch;
  }

  describe(example: number): string {
    return `example ${example}`;
  }
}

/** The examples with these numbers. */
function taken(tensor: HostTensor, examples: Uint32Array): HostTensor {
  const [, ...shape] = tensor.dims;
  const dims = [examples.length, ...shape];
  const size = shape.reduce((product, extent) => product * extent, 1);
  switch (tensor.type) {
    case "string": {
      const texts: string[] = [];
      for (const example of examples) texts.push(...tensor.data.slice(example * size, (example + 1) * size));
      return { type: tensor.type, dims, data: texts };
    }
    case "float16": {
      const data = new Uint16Array(examples.length * size);
      for (const [index, example] of examples.entries()) {
        data.set(tensor.data.subarray(example * size, (example + 1) * size), index * size);
      }
      return { type: tensor.type, dims, data };
    }
    default: {
      const into = newTensor(tensor.type, dims);
      copyExamples(tensor.data, into.data, examples, size);
      return into;
    }
  }
}

/** Both arrays are of one kind. */
function copyExamples(from: NumberData, into: NumberData, examples: Uint32Array, size: number): void {
  if (from instanceof BigInt64Array || from instanceof BigUint64Array) {
    if (!(into instanceof BigInt64Array) && !(into instanceof BigUint64Array)) return;
    for (let index = 0; index < examples.length; index++) {
      const start = (examples[index] ?? 0) * size;
      into.set(from.subarray(start, start + size), index * size);
    }
    return;
  }
  if (into instanceof BigInt64Array || into instanceof BigUint64Array) return;
  for (let index = 0; index < examples.length; index++) {
    const start = (examples[index] ?? 0) * size;
    // A view costs more than a few elements.
    if (size > 16) into.set(from.subarray(start, start + size), index * size);
    else for (let place = 0; place < size; place++) into[index * size + place] = from[start + place] ?? 0;
  }
}

function tensorOf(name: string, array: ArrayInput): HostTensor {
  if (isNested(array)) return tensorOfLists(name, array);
  const dims = array.dims ?? [array.data.length];
  const elements = dims.reduce((product, extent) => product * extent, 1);
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
      const size = tensor.dims.slice(1).reduce((product, extent) => product * extent, 1);
      const where = `"${name}", example ${Math.floor(wrong / size)}`;
      throw new InputError(where, `holds ${numbers[wrong]}, and the model takes whole numbers (${type})`);
    }
  }
  const into = newTensor(type, tensor.dims);
  putNumbers(into, numbers, 0);
  return into;
}
