import { basename } from "node:path";
import { InputError } from "../../graph/errors.js";
import type { Preprocessing, TensorPreprocessing } from "../../passes/preprocessing/preprocessing.js";
import type { ContractTensor } from "../../passes/training/contract.js";
import { boundInputs } from "./bound.js";
import { chooseColumns, type FedInput, fedInput, type FileColumn, namedColumns } from "./choose-columns.js";
import type { Dataset } from "./dataset.js";
import type { DataDescription } from "./description.js";
import { fitPreprocessing, isFilled, takesMissing } from "./fit.js";
import { usableRows } from "./missing.js";
import type { Source } from "./source.js";
import { split, type SplitOptions } from "./split.js";
import { defaultMemoryLimit, type Store, storeOf, type StoreOptions } from "./store.js";
import { StoredDataset } from "./stored-dataset.js";
import { verifyRows } from "./verify.js";

/** Which examples are for what, and where they are kept. */
export interface AssembleOptions extends SplitOptions, Omit<StoreOptions, "columns"> {
  /** Files of their own for validation, instead of a part of the data. */
  readonly validationSources?: readonly Source[];
  /** Files of their own for a test, instead of a part of the data. */
  readonly testSources?: readonly Source[];
}

/** What a trainer takes. */
export interface AssembledData {
  readonly training: Dataset;
  readonly validation?: Dataset;
  readonly test?: Dataset;
  readonly preprocessing: Preprocessing;
  /** Examples that were left out because they lacked values, of all files. */
  readonly dropped: number;
  /** Frees memory and removes temporary files: nothing can be read any more. */
  close(): void;
}

/**
 * From raw files to examples as a training graph takes them: picks columns, sets examples apart, fits the preprocessing
 * on the training examples, and checks all values that could turn out wrong later.
 * @param inputs of the training artifact's contract; features and targets are looked at
 * @param sources the files: row n of all of them is one example
 * @throws InputError with file, row and column for data that do not fit; with the option for one that cannot be had
 */
export async function assemble(
  inputs: readonly ContractTensor[],
  sources: readonly Source[],
  description: DataDescription = {},
  options: AssembleOptions = {},
): Promise<AssembledData> {
  const keeper = new Keeper(options);
  try {
    const fed = chooseColumns(inputs, sources, description);
    const { stores, label } = await keeper.keep(sources, fed);
    const usable = usableRows(fed, stores, {
      isDropped: description.missing === "drop",
      isFilled: (input, column) =>
        description.missing === "keep" ? takesMissing(input) : isFilled(input, column, description),
      remedy: "choose",
    });
    const dropped = (stores[0]?.rows ?? 0) - usable.length;
    if (usable.length === 0)
      throw new InputError(label, "has no row without missing values", "fill them with --missing mean");
    const parts = split(usable.length, partsWanted(options), label);
    const rowsOf = (examples: Uint32Array) => examples.map((example) => usable[example] ?? 0);
    const training = rowsOf(parts.training);
    const preprocessing = fitPreprocessing(fed, stores, { training, all: usable }, description);
    const bound = boundInputs(preprocessing, fed, stores);
    verifyRows(bound, stores, usable);
    const datasetOf = (examples: Uint32Array) =>
      examples.length === 0 ? undefined : new StoredDataset(bound, stores, rowsOf(examples));
    const own = { validation: options.validationSources, test: options.testSources };
    const validation =
      own.validation === undefined
        ? datasetOf(parts.validation)
        : await preprocessed(preprocessing, inputs, own.validation, keeper);
    const test =
      own.test === undefined ? datasetOf(parts.test) : await preprocessed(preprocessing, inputs, own.test, keeper);
    return {
      training: new StoredDataset(bound, stores, training),
      ...(validation === undefined ? {} : { validation }),
      ...(test === undefined ? {} : { test }),
      preprocessing,
      dropped: dropped + keeper.dropped,
      close: () => keeper.close(),
    };
  } catch (error) {
    keeper.close();
    throw error;
  }
}

/** Where examples are kept, and which columns somebody takes for those that the preprocessing was fitted on. */
export interface PreprocessingOptions
  extends Omit<StoreOptions, "columns">, Pick<DataDescription, "features" | "target"> {}

/** Examples of files that the preprocessing was not fitted on. */
export interface PreprocessedData {
  readonly dataset: Dataset;
  /** Examples that were left out because they lacked values. */
  readonly dropped: number;
  /** Frees memory and removes temporary files. */
  close(): void;
}

/**
 * Does to other files what was done to those that a model was trained on.
 * @param inputs of an artifact's contract; only features where targets are not needed
 * @param sources as many files as in training, in the same order; or fewer, where names of columns are enough to find
 *   them
 * @throws InputError with file, row and column for data that do not fit, and for columns other than in training
 */
export async function applyPreprocessing(
  preprocessing: Preprocessing,
  inputs: readonly ContractTensor[],
  sources: readonly Source[],
  options: PreprocessingOptions = {},
): Promise<PreprocessedData> {
  const keeper = new Keeper(options);
  try {
    const dataset = await preprocessed(preprocessing, inputs, sources, keeper, options);
    return { dataset, dropped: keeper.dropped, close: () => keeper.close() };
  } catch (error) {
    keeper.close();
    throw error;
  }
}

