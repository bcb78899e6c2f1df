import { InputError } from "../../graph/errors.js";
import type { ColumnPreprocessing, Preprocessing } from "../../passes/preprocessing/preprocessing.js";
import type { FedInput, FileColumn } from "./choose-columns.js";
import { exampleShape } from "./fit.js";
import type { StoredColumn } from "./records.js";
import { storedColumn } from "./scan.js";
import type { Store } from "./store.js";

/** An input, its preprocessing, and where its values are stored. */
export interface BoundInput {
  readonly name: string;
  readonly type: FedInput["type"];
  /** Of one example. */
  readonly shape: readonly number[];
  readonly columns: readonly BoundColumn[];
}

/** A column of it. */
export interface BoundColumn {
  readonly step: ColumnPreprocessing;
  /** Which of the stores. */
  readonly file: number;
  readonly stored: StoredColumn;
  /** Of text the dictionary. */
  readonly texts: readonly string[];
}

/**
 * Brings together what an input is fed with and what is done to it.
 * @throws InputError where shapes do not fit, and for columns that are not of the kind that the preprocessing was
 *   fitted on
 */
export function boundInputs(
  preprocessing: Preprocessing,
  inputs: readonly FedInput[],
  stores: readonly Store[],
): readonly BoundInput[] {
  return inputs.map((input) => {
    const steps = preprocessing.tensors.find(({ name, role }) => name === input.name && role === input.role);
    if (steps === undefined) throw new Error(`no preprocessing for "${input.name}"`);
    const shape = exampleShape(input, steps.columns);
    const columns = input.columns.flatMap((fed, index): BoundColumn[] => {
      const { file, column } = fed;
      const step = steps.columns[index];
      const store = stores[file];
      if (step === undefined || store === undefined) return [];
      checkKind(fed, step, shape);
      return [{ step, file, stored: storedColumn(store, column.name), texts: store.texts(column.name) }];
    });
    return { name: input.name, type: input.type, shape, columns };
  });
}

function checkKind({ label, column }: FileColumn, step: ColumnPreprocessing, shape: readonly number[]): void {
  const where = `${label}, column "${column.name}"`;
  const isText = column.kind === "text";
  const list = step.kind === "one-hot" ? step.categories : step.kind === "class" ? step.classes : [];
  const isOfText = step.kind === "text" || list.some((value) => typeof value === "string");
  if (isText && !isOfText) throw new InputError(where, "holds text, and held numbers when it was fitted");
  if (!isText && isOfText) throw new InputError(where, "holds numbers, and held text when it was fitted");
  if (step.kind !== "array" && column.shape.length > 0) {
    throw new InputError(where, "holds an array for each example, and held one value when it was fitted");
  }
  if (step.kind !== "array" || step.axis === undefined) return;
  const [means, extent] = [step.subtract.length, shape[step.axis] ?? 1];
  if (means !== extent) {
    throw new InputError(where, `has ${extent} parts, and had ${means} when its means were fitted`);
  }
}

/**
 * Where each number in a dictionary of texts is in a list, at one behind it: place 0 is for missing ones. −1 for what
 * is not in the list.
 */
export function placesOfTexts(texts: readonly string[], list: readonly unknown[], fill: unknown): Int32Array {
  const places = new Map(list.map((value, place) => [value, place]));
  return Int32Array.from([fill, ...texts], (text) => places.get(text) ?? -1);
}
