import {
  type AssembledData,
  assembleFor,
  type AssembleOptions,
  type Columns,
  type Contract,
  type DataDescription,
  InputError,
  isSameFile,
  MISSING,
  openSource,
  type Source,
  type SourceOptions,
} from "../src/index.js";
import { existsSync, statSync } from "node:fs";
import { file, globs, namesIn, number } from "./options.js";

/** How files of data are read, as people say it. */
export interface GivenSources {
  readonly data: readonly string[];
  readonly header: "yes" | "no" | undefined;
  readonly delimiter: string | undefined;
  readonly "missing-values": string | undefined;
  readonly "text-columns": string | undefined;
}

/** The options of {@link GivenSources}. */
export const sourceOptions = {
  data: {
    ...globs,
    describe:
      "A file of examples: CSV, TSV, Parquet, NPY, NPZ or IDX, also .gz; of several, row n of all is one example",
  },
  header: {
    choices: ["yes", "no"] as const,
    defaultDescription: "by its first row",
    describe: "CSV: whether the first row names the columns",
  },
  delimiter: { ...file, defaultDescription: "by its first row", describe: "CSV: what is between cells" },
  "missing-values": {
    type: "string",
    requiresArg: true,
    defaultDescription: MISSING.filter((text) => text !== "").join(", "),
    describe: "CSV: what stands for a missing value besides an empty cell, with commas between",
  },
  "text-columns": {
    type: "string",
    requiresArg: true,
    describe: "CSV: columns that hold text even where it looks like numbers, with commas between",
  },
} as const;

/** What in the data is what, and what becomes of it, as people say it. */
export interface GivenData extends GivenSources {
  readonly features: readonly string[];
  readonly target: readonly string[];
  readonly "validation-data": readonly string[];
  readonly "validation-split": number | undefined;
  readonly "no-shuffle": boolean;
  readonly standardize: boolean;
  readonly "standardize-target": boolean;
  readonly "one-hot": string | undefined;
  readonly "unknown-categories": "error" | "zeros";
  readonly "divide-by": number | undefined;
  readonly missing: "error" | "drop" | "mean" | "median" | "keep";
  readonly "number-labels": boolean;
}

/** The options of {@link GivenData}. */
export const dataOptions = {
  ...sourceOptions,
  features: {
    ...globs,
    defaultDescription: "all that is no target",
    describe: "[input=]columns: what the model is fed with, with commas between; may be repeated for several inputs",
  },
  target: {
    ...globs,
    defaultDescription: "a column called as the target's input",
    describe: "[input=]columns: what is to be predicted; or, where there is no such column, a file that holds it",
  },
  "validation-data": { ...globs, describe: "A file of examples for validation, in the form of --data" },
  "validation-split": number(
    "validation-split",
    "How many of the examples are for validation: a share below 1, or a number of them; 0 is none",
  ),
  "no-shuffle": {
    type: "boolean",
    default: false,
    describe: "Take the examples in their own order in every epoch, and the last ones for validation",
  },
  standardize: {
    type: "boolean",
    default: false,
    describe: "Features minus their mean, divided by their standard deviation, both of the training examples",
  },
  "standardize-target": { type: "boolean", default: false, describe: "The same for targets that are real numbers" },
  "one-hot": {
    type: "string",
    requiresArg: true,
    describe: "Columns of categories that become a number for each category, with commas between; text: all with text",
  },
  "unknown-categories": {
    choices: ["error", "zeros"] as const,
    default: "error" as const,
    describe: "What becomes of categories that the training examples do not have",
  },
  "divide-by": number("divide-by", "Divide features that are not standardized, as by 255 for images"),
  missing: {
    choices: ["error", "drop", "mean", "median", "keep"] as const,
    default: "error" as const,
    describe:
      "What becomes of examples with missing values; mean and median are of the training examples; keep leaves them to the model, as NaN or empty text",
  },
  "number-labels": {
    type: "boolean",
    default: false,
    describe: "Targets are labels to number in sorted order, as text always is, and no class numbers from 0",
  },
} as const;

/** The same without what training sets apart and how it goes through them. */
export type GivenExamples = Omit<GivenData, "validation-data" | "validation-split" | "no-shuffle">;

