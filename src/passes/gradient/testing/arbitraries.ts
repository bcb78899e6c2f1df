import fc from "fast-check";
import type { OperandCase } from "./operator-case.js";

/** Numbers in a range that are no closer than `gap` to any of the points where the operator has a kink. */
export function numbersBetween(
  low: number,
  high: number,
  kinks: readonly number[] = [],
  gap = 0.05,
): fc.Arbitrary<number> {
  return fc
    .double({ min: low, max: high, noNaN: true, noDefaultInfinity: true })
    .filter((number) => kinks.every((kink) => Math.abs(number - kink) > gap));
}

/** A tensor of real numbers. */
export function operand(
  shape: readonly number[],
  numbers: fc.Arbitrary<number>,
  role: OperandCase["role"] = "parameter",
): fc.Arbitrary<OperandCase> {
  const count = shape.reduce((product, extent) => product * extent, 1);
  return fc
    .array(numbers, { minLength: count, maxLength: count })
    .map((values) => ({ role, dataType: "float" as const, shape, values }));
}

/** A tensor of real numbers no two of which are near to each other. */
export function tensorApart(shape: readonly number[]): fc.Arbitrary<OperandCase> {
  const count = shape.reduce((product, extent) => product * extent, 1);
  return fc
    .uniqueArray(fc.integer({ min: -count, max: count }), { minLength: count, maxLength: count })
    .map((values) => ({
      role: "parameter",
      dataType: "float" as const,
      shape,
      values: values.map((value) => value / 4),
    }));
}

/** An axis of a shape, counted from the front or from the back. */
export function axisOf(shape: readonly number[]): fc.Arbitrary<number> {
  return fc.integer({ min: -shape.length, max: shape.length - 1 });
}

/** A shape of so many axes, small. */
export function shapes(minRank: number, maxRank: number, maxExtent = 3): fc.Arbitrary<readonly number[]> {
  return fc.array(fc.integer({ min: 1, max: maxExtent }), { minLength: minRank, maxLength: maxRank });
}

/** A shape that broadcasts to another one: some extents are 1, some leading axes left out. */
export function broadcastable(to: readonly number[]): fc.Arbitrary<readonly number[]> {
  return fc
    .tuple(fc.array(fc.boolean(), { minLength: to.length, maxLength: to.length }), fc.nat({ max: to.length }))
    .map(([kept, dropped]) => to.map((extent, axis) => (kept[axis] === true ? extent : 1)).slice(dropped));
}

/** An int64 constant, one-dimensional unless a shape is given. */
export function integerConstant(values: readonly number[], shape: readonly number[] = [values.length]): OperandCase {
  return { role: "constant", dataType: "int64", shape, values };
}

/** The same tensor, with extents that the graph knows, or with symbols for all of them. */
export function knownOrSymbolic(operands: fc.Arbitrary<OperandCase>): fc.Arbitrary<OperandCase> {
  return fc
    .tuple(operands, fc.boolean())
    .map(([tensor, isSymbolic]) => (isSymbolic ? { ...tensor, symbolic: [...tensor.shape.keys()] } : tensor));
}

/** Integers as a constant, or fed while the graph runs. */
export function integerOperand(
  values: readonly number[],
  shape: readonly number[] = [values.length],
): fc.Arbitrary<OperandCase> {
  return fc.constantFrom("constant" as const, "data" as const).map((role) => ({
    role,
    dataType: "int64" as const,
    shape,
    values,
  }));
}

/** Tensors of numbers of which no two are nearer than 0.1. */
export function distinctOperands(...tensors: readonly (readonly number[])[]): fc.Arbitrary<readonly OperandCase[]> {
  const counts = tensors.map((shape) => shape.reduce((product, extent) => product * extent, 1));
  const total = counts.reduce((sum, count) => sum + count, 0);
  const numbers = Array.from({ length: total }, (_, index) => (index - Math.floor(total / 2)) / 10 + 0.05);
  return fc.shuffledSubarray(numbers, { minLength: total }).map((shuffled) => {
    let start = 0;
    return tensors.map((shape, index) => {
      const values = shuffled.slice(start, start + (counts[index] ?? 0));
      start += values.length;
      return { role: "parameter" as const, dataType: "float" as const, shape, values };
    });
  });
}
