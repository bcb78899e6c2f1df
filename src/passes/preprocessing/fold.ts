import { Buffer } from "node:buffer";
import { renamedNode, valueNames } from "../../graph/bodies.js";
import { type GraphBuilder, graphBuilder } from "../../graph/builder.js";
import { memoryBytes } from "../../graph/bytes.js";
import { type DataType, dataTypeCode } from "../../graph/data-type.js";
import { InputError } from "../../graph/errors.js";
import type { Dimension, Graph, Model, Node, ValueInfo } from "../../graph/model.js";
import { standardModel } from "../../graph/standard-model.js";
import { numberTensor, type Tensor } from "../../graph/tensor.js";
import { UniqueNames } from "../../graph/unique-names.js";
import { inlineFunctions } from "../normalize/inline-functions.js";
import { upgradeOpset, workingOpset } from "../normalize/upgrade-opset.js";
import {
  type ArrayColumn,
  type ColumnPreprocessing,
  type NumberColumn,
  type OneHotColumn,
  type Preprocessing,
  PREPROCESSING,
  type TensorPreprocessing,
} from "./preprocessing.js";

/** What else is folded in. */
export interface FoldOptions {
  /** Outputs that were trained on standardized targets, with those: they come out in the targets' own units. */
  readonly outputs?: Readonly<Record<string, string>>;
}

/**
 * A model that takes raw features: what was done to its inputs before training is done by standard operators in front
 * of it, in float64, so that of values which the input's type holds it makes bit for bit what training saw. Weights,
 * nodes and names of values stay.
 *
 * An input of numbers keeps name and shape. One with a one-hot encoded column becomes an input for each of its columns,
 * called as the column ([batch, 1], numbers or strings), in order; a number is behind a name that the model has
 * already. A missing number is NaN and a missing text "" (where training filled them), and a category that training did
 * not know is 0 everywhere. What the model's metadata say of preprocessing is gone: nothing is left to do to raw
 * features.
 * @throws InputError for what the model does not have: an input, an output, a batch axis
 */
export function foldPreprocessing(model: Model, preprocessing: Preprocessing, options: FoldOptions = {}): Model {
  const folded = preprocessing.tensors.filter((tensor) => tensor.role === "feature" && changes(tensor));
  const scaled = Object.entries(options.outputs ?? {}).flatMap(([output, name]) => {
    const target = preprocessing.tensors.find((tensor) => tensor.role === "target" && tensor.name === name);
    if (target === undefined) {
      throw new InputError(`target "${name}"`, "is not among those that the preprocessing was fitted for");
    }
    return changes(target) ? [{ output, target }] : [];
  });
  const raw = withoutPreprocessing(model);
  if (folded.length === 0 && scaled.length === 0) return raw;
  const needed = Math.max(OLDEST, ...folded.map(opsetFor));
  const opset = model.opsetImports.get("") ?? workingOpset;
  const isUpgraded = opset < needed;
  const start = inlineFunctions(isUpgraded ? upgradeOpset(raw) : raw);
  const folding = new Folding(start.graph, start.label);
  for (const tensor of folded) folding.foldInput(tensor);
  for (const { output, target } of scaled) folding.scaleOutput(output, target);
  const graph = folding.graph();
  const result = { ...start, source: undefined, externalFiles: [], graph };
  if (!isUpgraded) return { ...result, irVersion: Math.max(start.irVersion, withOwnInitializers) };
  // The oldest opset that does, so that older runtimes run it, too.
  const standard = standardModel(graph, start.label);
  return {
    ...result,
    irVersion: Math.max(standard.irVersion, withOpset19),
    opsetImports: new Map([
      ...start.opsetImports,
      ["", Math.max(needed, standard.opsetImports.get("") ?? workingOpset)],
    ]),
  };
}

/** Without what an earlier training did to its data, which would be done again. */
function withoutPreprocessing(model: Model): Model {
  if (!model.metadata.has(PREPROCESSING)) return model;
  const metadata = new Map([...model.metadata].filter(([key]) => key !== PREPROCESSING));
  return { ...model, source: undefined, externalFiles: [], metadata };
}

