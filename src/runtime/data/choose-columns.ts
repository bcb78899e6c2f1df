import { basename } from "node:path";
import { firstNames, InputError } from "../../graph/errors.js";
import type { ContractTensor } from "../../passes/training/contract.js";
import type { Columns, DataDescription } from "./description.js";
import { isNumberType, type NumberType } from "./host-array.js";
import { nearestName } from "../nearest-name.js";
import type { Source, SourceColumn } from "./source.js";

/** A column of one of several files. */
export interface FileColumn {
  /** Which file, from 0. */
  readonly file: number;
  /** The file's path, for messages. */
  readonly label: string;
  readonly column: SourceColumn;
}

/** An input of the training graph with the columns that feed it. */
export interface FedInput {
  readonly name: string;
  readonly role: "feature" | "target";
  readonly type: NumberType | "string";
  /** As the contract has it, the batch first; null where any will do. */
  readonly shape: ContractTensor["shape"];
  readonly columns: readonly FileColumn[];
}

/**
 * Finds the columns for every feature and target.
 * @throws InputError for names that are no columns, or those of several files; for inputs without columns
 */
export function chooseColumns(
  inputs: readonly ContractTensor[],
  sources: readonly Source[],
  description: DataDescription,
): readonly FedInput[] {
  const catalog = new Catalog(sources);
  const [features, targets] = (["feature", "target"] as const).map((role) =>
    inputs.filter((each) => each.role === role),
  );
  const targetColumns = (targets ?? []).map(
    (input, _, all) => namedColumns(input, all, sources, description) ?? defaultTarget(input, catalog),
  );
  const taken = new Set(targetColumns.flat().map(({ file, column }) => `${file}:${column.name}`));
  const free = catalog.columns.filter(({ file, column }) => !taken.has(`${file}:${column.name}`));
  const featureColumns = (features ?? []).map(
    (input, _, all) => namedColumns(input, all, sources, description) ?? defaultFeatures(input, all.length === 1, free),
  );
  return [
    ...(features ?? []).map((input, index) => fedInput(input, "feature", featureColumns[index] ?? [])),
    ...(targets ?? []).map((input, index) => fedInput(input, "target", targetColumns[index] ?? [])),
  ];
}

/**
 * The columns that were named for an input; undefined where none were.
 * @param all the inputs of its role
 * @throws InputError for names that are no columns, or those of several files
 */
export function namedColumns(
  input: ContractTensor,
  all: readonly ContractTensor[],
  sources: readonly Source[],
  { features, target }: Pick<DataDescription, "features" | "target">,
): readonly FileColumn[] | undefined {
  const catalog = new Catalog(sources);
  const [columns, option] = input.role === "target" ? [target, "--target"] : [features, "--features"];
  return namesFor(input, all, columns, option)?.map((name) => catalog.find(name, option));
}

/** An input with its columns. @throws InputError for types that no file has values for, and arrays among others */
export function fedInput(
  { name, dtype, shape }: ContractTensor,
  role: FedInput["role"],
  columns: readonly FileColumn[],
): FedInput {
  const where = `${role} "${name}"`;
  if (!isNumberType(dtype) && dtype !== "string")
    throw new InputError(where, `holds ${dtype}, which data files cannot feed`);
  const array = columns.find(({ column }) => column.shape.length > 0);
  if (array !== undefined && columns.length > 1) {
    const what = `is fed by ${columns.length} columns, of which "${array.column.name}" is an array`;
    throw new InputError(where, what, `give it that array alone, or other columns`);
  }
  const numbers = dtype === "string" ? columns.find(({ column }) => column.kind !== "text") : undefined;
  if (numbers !== undefined) {
    const what = `holds numbers, and "${name}" takes text`;
    const remedy = `read them as text with --text-columns ${numbers.column.name}`;
    throw new InputError(`${numbers.label}, column "${numbers.column.name}"`, what, remedy);
  }
  return { name, role, type: dtype, shape, columns };
}