/** Opens the files that hold examples. @throws InputError for files that cannot be read */
export async function openSources(paths: readonly string[], given: GivenSources): Promise<readonly Source[]> {
  const { header, delimiter, "missing-values": missing, "text-columns": textColumns } = given;
  const options: SourceOptions = {
    ...(header === undefined ? {} : { header: header === "yes" }),
    ...(delimiter === undefined ? {} : { delimiter: delimiter === String.raw`\t` ? "\t" : delimiter }),
    ...(missing === undefined ? {} : { missing: ["", ...namesIn(missing)] }),
    ...(textColumns === undefined ? {} : { textColumns: namesIn(textColumns) }),
  };
  return Promise.all(paths.map(async (path) => openSource(path, options)));
}

/**
 * Reads and prepares the examples that a training takes.
 * @param contract with the artifact `gradient` or `eval`
 * @throws InputError for files that cannot be read, with file, row and column for data that do not fit
 */
export async function openData(
  contract: Contract,
  given: GivenData,
  how: Pick<AssembleOptions, "seed" | "test"> & { readonly testData?: readonly string[] },
): Promise<AssembledData> {
  const { data, "validation-data": validation, "validation-split": share } = given;
  if (data.length === 0) throw new InputError("--data", "is missing", "name a file of examples");
  if (validation.length > 0 && share !== undefined) {
    throw new InputError("--validation-split", "does not go with --validation-data", "choose one");
  }
  const sources = await openExamples(given);
  const { testData = [], ...others } = how;
  return assembleFor(contract, sources, descriptionOf(given), {
    ...others,
    shuffle: !given["no-shuffle"],
    ...(share === undefined ? {} : { validation: share }),
    ...(validation.length === 0 ? {} : { validationSources: await openSources(validation, given) }),
    ...(testData.length === 0 ? {} : { testSources: await openSources(testData, given) }),
  });
}

/**
 * Opens the files of --data, and of --target those that are no columns of them: labels may be in a file of their own, as
 * those of images are.
 * @throws InputError for files that cannot be read
 */
export async function openExamples(given: GivenExamples): Promise<readonly Source[]> {
  const sources = await openSources(given.data, given);
  const columns = new Set(sources.flatMap((source) => source.columns.map(({ name }) => name)));
  const isOfData = (name: string) => columns.has(name) || given.data.some((path) => isSameFile(path, name));
  const files = given.target.filter((name) => !isOfData(name) && existsSync(name) && statSync(name).isFile());
  return [...sources, ...(await openSources(files, given))];
}

/** The data as people describe them, as the library takes it. */
export function descriptionOf(given: GivenExamples): DataDescription {
  const { features, target, standardize, missing } = given;
  const { "one-hot": oneHot, "divide-by": divideBy } = given;
  return {
    ...(features.length === 0 ? {} : { features: columnsIn("--features", features) }),
    ...(target.length === 0 ? {} : { target: columnsIn("--target", target) }),
    standardize,
    standardizeTarget: given["standardize-target"],
    ...(oneHot === undefined ? {} : { oneHot: oneHot === "text" ? true : namesIn(oneHot) }),
    unknownCategories: given["unknown-categories"],
    ...(divideBy === undefined ? {} : { divideBy }),
    missing,
    labels: given["number-labels"] ? "sorted" : "as-is",
  };
}

/** "a,b" are columns; "x=a,b" the columns of an input. */
function columnsIn(option: string, texts: readonly string[]): Columns {
  const parts = texts.map((text) => {
    const equals = text.indexOf("=");
    return equals < 0
      ? { input: undefined, columns: namesIn(text) }
      : { input: text.slice(0, equals), columns: namesIn(text.slice(equals + 1)) };
  });
  if (parts.every(({ input }) => input === undefined)) return parts.flatMap(({ columns }) => columns);
  const unnamed = parts.findIndex(({ input }) => input === undefined);
  if (unnamed >= 0) {
    const remedy = `say ${option} input=${texts[unnamed] ?? ""}`;
    throw new InputError(`${option} ${texts[unnamed] ?? ""}`, "does not say of which input, and others do", remedy);
  }
  const byInput = new Map<string, readonly string[]>();
  for (const { input = "", columns } of parts) byInput.set(input, [...(byInput.get(input) ?? []), ...columns]);
  return Object.fromEntries(byInput);
}