/** Broadcasting as it is now. */
const OLDEST = 7;
/** The opsets of IsNaN and Where, of Equal for real numbers, and for strings. */
const [withWhere, withFloatEqual, withStringEqual] = [9, 11, 19];
/** The IR versions that let initializers be no inputs, and that came with opset 19. */
const [withOwnInitializers, withOpset19] = [4, 9];

function opsetFor({ columns }: TensorPreprocessing): number {
  return Math.max(
    ...columns.map((column) => {
      if (column.kind !== "one-hot") return "fill" in column && column.fill !== undefined ? withWhere : OLDEST;
      return isOfText(column) ? withStringEqual : withFloatEqual;
    }),
  );
}

/** Whether raw features are anything else than what the model takes. */
function changes({ columns }: TensorPreprocessing): boolean {
  return columns.some((column) => {
    switch (column.kind) {
      case "number":
        return column.subtract !== 0 || column.divide !== 1 || column.fill !== undefined;
      case "array":
        return column.subtract.some((number) => number !== 0) || column.divide.some((number) => number !== 1);
      case "one-hot":
        return true;
      case "class":
      case "text":
        return false;
    }
  });
}

/** A graph that gets nodes in front and behind. */
class Folding {
  readonly #source: Graph;
  readonly #label: string;
  readonly #names: UniqueNames;
  readonly #nodeNames: UniqueNames;
  readonly #builder: GraphBuilder = graphBuilder("preprocessing");
  /** What the values are called from now on that inputs and outputs took their names from. */
  readonly #renames = new Map<string, string>();
  /** What stands in the place of an input. */
  readonly #inputs = new Map<string, readonly ValueInfo[]>();

  constructor(source: Graph, label: string) {
    this.#source = source;
    this.#label = label;
    this.#names = new UniqueNames(valueNames(source));
    this.#nodeNames = new UniqueNames(source.nodes.map(({ name }) => name));
  }

