import fc from "fast-check";
import {
  distinctOperands,
  integerConstant,
  integerOperand,
  knownOrSymbolic,
  numbersBetween,
  operand,
  shapes,
} from "../arbitraries.js";
import type { OperandCase, OperatorCase } from "../operator-case.js";

const anyNumber = numbersBetween(-2, 2);

function tensor(shape: readonly number[]): fc.Arbitrary<OperandCase> {
  return knownOrSymbolic(operand(shape, anyNumber));
}

/** Indices into an extent, from the front or from the back, in some shape. */
function indices(extent: number, shape: readonly number[]): fc.Arbitrary<readonly number[]> {
  const count = shape.reduce((product, other) => product * other, 1);
  return fc.array(fc.integer({ min: -extent, max: extent - 1 }), { minLength: count, maxLength: count });
}

const gather = fc.tuple(shapes(1, 3, 4), shapes(0, 2)).chain(([shape, of]) =>
  fc.integer({ min: -shape.length, max: shape.length - 1 }).chain((axis) =>
    fc
      .tuple(
        tensor(shape),
        indices(shape.at(axis) ?? 1, of).chain((values) => integerOperand(values, of)),
      )
      .map((inputs): OperatorCase => ({ op: "Gather", attributes: { axis }, inputs })),
  ),
);

const gatherElements = shapes(1, 3).chain((shape) =>
  fc.integer({ min: -shape.length, max: shape.length - 1 }).chain((axis) => {
    const of = shape.with(axis, 4);
    return fc
      .tuple(
        tensor(shape),
        indices(shape.at(axis) ?? 1, of).chain((values) => integerOperand(values, of)),
      )
      .map((inputs): OperatorCase => ({ op: "GatherElements", attributes: { axis }, inputs }));
  }),
);

const gatherND = fc
  .tuple(shapes(3, 3), fc.constantFrom(0, 1), fc.integer({ min: 1, max: 2 }))
  .chain(([shape, batchAxes, length]) => {
    const of = [...shape.slice(0, batchAxes), 2, length];
    const smallest = Math.min(...shape.slice(batchAxes, batchAxes + length));
    return fc
      .tuple(
        operand(shape, anyNumber),
        indices(smallest, of).chain((values) => integerOperand(values, of)),
      )
      .map((inputs): OperatorCase => ({ op: "GatherND", attributes: { batch_dims: batchAxes }, inputs }));
  });

const scatterElements = fc
  .tuple(shapes(2, 2, 4), fc.constantFrom("none", "add", "mul", "max", "min"), fc.constantFrom(0, 1))
  .chain(([shape, reduction, axis]) => {
    const extent = shape[axis] ?? 1;
    const count = reduction === "none" ? 1 : Math.min(extent, 2);
    const of = shape.with(axis, count);
    return fc
      .tuple(
        distinctOperands(shape, of),
        indices(extent, of).chain((values) => integerOperand(values, of)),
      )
      .map(([[x, updates], places]): OperatorCase => ({
        op: "ScatterElements",
        attributes: { axis, reduction },
        inputs: [x ?? null, places, updates ?? null],
      }));
  });

const scatterND = fc
  .tuple(shapes(2, 3), fc.constantFrom("none", "add", "mul", "max", "min"))
  .chain(([shape, reduction]) => {
    const count = reduction === "none" ? 1 : 3;
    return fc
      .tuple(distinctOperands(shape, [count, ...shape.slice(1)]), indices(shape[0] ?? 1, [count]))
      .map(([[x, updates], places]): OperatorCase => ({
        op: "ScatterND",
        attributes: { reduction },
        inputs: [x ?? null, integerConstant(places, [count, 1]), updates ?? null],
      }));
  });

const tensorScatter = fc
  .tuple(shapes(3, 4), fc.constantFrom("linear", "circular"), fc.constantFrom(1, -1, -2), fc.nat(3))
  .chain(([shape, mode, axis, start]) => {
    const length = shape.at(axis) ?? 1;
    const cache = shape.with(axis, length + 2);
    const starts = Array.from(
      { length: shape[0] ?? 1 },
      (_, batch) => (start + batch) % (mode === "linear" ? 3 : length + 2),
    );
    return fc
      .tuple(tensor(cache), tensor(shape), integerOperand(starts))
      .map((inputs): OperatorCase => ({ op: "TensorScatter", attributes: { axis, mode }, inputs }));
  });

/** Applications of operators with indices and conditions, by operator. */
export const indexingCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  TensorScatter: tensorScatter,
  OneHot: fc.tuple(shapes(1, 2), fc.constantFrom(0, -1)).chain(([of, axis]) =>
    fc
      .tuple(
        indices(3, of).chain((values) => integerOperand(values, of)),
        operand([2], anyNumber),
      )
      .map(([places, values]) => ({
        op: "OneHot",
        attributes: { axis },
        inputs: [places, integerConstant([3], []), values],
      })),
  ),
  Compress: shapes(1, 3).chain((shape) =>
    fc
      .tuple(
        tensor(shape),
        fc.array(fc.boolean(), { minLength: shape[0] ?? 1, maxLength: shape[0] ?? 1 }),
        fc.boolean(),
      )
      .map(([x, chosen, isFlat]) => ({
        op: "Compress",
        attributes: isFlat ? {} : { axis: 0 },
        inputs: [
          x,
          { role: "constant" as const, dataType: "bool" as const, shape: [chosen.length], values: chosen.map(Number) },
        ],
      })),
  ),
};
