import { firstNames, InputError } from "../../graph/errors.js";
import { IGNORED_CLASS } from "../../passes/loss/loss.js";
import {
  type ColumnPreprocessing,
  type Preprocessing,
  type TensorPreprocessing,
  widthOf,
} from "../../passes/preprocessing/preprocessing.js";
import type { FedInput, FileColumn } from "./choose-columns.js";
import type { DataDescription } from "./description.js";
import { shapeOfArray, shapeOfNumbers } from "./example-shape.js";
import { arrayFitter, type Fitter, numbersFitter, statisticsAxis, valuesFitter } from "./fitters.js";
import { integerRange } from "./host-array.js";
import { scan, storedColumn } from "./scan.js";
import type { Store } from "./store.js";

/** Which rows are for what. */
export interface FittedRows {
  readonly training: Uint32Array;
  /** All that will be used; labels are numbered by them, so that a rare one is no error in validation. */
  readonly all: Uint32Array;
}

/**
 * Fits the preprocessing that a description asks for.
 * @throws InputError for what the description cannot ask of these columns, and for counts that do not fit the inputs
 */
export function fitPreprocessing(
  inputs: readonly FedInput[],
  stores: readonly Store[],
  rows: FittedRows,
  description: DataDescription,
): Preprocessing {
  checkDescription(inputs, description);
  const learners = inputs.map((input) => ({
    input,
    columns: input.columns.map((fed) => learnerOf(input, fed, stores[fed.file], description)),
  }));
  for (const [part, isLabels] of [
    [rows.training, false],
    [rows.all, true],
  ] as const) {
    const active = learners.flatMap(({ columns }) =>
      columns.flatMap(({ fitter, file, isOfLabels }) =>
        fitter === undefined || isOfLabels !== isLabels ? [] : [{ fitter, file }],
      ),
    );
    if (active.length === 0) continue;
    scan(stores, part, (blocks, some) => {
      for (const { fitter, file } of active) {
        const block = blocks[file];
        if (block !== undefined) fitter.add(block, some);
      }
    });
  }
  return {
    format: "caadam-preprocessing",
    version: 1,
    missing: description.missing === "drop" || description.missing === "keep" ? description.missing : "error",
    tensors: learners.map(({ input, columns }) =>
      tensorOf(
        input,
        columns.map(({ result }) => result()),
      ),
    ),
  };
}

/** Whether a description fills the missing values of a column. */
export function isFilled({ role, type }: FedInput, { column }: FileColumn, description: DataDescription): boolean {
  const { missing } = description;
  if (
    role !== "feature" ||
    type === "string" ||
    column.shape.length > 0 ||
    (missing !== "mean" && missing !== "median")
  )
    return false;
  return integerRange(type) === undefined || isOneHot(column.name, column.kind === "text", description);
}

/** Whether an input has something to be fed with where a value is missing: NaN or an empty text. */
export function takesMissing({ role, type }: FedInput): boolean {
  return role === "feature" && (type === "string" || integerRange(type) === undefined);
}

/** What a column becomes, once all examples have been added. */
interface Learner {
  readonly file: number;
  readonly fitter: Pick<Fitter<unknown>, "add"> | undefined;
  /** Whether it learns from all examples. */
  readonly isOfLabels: boolean;
  readonly result: () => ColumnPreprocessing;
}

function learnerOf(input: FedInput, fed: FileColumn, store: Store | undefined, description: DataDescription): Learner {
  if (store === undefined) throw new Error("no store for a column");
  const stored = storedColumn(store, fed.column.name);
  const { file, column } = fed;
  const reference = { column: column.name, file };
  const isText = column.kind === "text";
  const known = (result: ColumnPreprocessing): Learner => ({
    file,
    fitter: undefined,
    isOfLabels: false,
    result: () => result,
  });
  if (input.type === "string") return known({ kind: "text", ...reference });
  if (column.shape.length > 0) {
    const axis = statisticsAxis(shapeOfArray(input));
    const numbers = { kind: "array", ...reference, ...classNumbers(input, description) } as const;
    if (!isStandardized(input, fed, description)) {
      return known({ ...numbers, subtract: [0], divide: [divisorOf(input, description)] });
    }
    const fitter = arrayFitter(stored, axis);
    const place = axis.axis === undefined ? {} : { axis: axis.axis };
    return { file, fitter, isOfLabels: false, result: () => ({ ...numbers, ...place, ...fitter.result() }) };
  }
  if (input.role === "target" && (isText || description.labels === "sorted")) {
    const fitter = valuesFitter(store, stored, fed, false);
    const result = () => {
      const { values: classes } = fitter.result();
      checkClasses(input, fed, classes, description);
      return { kind: "class", ...reference, classes } as const;
    };
    return { file, fitter, isOfLabels: true, result };
  }
  const filling = isFilled(input, fed, description) ? description.missing : undefined;
  if (input.role === "feature" && isOneHot(column.name, isText, description)) {
    const fitter = valuesFitter(store, stored, fed, true);
    return {
      file,
      fitter,
      isOfLabels: false,
      result: () => {
        const { values: categories, mostFrequent } = fitter.result();
        const fill = filling === undefined || mostFrequent === undefined ? {} : { fill: mostFrequent };
        return {
          kind: "one-hot",
          ...reference,
          categories,
          unknown: description.unknownCategories ?? "error",
          ...fill,
        };
      },
    };
  }
  if (isText) {
    throw new InputError(
      `${fed.label}, column "${column.name}"`,
      `holds text, and "${input.name}" takes numbers`,
      `encode it with --one-hot ${column.name}, or leave it out of --features`,
    );
  }
  const numbers = { kind: "number", ...reference, ...classNumbers(input, description) } as const;
  const fill = filling === "mean" || filling === "median" ? filling : undefined;
  const standardized = isStandardized(input, fed, description);
  if (!standardized && fill === undefined) {
    return known({ ...numbers, subtract: 0, divide: divisorOf(input, description) });
  }
  const fitter = numbersFitter(stored, fill);
  const scale = standardized ? {} : { subtract: 0, divide: divisorOf(input, description) };
  return { file, fitter, isOfLabels: false, result: () => ({ ...numbers, ...fitter.result(), ...scale }) };
}