  foldInput(tensor: TensorPreprocessing): void {
    const { name, columns } = tensor;
    const input = this.#source.inputs.find((each) => each.name === name);
    if (input?.type?.kind !== "tensor") {
      throw new InputError(this.#label, `has no tensor as the input "${name}", which the preprocessing is for`);
    }
    const { dataType, shape } = input.type;
    if (shape?.length === 0) throw new InputError(`input "${name}"`, "has no axis for the batch");
    if (this.#source.outputs.some((output) => output.name === name)) {
      throw new InputError(`input "${name}"`, "is an output as well, so that nothing can be done to it in between");
    }
    const preprocessed = this.#names.next(`${name}/preprocessed`);
    const raw = columns.some(({ kind }) => kind === "one-hot")
      ? this.#separateColumns(tensor, dataType, shape)
      : { inputs: [input], value: this.#scaledInput(tensor, shape?.length ?? tensor.shape.length + 1) };
    this.#inputs.set(name, raw.inputs);
    this.#renames.set(name, preprocessed);
    this.#node("Cast", [raw.value], preprocessed, { to: dataTypeCode(dataType) });
  }

  scaleOutput(name: string, { columns, shape }: TensorPreprocessing): void {
    const output = this.#source.outputs.find((each) => each.name === name);
    if (output === undefined) throw new InputError(this.#label, `has no output "${name}", which is to be scaled`);
    if (!this.#source.nodes.some(({ outputs }) => outputs.includes(name))) {
      throw new InputError(`output "${name}"`, "is computed by no node, so that it cannot be scaled");
    }
    const { subtract, divide } = scaleOf(columns);
    const [only] = columns;
    const each = only?.kind === "array" ? constantShape(only, shape.length + 1) : shape;
    const own = subtract.length === 1 ? [] : each;
    const dataType = output.type?.kind === "tensor" ? output.type.dataType : "float32";
    const standardized = this.#names.next(`${name}/standardized`);
    this.#renames.set(name, standardized);
    const double = this.#toDouble(standardized, name);
    const product = this.#add("Mul", [double, this.#constant(`${name}/divide`, divide, own)], `${name}/times`);
    const sum = this.#add("Add", [product, this.#constant(`${name}/subtract`, subtract, own)], `${name}/sum`);
    this.#node("Cast", [sum], name, { to: dataTypeCode(dataType) });
  }

  graph(): Graph {
    const { nodes: added, initializers } = this.#builder.graph();
    const source = this.#source;
    const renamed = source.nodes.map((node) => renamedNode(node, this.#renames));
    const nodeOutputs = new Set(source.nodes.flatMap(({ outputs }) => outputs));
    const infoOf = (info: ValueInfo) => ({ ...info, name: this.#renames.get(info.name) ?? info.name });
    return {
      ...source,
      inputs: source.inputs.flatMap((input) => this.#inputs.get(input.name) ?? [input]),
      initializers: [...source.initializers, ...initializers],
      nodes: inOrder(added, renamed, nodeOutputs, this.#renames),
      valueInfo: source.valueInfo.map(infoOf),
    };
  }

  /** All numbers at once, under the name that the input has. */
  #scaledInput({ name, columns, shape }: TensorPreprocessing, rank: number): string {
    const double = this.#toDouble(name, name);
    const [only] = columns;
    if (only?.kind === "array") {
      return this.#scaled(name, double, only.subtract, only.divide, constantShape(only, rank));
    }
    const numbers = columns.flatMap((column) => (column.kind === "number" ? [column] : []));
    // As the input, so that they fit [batch, 1, 28, 28] as well as [batch, 8].
    const fills = numbers.map(({ fill }) => fill);
    const filled = this.#filled(name, double, fills, shape);
    const { subtract, divide } = scaleOf(numbers);
    return this.#scaled(name, filled, subtract, divide, shape);
  }

  /** An input for each column, and what they make together. */
  #separateColumns(
    { name, columns, shape: example }: TensorPreprocessing,
    dataType: DataType,
    shape: readonly Dimension[] | undefined,
  ): { readonly inputs: readonly ValueInfo[]; readonly value: string } {
    const batch = shape?.[0] ?? null;
    const inputs: ValueInfo[] = [];
    const parts = columns.map((column) => {
      const isText = column.kind === "one-hot" && isOfText(column);
      // The input itself goes: its name is free.
      const wanted = column.column;
      const input = wanted === name && !inputs.some((info) => info.name === name) ? name : this.#names.next(wanted);
      const type = { kind: "tensor", dataType: isText ? "string" : dataType, shape: [batch, 1] } as const;
      inputs.push({ name: input, type });
      if (column.kind === "one-hot") return this.#oneHot(input, column);
      if (column.kind !== "number") throw new Error(`a ${column.kind} beside one-hot columns`);
      return this.#scaledColumn(input, column);
    });
    const together = this.#add("Concat", parts, `${name}/columns`, { axis: 1 });
    if (example.length === 1) return { inputs, value: together };
    // 0 is the batch's own extent.
    const target = this.#integers(`${name}/shape`, example.length === 0 ? [-1] : [0, ...example]);
    return { inputs, value: this.#add("Reshape", [together, target], `${name}/reshaped`) };
  }

  #scaledColumn(input: string, { subtract, divide, fill }: NumberColumn): string {
    const filled = this.#filled(input, this.#toDouble(input, input), [fill], []);
    return this.#scaled(input, filled, [subtract], [divide], []);
  }

  #oneHot(input: string, column: OneHotColumn): string {
    const { categories, fill } = column;
    if (!isOfText(column)) {
      const numbers = categories.map(Number);
      const value = this.#filled(
        input,
        this.#toDouble(input, input),
        [typeof fill === "number" ? fill : undefined],
        [],
      );
      return this.#isEach(input, value, this.#constant(`${input}/categories`, numbers, [1, numbers.length]));
    }
    const texts = categories.map(String);
    let value = input;
    if (fill !== undefined) {
      const isMissing = this.#add("Equal", [input, this.#texts(`${input}/missing`, [""])], `${input}/is_missing`);
      const filling = this.#texts(`${input}/fill`, [String(fill)]);
      value = this.#add("Where", [isMissing, filling, input], `${input}/filled`);
    }
    return this.#isEach(input, value, this.#texts(`${input}/categories`, texts, [1, texts.length]));
  }

  /** 1 for the category that the value is. */
  #isEach(input: string, value: string, categories: string): string {
    const equal = this.#add("Equal", [value, categories], `${input}/is_category`);
    return this.#add("Cast", [equal], `${input}/one_hot`, { to: dataTypeCode("float64") });
  }

  /** Numbers in the place of NaN, where there are any for that. */
  #filled(name: string, value: string, fills: readonly (number | undefined)[], shape: readonly number[]): string {
    if (fills.every((fill) => fill === undefined)) return value;
    const isMissing = this.#add("IsNaN", [value], `${name}/is_missing`);
    const numbers = fills.map((fill) => fill ?? Number.NaN);
    const filling = this.#constant(`${name}/fill`, numbers, fills.length === 1 ? [] : shape);
    return this.#add("Where", [isMissing, filling, value], `${name}/filled`);
  }

  /** (value − subtract) / divide, without what does nothing. */
  #scaled(
    name: string,
    value: string,
    subtract: readonly number[],
    divide: readonly number[],
    shape: readonly number[],
  ): string {
    let result = value;
    const own = subtract.length === 1 ? [] : shape;
    if (subtract.some((number) => number !== 0)) {
      result = this.#add("Sub", [result, this.#constant(`${name}/subtract`, subtract, own)], `${name}/centered`);
    }
    if (divide.some((number) => number !== 1)) {
      result = this.#add("Div", [result, this.#constant(`${name}/divide`, divide, own)], `${name}/scaled`);
    }
    return result;
  }

  #toDouble(value: string, name: string): string {
    return this.#add("Cast", [value], `${name}/double`, { to: dataTypeCode("float64") });
  }

  /** Adds a node. @returns its output, named as wanted or like it */
  #add(opType: string, inputs: readonly string[], wanted: string, attributes: Attributes = {}): string {
    return this.#node(opType, inputs, this.#names.next(wanted), attributes);
  }

