import type { SourceValues } from "../source.js";

/** Takes the cells of one column, one after the other, and gives them as values. */
export interface CellReader {
  /** The cell in [start, end) of some bytes. False when the column cannot hold it. */
  takeBytes(bytes: Buffer, start: number, end: number): boolean;
  takeText(cell: string): boolean;
  /** The values taken since it was last called. */
  finish(): SourceValues;
}

/** What a cell holds. */
export type CellKind = "missing" | "number" | "text";

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const NOT_FINITE = /^[+-]?(?:inf|infinity)$/i;
const DECIMAL_COMMA = /^[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+),\d+$/;

/** Infinities count as numbers, so that a column of numbers stays one; they are refused when they are read. */
export function cellKind(cell: string, missing: ReadonlySet<string>): CellKind {
  const text = cell.trim();
  if (missing.has(text)) return "missing";
  return NUMBER.test(text) || NOT_FINITE.test(text) ? "number" : "text";
}

/** Why a cell is no number, in words. */
export function notANumber(cell: string): string {
  const text = cell.trim();
  if (NOT_FINITE.test(text) || NUMBER.test(text)) return "is not a finite number";
  return hasDecimalComma(text) ? "has a decimal comma; numbers are written with a point" : "is not a number";
}

/** "3,14" */
export function hasDecimalComma(cell: string): boolean {
  return DECIMAL_COMMA.test(cell.trim());
}

/** A column of numbers, as float64: what is missing is NaN. Spaces around a number do not count. */
export function numberReader(missing: ReadonlySet<string>): CellReader {
  // As -999: then every cell must be looked up as text.
  const isNumberMissing = [...missing].some((text) => NUMBER.test(text));
  let values = new Float64Array(1024);
  let count = 0;
  const push = (value: number): true => {
    if (count === values.length) {
      const longer = new Float64Array(values.length * 2);
      longer.set(values);
      values = longer;
    }
    values[count++] = value;
    return true;
  };
  const takeText = (cell: string): boolean => {
    const text = cell.trim();
    if (missing.has(text)) return push(Number.NaN);
    const value = NUMBER.test(text) ? Number(text) : Number.NaN;
    return Number.isFinite(value) && push(value);
  };
  return {
    takeText,
    takeBytes: (bytes, start, end) => {
      const value = isNumberMissing ? Number.NaN : plainDecimal(bytes, start, end);
      return Number.isNaN(value) ? takeText(bytes.toString("utf8", start, end)) : push(value);
    },
    finish: () => {
      const taken = values.slice(0, count);
      count = 0;
      return { kind: "float64", values: taken };
    },
  };
}

/** Texts kept to be given again instead of equal ones: a column of labels has few. */
const KEPT = 4096;

/** A column of text: cells as they are, spaces included; what is missing is undefined. */
export function textReader(missing: ReadonlySet<string>): CellReader {
  const kept = new Map<string, string>();
  let values: (string | undefined)[] = [];
  const takeText = (cell: string): true => {
    const known = kept.get(cell);
    if (known !== undefined) values.push(known);
    else if (missing.has(cell.trim())) values.push(undefined);
    else {
      if (kept.size < KEPT) kept.set(cell, cell);
      values.push(cell);
    }
    return true;
  };
  return {
    takeText,
    takeBytes: (bytes, start, end) => takeText(bytes.toString("utf8", start, end)),
    finish: () => {
      const taken = values;
      values = [];
      return { kind: "text", values: taken };
    },
  };
}

/** Powers of ten that float64 holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/**
 * The number that a cell of plain digits writes, as "-122.23"; NaN for any other cell, which is then read as text. An integer below 10^15
 * divided by a power of ten up to 10^22 is rounded once (Clinger, "How to Read Floating Point Numbers Accurately", 1990): the result is
 * the nearest float64.
 */
export function plainDecimal(bytes: Uint8Array, start: number, end: number): number {
  let index = start;
  const isNegative = bytes[index] === 0x2d;
  if (isNegative) index++;
  let digits = 0;
  let fraction = 0;
  let isFraction = false;
  let value = 0;
  for (; index < end; index++) {
    const byte = bytes[index] ?? 0;
    if (byte >= 0x30 && byte <= 0x39) {
      value = value * 10 + (byte - 0x30);
      digits++;
      if (isFraction) fraction++;
    } else if (byte === 0x2e && !isFraction) isFraction = true;
    else return Number.NaN;
  }
  if (digits === 0 || digits > 15) return Number.NaN;
  const number = value / (POWERS[fraction] ?? Number.NaN);
  return isNegative ? -number : number;
}