function tensorOf(input: FedInput, columns: readonly ColumnPreprocessing[]): TensorPreprocessing {
  return { name: input.name, role: input.role, shape: exampleShape(input, columns), columns };
}

/** The shape of one example. @throws InputError where the columns do not fit the input */
export function exampleShape(input: FedInput, columns: readonly ColumnPreprocessing[]): readonly number[] {
  const widths = columns.map(widthOf);
  if (widths.includes(undefined)) return shapeOfArray(input);
  const width = widths.reduce<number>((sum, each) => sum + (each ?? 0), 0);
  const names = firstNames(columns.map(({ column }) => column));
  const encoded = columns.filter(({ kind }) => kind === "one-hot").length;
  const made = columns.length === 1 ? `column ${names}` : `${columns.length} columns (${names})`;
  return shapeOfNumbers(input, width, encoded === 0 ? made : `${made}, ${encoded} of them one-hot encoded`);
}

function isOneHot(name: string, isText: boolean, { oneHot = false }: DataDescription): boolean {
  return typeof oneHot === "boolean" ? oneHot && isText : oneHot.includes(name);
}

function isStandardized({ role, type }: FedInput, { column }: FileColumn, description: DataDescription): boolean {
  if (integerRange(type) !== undefined) return false;
  if (role === "target") return description.standardizeTarget ?? false;
  const { standardize = false } = description;
  return typeof standardize === "boolean" ? standardize : standardize.includes(column.name);
}

function divisorOf({ role, type }: FedInput, { divideBy = 1 }: DataDescription): number {
  return role === "feature" && integerRange(type) === undefined ? divideBy : 1;
}

function classNumbers({ role, name }: FedInput, { classes, ignoreIndex = IGNORED_CLASS }: DataDescription) {
  const count = role === "target" ? classes?.[name] : undefined;
  return count === undefined ? {} : { classes: count, ignoreIndex };
}

function checkClasses(
  { name, type }: FedInput,
  { label, column }: FileColumn,
  classes: readonly (string | number)[],
  description: DataDescription,
): void {
  const where = `${label}, column "${column.name}"`;
  const most = description.classes?.[name] ?? (integerRange(type) === undefined ? 2 : Infinity);
  if (classes.length <= most) return;
  const found = `holds ${classes.length} different labels (${firstNames(classes.map(String))})`;
  if (integerRange(type) === undefined) {
    throw new InputError(where, `${found}, and "${name}" takes a real number`, "choose a loss for classes");
  }
  throw new InputError(where, `${found}, and the model knows ${most} classes`);
}

/** @throws InputError for names that are no features, and for options that do nothing */
function checkDescription(inputs: readonly FedInput[], description: DataDescription): void {
  const { standardize, oneHot, divideBy = 1, standardizeTarget = false } = description;
  const features = inputs.filter(({ role }) => role === "feature").flatMap(({ columns }) => columns);
  const names = new Set(features.map(({ column }) => column.name));
  for (const [option, chosen] of [
    ["--standardize", standardize],
    ["--one-hot", oneHot],
  ] as const) {
    const unknown = typeof chosen === "object" ? chosen.find((name) => !names.has(name)) : undefined;
    if (unknown === undefined) continue;
    throw new InputError(`${option} ${unknown}`, "is none of the features", `those are ${firstNames([...names])}`);
  }
  if (!Number.isFinite(divideBy) || divideBy === 0) throw new InputError(`--divide-by ${divideBy}`, "is no divisor");
  const targets = inputs.filter(({ role }) => role === "target");
  if (standardizeTarget && !targets.some(({ type }) => integerRange(type) === undefined)) {
    const [first] = targets;
    const what =
      first === undefined
        ? "needs a target"
        : `needs a target of real numbers, and "${first.name}" holds ${first.type}`;
    throw new InputError("--standardize-target", what);
  }
}
