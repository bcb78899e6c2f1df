import { InputError } from "../../graph/errors.js";
import type { ArrayColumn, NumberColumn } from "../../passes/preprocessing/preprocessing.js";
import { type BoundColumn, type BoundInput, placesOfTexts } from "./bound.js";
import { integerRange } from "./host-array.js";
import { type Block, elementsOf, readCodes, readScalars } from "./records.js";
import { scan } from "./scan.js";
import type { Store } from "./store.js";

/**
 * Checks, before anything is trained, that all values of these rows can be what they are to be: whole numbers of the
 * type's range, class numbers that the model knows, categories and labels that were there when they were fitted.
 * @throws InputError with file, row and column of the first that cannot
 */
export function verifyRows(inputs: readonly BoundInput[], stores: readonly Store[], rows: Uint32Array): void {
  const checks = inputs.flatMap((input) =>
    input.columns.flatMap((column) => {
      const find = finderOf(input, column);
      return find === undefined ? [] : [{ column, find }];
    }),
  );
  if (checks.length === 0) return;
  scan(stores, rows, (blocks, some) => {
    for (const { column, find } of checks) {
      const block = blocks[column.file];
      const wrong = block === undefined ? undefined : find(block);
      if (wrong === undefined) continue;
      const place = stores[column.file]?.describe(some[wrong.index] ?? 0) ?? "";
      throw new InputError(`${place}, column "${column.stored.name}"`, wrong.what, wrong.remedy);
    }
  });
}

/** What is wrong with a row of a block. */
interface Wrong {
  readonly index: number;
  readonly what: string;
  readonly remedy?: string;
}

type Finder = (block: Block) => Wrong | undefined;

function finderOf(input: BoundInput, column: BoundColumn): Finder | undefined {
  const { step } = column;
  switch (step.kind) {
    case "number":
    case "array":
      return numberFinder(input, column, step);
    case "text":
      return undefined;
    case "one-hot":
      if (step.unknown === "zeros") return undefined;
      return listFinder(column, step.categories, step.fill, {
        noun: "which is none of the categories of the training examples",
        remedy: "choose --unknown-categories zeros to take it as none of them",
      });
    case "class":
      return listFinder(column, step.classes, undefined, { noun: "which is none of the labels" });
  }
}

function numberFinder(
  { type, name }: BoundInput,
  { stored }: BoundColumn,
  { classes, ignoreIndex }: NumberColumn | ArrayColumn,
): Finder | undefined {
  const range = classes === undefined ? integerRange(type) : ([0, classes - 1] as const);
  if (range === undefined || (stored.kind === "uint8" && range[0] <= 0 && range[1] >= 255)) return undefined;
  const [least, most] = range;
  const firstWrong = (numbers: Float64Array | Float32Array | Uint8Array) => {
    for (let index = 0; index < numbers.length; index++) {
      const number = numbers[index] ?? 0;
      // Missing values are no concern here: they are dropped or filled.
      const isRight = (number >= least && number <= most && Math.floor(number) === number) || number === ignoreIndex;
      if (!isRight && !Number.isNaN(number)) return index;
    }
    return -1;
  };
  const wrong = (index: number, number: number): Wrong => {
    if (classes !== undefined) {
      const rule = Number.isInteger(number) ? `go from 0 to ${classes - 1}` : "are whole";
      const remedy = "labels of another kind are numbered with --number-labels";
      return { index, what: `holds ${number}, and class numbers ${rule}`, remedy };
    }
    const rule = Number.isInteger(number) ? `numbers from ${least} to ${most}` : "whole numbers";
    return { index, what: `holds ${number}, and "${name}" takes ${rule} (${type})` };
  };
  return (block) => {
    if (stored.shape.length === 0) {
      const numbers = new Float64Array(block.rows.length);
      readScalars(block, stored, numbers);
      const index = firstWrong(numbers);
      return index < 0 ? undefined : wrong(index, numbers[index] ?? 0);
    }
    for (let index = 0; index < block.rows.length; index++) {
      const numbers = elementsOf(block, stored, index);
      const place = firstWrong(numbers);
      if (place >= 0) return wrong(index, numbers[place] ?? 0);
    }
    return undefined;
  };
}

function listFinder(
  { stored, texts }: BoundColumn,
  list: readonly (string | number)[],
  fill: string | number | undefined,
  { noun, remedy }: { readonly noun: string; readonly remedy?: string },
): Finder {
  const known = `(${listed(list)})`;
  const wrong = (index: number, value: string): Wrong => ({
    index,
    what: `holds ${value}, ${noun} ${known}`,
    ...(remedy === undefined ? {} : { remedy }),
  });
  if (stored.kind === "text") {
    const places = placesOfTexts(texts, list, fill);
    return (block) => {
      const codes = new Int32Array(block.rows.length);
      readCodes(block, stored, codes);
      const index = codes.findIndex((code) => code >= 0 && places[code + 1] === -1);
      return index < 0 ? undefined : wrong(index, JSON.stringify(texts[codes[index] ?? 0] ?? ""));
    };
  }
  const set = new Set<string | number>(list);
  return (block) => {
    const numbers = new Float64Array(block.rows.length);
    readScalars(block, stored, numbers);
    const index = numbers.findIndex((number) => !Number.isNaN(number) && !set.has(number));
    return index < 0 ? undefined : wrong(index, String(numbers[index] ?? 0));
  };
}

function listed(list: readonly (string | number)[]): string {
  const first = list.slice(0, 10).map((value) => (typeof value === "string" ? JSON.stringify(value) : String(value)));
  return list.length > first.length ? `${first.join(", ")} and ${list.length - first.length} more` : first.join(", ");
}
