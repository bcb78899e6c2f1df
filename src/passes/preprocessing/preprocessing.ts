import { z } from "zod";
import { InputError } from "../../graph/errors.js";

/** The key of the metadata in which a trained model says what was done to the data that it was trained on. */
export const PREPROCESSING = "caadam.preprocessing";

/**
 * What was done to raw data before a model was trained on it, with all numbers that were fitted: plain JSON, kept in
 * checkpoints and with the trained model, so that the same can be done to other data.
 */
export interface Preprocessing {
  readonly format: "caadam-preprocessing";
  readonly version: 1;
  /** What becomes of examples that lack a value which nothing fills; of features it may be kept. */
  readonly missing: "error" | "drop" | "keep";
  /** Features and targets of the training graph. */
  readonly tensors: readonly TensorPreprocessing[];
}

/** What one feature or target is made of. */
export interface TensorPreprocessing {
  /** The input of the training graph; of a feature the input of the model as well. */
  readonly name: string;
  readonly role: "feature" | "target";
  /** Of one training example, without the batch. */
  readonly shape: readonly number[];
  /** One after the other along the last axis; an array is alone. */
  readonly columns: readonly ColumnPreprocessing[];
}

/** What a column of the data becomes. */
export type ColumnPreprocessing = NumberColumn | ArrayColumn | OneHotColumn | ClassColumn | TextColumn;

/** Where the values are. */
interface ColumnReference {
  readonly column: string;
  /** Which of the data files has it, from 0. */
  readonly file: number;
}

/** What class numbers may be. */
interface ClassNumbers {
  /** Numbers from 0 to one less than this. */
  readonly classes?: number;
  /** A number that is allowed beside them: targets that do not count. */
  readonly ignoreIndex?: number;
}

/** (x − subtract) / divide. */
export interface NumberColumn extends ColumnReference, ClassNumbers {
  readonly kind: "number";
  readonly subtract: number;
  readonly divide: number;
  /** Stands for missing values. */
  readonly fill?: number;
}

/** (x − subtract) / divide, with one number each, or one for each place along an axis. */
export interface ArrayColumn extends ColumnReference, ClassNumbers {
  readonly kind: "array";
  /** Of one example as the model takes it, from 0; absent where one number is for all. */
  readonly axis?: number;
  readonly subtract: readonly number[];
  readonly divide: readonly number[];
}

/** A number for each category: 1 for that which the value is, else 0. */
export interface OneHotColumn extends ColumnReference {
  readonly kind: "one-hot";
  /** Text, by UTF-16 code units, or whole numbers; in order. */
  readonly categories: readonly string[] | readonly number[];
  /** What a value that is no category is: an error, or 0 everywhere. */
  readonly unknown: "error" | "zeros";
  /** The category that stands for missing values. */
  readonly fill?: string | number;
}

/** The place of the value among the classes. */
export interface ClassColumn extends ColumnReference {
  readonly kind: "class";
  /** Text, by UTF-16 code units, or numbers; in order. */
  readonly classes: readonly string[] | readonly number[];
}

/** Text as it is, for models that take text. */
export interface TextColumn extends ColumnReference {
  readonly kind: "text";
}

const reference = { column: z.string(), file: z.int().nonnegative() };
const classNumbers = { classes: z.int().positive().exactOptional(), ignoreIndex: z.int().exactOptional() };
const divisor = z.number().refine((number) => number !== 0, "cannot be 0");
const names = z.union([z.array(z.string()), z.array(z.number())]);

const columnSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("number"),
    ...reference,
    ...classNumbers,
    subtract: z.number(),
    divide: divisor,
    fill: z.number().exactOptional(),
  }),
  z.object({
    kind: z.literal("array"),
    ...reference,
    ...classNumbers,
    axis: z.int().nonnegative().exactOptional(),
    subtract: z.array(z.number()).min(1),
    divide: z.array(divisor).min(1),
  }),
  z.object({
    kind: z.literal("one-hot"),
    ...reference,
    categories: names,
    unknown: z.enum(["error", "zeros"]),
    fill: z.union([z.string(), z.number()]).exactOptional(),
  }),
  z.object({ kind: z.literal("class"), ...reference, classes: names }),
  z.object({ kind: z.literal("text"), ...reference }),
]);

const schema: z.ZodType<Preprocessing> = z.object({
  format: z.literal("caadam-preprocessing"),
  version: z.literal(1),
  missing: z.enum(["error", "drop", "keep"]),
  tensors: z.array(
    z.object({
      name: z.string(),
      role: z.enum(["feature", "target"]),
      shape: z.array(z.int().nonnegative()),
      columns: z.array(columnSchema),
    }),
  ),
});

/**
 * Preprocessing from parsed JSON.
 * @param where the file, for messages
 * @throws InputError for anything else, with the place of what is wrong
 */
export function readPreprocessing(json: unknown, where: string): Preprocessing {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? "" : ` at ${issue.path.map(String).join(".")}`;
  throw new InputError(where, `holds no preprocessing that we know${place}: ${issue?.message ?? "unknown format"}`);
}

/** The classes of a target that was made of labels, in the order of their numbers; undefined for other targets. */
export function classesOf(preprocessing: Preprocessing, target: string): readonly (string | number)[] | undefined {
  const [column] = preprocessing.tensors.find(({ name, role }) => role === "target" && name === target)?.columns ?? [];
  return column?.kind === "class" ? column.classes : undefined;
}

/** How many elements a column gives; of an array, undefined. */
export function widthOf(column: ColumnPreprocessing): number | undefined {
  if (column.kind === "array") return undefined;
  return column.kind === "one-hot" ? column.categories.length : 1;
}