  #node(opType: string, inputs: readonly string[], output: string, attributes: Attributes): string {
    const name = this.#nodeNames.next(`${output}/${opType}`);
    return this.#builder.node(opType, inputs, attributes, { name, outputs: [output] });
  }

  #constant(name: string, numbers: readonly number[], shape: readonly number[] = [numbers.length]): string {
    return this.#initializer((unique) => numberTensor(unique, "float64", shape, numbers), name);
  }

  #integers(name: string, numbers: readonly number[]): string {
    return this.#initializer((unique) => numberTensor(unique, "int64", [numbers.length], numbers), name);
  }

  #texts(name: string, texts: readonly string[], shape: readonly number[] = [texts.length]): string {
    return this.#initializer((unique) => textTensor(unique, texts, shape), name);
  }

  #initializer(make: (name: string) => Tensor, name: string): string {
    return this.#builder.initializer(make(this.#names.next(name)));
  }
}

type Attributes = Readonly<Record<string, number>>;

/** What columns of numbers are scaled by. */
function scaleOf(columns: readonly ColumnPreprocessing[]) {
  const scaled = columns.flatMap((column) => (column.kind === "number" || column.kind === "array" ? [column] : []));
  return {
    subtract: scaled.flatMap(({ subtract }) => subtract),
    divide: scaled.flatMap(({ divide }) => divide),
  };
}

/**
 * Nodes in an order in which each comes after what it uses: those in front of the model, the model's own, those behind
 * it.
 */
function inOrder(
  added: readonly Node[],
  own: readonly Node[],
  ownOutputs: ReadonlySet<string>,
  renames: ReadonlyMap<string, string>,
): readonly Node[] {
  const made = new Set([...ownOutputs].map((name) => renames.get(name) ?? name));
  const behind = new Set<Node>();
  for (const node of added) {
    if (!node.inputs.some((input) => made.has(input))) continue;
    behind.add(node);
    for (const output of node.outputs) made.add(output);
  }
  return [...added.filter((node) => !behind.has(node)), ...own, ...behind];
}

/** One number for each place along its axis, as it broadcasts to the model's input. */
function constantShape({ axis, subtract }: ArrayColumn, rank: number): readonly number[] {
  if (axis === undefined || subtract.length === 1) return [];
  return [subtract.length, ...Array<number>(Math.max(rank - axis - 2, 0)).fill(1)];
}

function isOfText({ categories }: OneHotColumn): boolean {
  return categories.some((category) => typeof category === "string");
}

function textTensor(name: string, texts: readonly string[], shape: readonly number[]): Tensor {
  const ranges = texts.map((text) => {
    const bytes = Buffer.from(text);
    return { source: memoryBytes(bytes), offset: 0, length: bytes.length };
  });
  return { name, dataType: "string", shape, payload: { kind: "typed", field: "string_data", ranges } };
}
