import { bitsOf, type DataType, isFloatingPoint } from "../data-type.js";
import {
  add,
  ceilDivide,
  divideExactly,
  type Extent,
  floorDivide,
  isAtLeast,
  maximum,
  minimum,
  multiply,
  product,
  subtract,
  termsOf,
} from "./extent.js";

/**
 * An element of a tensor as shape inference knows it: a number, a symbolic extent, or null where it is unknown.
 * Elements of float tensors may have halves, quarters ... of symbols; such ones are taken to stay below 2²⁴, where
 * float32 is exact.
 */
export type Element = Extent | null;

/** Computes an element from known ones, in the arithmetic of their type; null where the result is unknown. */
export type ElementFunction = (...operands: readonly Extent[]) => Element;

/** Computes an element from others, unknown ones included. */
export type Combination = (...operands: readonly Element[]) => Element;

/** Unknown where one of the operands is. */
export function strict(apply: ElementFunction): Combination {
  return (...operands) => {
    const known = operands.filter((operand) => operand !== null);
    return known.length === operands.length ? apply(...known) : null;
  };
}

/** The smallest part of a symbol that an element of a float tensor may have. */
export const finestPart = 2 ** -10;

/** A result as an element type holds it; null where it would overflow, or where rounding leaves it open. */
export function heldBy(dataType: DataType, value: Element): Element {
  if (value === null) return null;
  return typeof value === "number" ? heldNumber(dataType, value) : heldExpression(dataType, value);
}

function heldNumber(dataType: DataType, value: number): Element {
  if (!Number.isFinite(value)) return null;
  switch (dataType) {
    case "float64":
      return value;
    case "float32":
      return finiteOrNull(Math.fround(value));
    case "float16":
    case "bfloat16":
      return Number.isInteger(value) && Math.abs(value) <= (dataType === "float16" ? 2048 : 256) ? value : null;
    default: {
      const [lowest, highest] = rangeOf(dataType);
      return Number.isInteger(value) && value >= lowest && value <= highest ? value + 0 : null;
    }
  }
}

function finiteOrNull(value: number): Element {
  return Number.isFinite(value) ? value : null;
}

/** What an integer type holds, as far as numbers are exact: 64-bit extremes are read as other numbers. */
function rangeOf(dataType: DataType): readonly [number, number] {
  if (dataType === "bool") return [0, 1];
  const bits = Math.min(bitsOf(dataType), 52);
  return dataType.startsWith("uint") ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}

function heldExpression(dataType: DataType, value: string): Element {
  const [coefficients, unit] = [termsOf(value).map(({ coefficient }) => coefficient), unitOf(dataType)];
  if (unit === undefined || !coefficients.every((coefficient) => Number.isInteger(coefficient / unit))) return null;
  return dataType.startsWith("uint") && !isAtLeast(value, 0) ? null : value;
}

/** What coefficients of symbols are multiples of; undefined for types too small for extents. */
function unitOf(dataType: DataType): number | undefined {
  if (dataType === "float32" || dataType === "float64") return finestPart;
  return bitsOf(dataType) >= 32 && !isFloatingPoint(dataType) ? 1 : undefined;
}

function isIntegral(value: Extent): boolean {
  return termsOf(value).every(({ coefficient }) => Number.isInteger(coefficient));
}

/** ⌊x⌋. */
export function floorOf(x: Extent): Extent {
  if (typeof x === "number") return Math.floor(x) + 0;
  return isIntegral(x) ? x : floorDivide(multiply(x, 1 / finestPart), 1 / finestPart);
}

/** ⌈x⌉. */
export function ceilingOf(x: Extent): Extent {
  return multiply(floorOf(multiply(x, -1)), -1);
}

/** x without its fraction, as casts from float to integer types have it. */
export function truncated(x: Extent): Element {
  if (isIntegral(x) || isAtLeast(x, 0)) return floorOf(x);
  return isAtLeast(0, x) ? ceilingOf(x) : null;
}

/** x rounded, halves to the even neighbour. */
export function roundedToEven(x: Extent): Element {
  if (typeof x === "string") return isIntegral(x) ? x : null;
  const below = Math.floor(x);
  const distance = x - below;
  return distance < 0.5 || (distance === 0.5 && below % 2 === 0) ? below : below + 1;
}

/** |x|. */
export function absolute(x: Extent): Element {
  if (isAtLeast(x, 0)) return x;
  return isAtLeast(0, x) ? multiply(x, -1) : null;
}

/** −1, 0 or 1. */
export function signOf(x: Extent): Element {
  if (typeof x === "number") return Math.sign(x);
  if (isAtLeast(x, finestPart)) return 1;
  return isAtLeast(-finestPart, x) ? -1 : null;
}

