import { InputError } from "../../../graph/errors.js";
import type { SourceValues } from "../source.js";
import { safeIntegers } from "./element-types.js";
import type { ReadableColumn } from "./parquet-columns.js";

/** Where the values of a column are, for messages. */
export interface ValuePlace {
  /** @param row from 0, in the row group */
  where(row: number): string;
}

/**
 * The values of a column in one row group, as a library decoded them: numbers, integers of 64 bits, booleans, texts, or arrays of such; null
 * where one is missing.
 * @param length of the list in each row, 1 where there are no lists
 * @throws InputError naming a row that does not fit
 */
export function parquetValues(
  decoded: readonly unknown[],
  column: ReadableColumn,
  length: number,
  place: ValuePlace,
): SourceValues {
  const values = column.isList ? flattened(decoded, length, place) : decoded;
  const rowOf = (index: number): string => place.where(Math.floor(index / length));
  switch (column.kind) {
    case "text":
      return { kind: "text", values: values.map((value, index) => textOf(value, () => rowOf(index))) };
    case "int64":
      return integers(values, rowOf);
    case "float32":
      return { kind: "float32", values: numbersInto(new Float32Array(values.length), values, rowOf) };
    case "float64":
    case "uint8": {
      const numbers = numbersInto(new Float64Array(values.length), values, rowOf);
      return { kind: "float64", values: column.scale === undefined ? numbers : decimals(numbers, column.scale) };
    }
  }
}

/** How long the lists of a column are: as the first that is not missing. */
export function listLength(decoded: readonly unknown[]): number | undefined {
  const first = decoded.find((list) => Array.isArray(list));
  return Array.isArray(first) ? first.length : undefined;
}

/** All elements of all lists; those of a missing list are missing. */
function flattened(decoded: readonly unknown[], length: number, place: ValuePlace): readonly unknown[] {
  const missing = Array.from({ length }, () => null);
  return decoded.flatMap((list: unknown, row): readonly unknown[] => {
    if (list === null) return missing;
    if (!Array.isArray(list)) throw damaged(place.where(row));
    if (list.length === length) return list;
    throw new InputError(
      place.where(row),
      `has a list of ${list.length} numbers, the first has ${length}`,
      "make all of one length",
    );
  });
}

function numbersInto<Numbers extends Float32Array | Float64Array>(
  numbers: Numbers,
  values: readonly unknown[],
  rowOf: (index: number) => string,
): Numbers {
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (typeof value === "number") numbers[index] = value;
    else if (typeof value === "boolean" || typeof value === "bigint") numbers[index] = Number(value);
    else if (value === null) numbers[index] = Number.NaN;
    else throw damaged(rowOf(index));
  }
  return numbers;
}

function textOf(value: unknown, where: () => string): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  if (value === null) return undefined;
  throw damaged(where());
}

/** As float64 where all are safe integers; where one is missing, all must be. */
function integers(values: readonly unknown[], rowOf: (index: number) => string): SourceValues {
  const numbers = numbersInto(new Float64Array(values.length), values, rowOf);
  const unsafe = numbers.findIndex((number) => !Number.isNaN(number) && !Number.isSafeInteger(number));
  if (unsafe === -1) return { kind: "float64", values: numbers };
  if (numbers.some(Number.isNaN)) {
    throw new InputError(
      rowOf(unsafe),
      `holds ${String(values[unsafe])}, which is too large in a column with missing values`,
      "write the column as floating-point numbers",
    );
  }
  const large = values.findIndex((value) => typeof value === "bigint" && BigInt.asIntN(64, value) !== value);
  if (large !== -1)
    throw new InputError(rowOf(large), `holds ${String(values[large])}, which is too large for a 64-bit integer`);
  return safeIntegers(
    BigInt64Array.from(values, (value) => (typeof value === "bigint" ? value : BigInt(Number(value)))),
  );
}

/** The library multiplies by 0.1, 0.01 ..., which is not exact: the nearest number with so many digits is meant. */
function decimals(numbers: Float64Array, scale: number): Float64Array {
  const factor = 10 ** scale;
  return numbers.map((number) => {
    const whole = Math.round(number * factor);
    return Number.isSafeInteger(whole) && scale <= 22 ? whole / factor : number;
  });
}

function damaged(where: string): InputError {
  return new InputError(where, "is damaged: a value is not of the declared type", "get the file again");
}