/** The inputs with the columns that the preprocessing was fitted on. @throws InputError where others were named */
function fittedInputs(
  { tensors }: Preprocessing,
  inputs: readonly ContractTensor[],
  sources: readonly Source[],
  description: Pick<DataDescription, "features" | "target">,
): readonly FedInput[] {
  return inputs.flatMap((input): FedInput[] => {
    const { name: wanted, role } = input;
    if (role !== "feature" && role !== "target") return [];
    const tensor = tensors.find((each) => each.name === wanted && each.role === role);
    if (tensor === undefined) {
      throw new InputError(`${role} "${wanted}"`, "is not among those that the preprocessing was fitted for");
    }
    const columns = locatedColumns(tensor, sources);
    const all = inputs.filter((each) => each.role === role);
    const named = namedColumns(input, all, sources, description);
    if (named !== undefined && placesOf(named) !== placesOf(columns)) {
      const option = role === "target" ? "--target" : "--features";
      const [given, fitted] = [named, columns].map((list) => list.map(({ column }) => column.name).join(","));
      throw new InputError(`${option} ${given}`, `is not ${fitted}, which the model was trained on`, "leave it out");
    }
    return [fedInput(input, role, columns)];
  });
}

function placesOf(columns: readonly FileColumn[]): string {
  return JSON.stringify(columns.map(({ file, column }) => [file, column.name]));
}

async function preprocessed(
  preprocessing: Preprocessing,
  inputs: readonly ContractTensor[],
  sources: readonly Source[],
  keeper: Keeper,
  description: Pick<DataDescription, "features" | "target"> = {},
): Promise<Dataset> {
  const fed = fittedInputs(preprocessing, inputs, sources, description);
  const { stores, label } = await keeper.keep(sources, fed);
  const usable = usableRows(fed, stores, {
    isDropped: preprocessing.missing === "drop",
    isFilled: (input, { column }) =>
      (preprocessing.missing === "keep" && takesMissing(input)) ||
      preprocessing.tensors.some(
        (tensor) =>
          tensor.name === input.name &&
          tensor.role === input.role &&
          tensor.columns.some((step) => step.column === column.name && "fill" in step && step.fill !== undefined),
      ),
    remedy: "train with",
  });
  if (usable.length === 0) throw new InputError(label, "has no row without missing values");
  keeper.dropped += (stores[0]?.rows ?? 0) - usable.length;
  const bound = boundInputs(preprocessing, fed, stores);
  verifyRows(bound, stores, usable);
  return new StoredDataset(bound, stores, usable);
}

/** Where the columns are now: in the file of the same place, or in the one that has them; an only array of any name. */
function locatedColumns({ columns }: TensorPreprocessing, sources: readonly Source[]): readonly FileColumn[] {
  const all = sources.flatMap(({ label, columns: own }, file) => own.map((column) => ({ file, label, column })));
  return columns.map(({ column: name, file, kind }) => {
    const named = all.filter(({ column }) => column.name === name);
    const ofFile = all.filter((each) => each.file === file);
    const isSoleColumn = ofFile.length === 1 && (kind === "array" || sources.length > 1);
    const found =
      named.find((each) => each.file === file) ??
      (named.length === 1 ? named[0] : undefined) ??
      (isSoleColumn ? ofFile[0] : undefined);
    if (found !== undefined) return found;
    const files = sources.map(({ label }) => label).join(" and ");
    throw new InputError(files, `has no column "${name}", which the model was trained on`);
  });
}

/** A part that has files of its own is not taken from the data. */
function partsWanted({ validation, test, validationSources, testSources, ...rest }: AssembleOptions): SplitOptions {
  return {
    ...rest,
    ...(validation === undefined || validationSources !== undefined ? {} : { validation }),
    ...(test === undefined || testSources !== undefined ? {} : { test }),
  };
}

/** Keeps files, all of them within one limit of memory. */
class Keeper {
  dropped = 0;
  readonly #options: Omit<StoreOptions, "columns">;
  readonly #stores: Store[] = [];

  constructor(options: Omit<StoreOptions, "columns">) {
    this.#options = options;
  }

  /** @throws InputError for files without rows, and for files that have not as many rows as each other */
  async keep(sources: readonly Source[], inputs: readonly FedInput[]): Promise<Kept> {
    if (sources.length === 0) throw new InputError("--data", "names no files");
    const used = inputs.flatMap(({ columns }) => columns);
    const stores: Store[] = [];
    for (const [file, source] of sources.entries()) {
      const columns = new Set(used.flatMap((each) => (each.file === file ? [each.column.name] : [])));
      const { memoryLimit = defaultMemoryLimit } = this.#options;
      const left = this.#stores.reduce((sum, { memoryBytes }) => sum - memoryBytes, memoryLimit);
      const store = await storeOf(source, { ...this.#options, memoryLimit: Math.max(left, 0), columns });
      this.#stores.push(store);
      stores.push(store);
      if (store.rows === 0) throw new InputError(source.label, "has no rows");
      const [first] = stores;
      if (first !== undefined && store.rows !== first.rows) {
        const what = `has ${store.rows} rows, and ${first.label} has ${first.rows}`;
        throw new InputError(source.label, what, "each row of one belongs to the same row of the other");
      }
    }
    return { stores, label: sources.map(({ label }) => basename(label)).join(" and ") };
  }

  close(): void {
    for (const store of this.#stores) store.close();
  }
}

interface Kept {
  readonly stores: readonly Store[];
  /** For messages. */
  readonly label: string;
}