/** a / b: integer types divide towards zero. */
export function quotientIn(dataType: DataType): ElementFunction {
  return isFloatingPoint(dataType) ? floatQuotient : integerQuotient;
}

function integerQuotient(a: Extent = 0, b: Extent = 0): Element {
  if (b === 0) return null;
  if (typeof a === "number" && typeof b === "number") return Math.trunc(a / b);
  const isPositive = isAtLeast(b, 1);
  const exact = typeof b === "number" || isPositive ? divideExactly(a, b) : undefined;
  if (exact !== undefined) return exact;
  return isPositive ? add(maximum(floorDivide(a, b), 0), minimum(ceilDivide(a, b), 0)) : null;
}

function floatQuotient(a: Extent = 0, b: Extent = 0): Element {
  if (b === 0) return null;
  if (typeof b === "number") {
    if (typeof a === "number") return a / b;
    return Number.isInteger(Math.log2(Math.abs(b))) ? multiply(a, 1 / b) : (divideExactly(a, b) ?? null);
  }
  return isAtLeast(b, finestPart) ? (divideExactly(a, b) ?? null) : null;
}

/** a mod b with the sign of b, or of a where `fmod` is set. */
export function remainderIn(dataType: DataType, fmod: boolean): ElementFunction {
  return (a = 0, b = 0) => {
    if (b === 0) return null;
    if (typeof a === "number" && typeof b === "number") {
      const rest = a % b;
      return fmod || rest === 0 || rest < 0 === b < 0 ? rest : rest + b;
    }
    if (isFloatingPoint(dataType) || !isAtLeast(b, 1) || (fmod && !isAtLeast(a, 0))) return null;
    return subtract(a, multiply(b, floorDivide(a, b)));
  };
}

/** aᵇ. */
export function power(a: Extent = 0, b: Extent = 0): Element {
  if (typeof b !== "number") return null;
  if (typeof a === "number") {
    const result = a ** b;
    // Only integers are the same with every library's pow.
    return Number.isInteger(a) && Number.isInteger(b) && b >= 0 && Number.isSafeInteger(result) ? result : null;
  }
  return Number.isInteger(b) && b >= 0 && b <= 4 ? product(Array.from({ length: b }, () => a)) : null;
}

/** a = b, as 0 or 1. */
export function isEqual(a: Extent = 0, b: Extent = 0): Element {
  if (isClamped(a) && isClamped(b)) return null;
  if (a === b) return 1;
  return (typeof a === "number" && typeof b === "number") || isLess(a, b) === 1 || isLess(b, a) === 1 ? 0 : null;
}

/** a < b, as 0 or 1. */
export function isLess(a: Extent = 0, b: Extent = 0): Element {
  if (isClamped(a) && isClamped(b)) return null;
  if (typeof a === "number" && typeof b === "number") return a < b ? 1 : 0;
  if (isAtLeast(a, b)) return 0;
  return isAtLeast(b, add(a, finestPart)) ? 1 : null;
}

/** Whether a number may stand for a 64-bit integer of which only the magnitude is known. */
function isClamped(x: Extent): boolean {
  return typeof x === "number" && Math.abs(x) >= Number.MAX_SAFE_INTEGER;
}

/** The negation of 0 or 1. */
export function negated(x: Element): Element {
  return typeof x === "number" ? 1 - x : null;
}

/** a − b. */
export const difference: ElementFunction = (a = 0, b = 0) => subtract(a, b);

/** The sum, 0 for no operands; of more than two floats only where rounding leaves it the same in any order. */
export function sumIn(dataType: DataType): ElementFunction {
  return inAnyOrder(dataType, (operands) => operands.reduce(add, 0));
}

/** The product, 1 for no operands; of more than two floats only where rounding leaves it the same in any order. */
export function productIn(dataType: DataType): ElementFunction {
  return inAnyOrder(dataType, product);
}

function inAnyOrder(dataType: DataType, combine: (operands: readonly Extent[]) => Extent): ElementFunction {
  return (...operands) => {
    const result = combine(operands);
    if (operands.length <= 2 || !isFloatingPoint(dataType)) return result;
    const isExact = (value: Extent) =>
      typeof value === "string" || (Number.isInteger(value) && Math.abs(value) < 2 ** 24);
    return [...operands, result].every(isExact) ? result : null;
  };
}

/** The greatest operand, unknown for none. */
export const greatest: ElementFunction = (first, ...others) =>
  first === undefined ? null : others.reduce(maximum, first);
/** The smallest operand, unknown for none. */
export const smallest: ElementFunction = (first, ...others) =>
  first === undefined ? null : others.reduce(minimum, first);