/** Finds columns by the names that people give them. */
class Catalog {
  readonly sources: readonly Source[];
  readonly columns: readonly FileColumn[];

  constructor(sources: readonly Source[]) {
    this.sources = sources;
    this.columns = sources.flatMap(({ label, columns }, file) => columns.map((column) => ({ file, label, column })));
  }

  find(name: string, option: string): FileColumn {
    const found = this.matches(name);
    const [only] = found;
    const where = `${option} ${name}`;
    if (only === undefined) {
      const files = this.sources.map(({ label }) => label).join(" and ");
      const names = this.columns.map(({ column }) => column.name);
      const near = nearestName(names, name);
      const meant = near === undefined ? "" : `, perhaps "${near}" is meant`;
      throw new InputError(where, `is no column of ${files}${meant}`, `there are ${firstNames(names)}`);
    }
    if (found.length > 1) {
      const choices = found.map(({ label }) => `${basename(label)}:${name}`).join(" or ");
      throw new InputError(where, `is a column of ${found.length} files`, `say ${choices}`);
    }
    return only;
  }

  matches(name: string): readonly FileColumn[] {
    const exact = this.columns.filter(({ column }) => column.name === name);
    if (exact.length > 0) return exact;
    return this.columns.filter(({ label, column, file }) =>
      [label, basename(label)].some(
        (prefix) =>
          name === `${prefix}:${column.name}` || (name === prefix && this.sources[file]?.columns.length === 1),
      ),
    );
  }
}

/** The names that were given for an input; undefined where none were. */
function namesFor(
  input: ContractTensor,
  all: readonly ContractTensor[],
  columns: Columns | undefined,
  option: string,
): readonly string[] | undefined {
  if (columns === undefined) return undefined;
  if (typeof columns === "string" || isList(columns)) {
    if (all.length > 1) {
      const names = all.map(({ name }) => name).join(", ");
      throw new InputError(option, `is for one input, and there are ${names}`, "say which columns each of them takes");
    }
    return listOf(columns, option);
  }
  const known = new Set(all.map(({ name }) => name));
  const unknown = Object.keys(columns).find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new InputError(`${option} ${unknown}=`, "names no input", `those are ${[...known].join(", ")}`);
  }
  const own = columns[input.name];
  return own === undefined ? undefined : listOf(own, option);
}

function listOf(columns: string | readonly string[], option: string): readonly string[] {
  const names = typeof columns === "string" ? [columns] : columns;
  if (names.length === 0) throw new InputError(option, "names no columns");
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new InputError(`${option} ${repeated}`, "is named twice");
  return names;
}

function isList(columns: Columns): columns is readonly string[] {
  return Array.isArray(columns);
}

function defaultTarget({ name }: ContractTensor, { sources, columns }: Catalog): readonly FileColumn[] {
  const named = columns.filter(({ column }) => column.name === name);
  if (named.length === 1) return named;
  const last = sources.length - 1;
  const ofLast = columns.filter(({ file }) => file === last);
  if (last > 0 && ofLast.length === 1) return ofLast;
  const names = firstNames(columns.map(({ column }) => column.name));
  throw new InputError("--target", "is missing: the data do not tell what is to be predicted", `name one of ${names}`);
}

function defaultFeatures(
  { name }: ContractTensor,
  isOnly: boolean,
  free: readonly FileColumn[],
): readonly FileColumn[] {
  if (isOnly && free.length > 0 && (free.length === 1 || free.every(({ column }) => column.shape.length === 0))) {
    return free;
  }
  const named = free.filter(({ column }) => column.name === name);
  if (named.length === 1) return named;
  const what = free.length === 0 ? "there are no columns but targets" : `which columns feed "${name}" is not clear`;
  const names = firstNames(free.map(({ column }) => column.name));
  throw new InputError(
    "--features",
    what,
    free.length === 0 ? "name some with --features: they may be targets, too" : `name some of ${names}`,
  );
}
