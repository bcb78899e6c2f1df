import fc from "fast-check";
import type { AttributeInputs } from "../../../../graph/builder.js";
import { integerConstant, integerOperand, knownOrSymbolic, numbersBetween, operand, shapes } from "../arbitraries.js";
import type { OperandCase, OperatorCase } from "../operator-case.js";

const anyNumber = numbersBetween(-2, 2);

function tensor(shape: readonly number[]): fc.Arbitrary<OperandCase> {
  return knownOrSymbolic(operand(shape, anyNumber));
}

/** An operator of one tensor, with other inputs and attributes by its shape. */
function unary(
  op: string,
  shape: fc.Arbitrary<readonly number[]>,
  rest: (shape: readonly number[]) => fc.Arbitrary<Partial<OperatorCase>>,
): fc.Arbitrary<OperatorCase> {
  return shape
    .chain((extents) => fc.tuple(tensor(extents), rest(extents)))
    .map(([x, { inputs = [], ...others }]) => ({ op, ...others, inputs: [x, ...inputs] }));
}

function attributes(...choices: readonly AttributeInputs[]): () => fc.Arbitrary<Partial<OperatorCase>> {
  return () => fc.constantFrom(...choices).map((chosen) => ({ attributes: chosen }));
}

function axisOf(shape: readonly number[]): fc.Arbitrary<number> {
  return fc.integer({ min: -shape.length, max: shape.length - 1 });
}

function integers(count: number, min: number, max: number): fc.Arbitrary<readonly number[]> {
  return fc.array(fc.integer({ min, max }), { minLength: count, maxLength: count });
}

const concatenation = fc
  .tuple(shapes(1, 3), fc.nat(2), fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 4 }))
  .chain(([shape, given, extents]) => {
    const axis = given % shape.length;
    return fc
      .tuple(...extents.map((extent) => tensor(shape.with(axis, extent))), fc.boolean())
      .map((parts): OperatorCase => {
        const inputs = parts.filter((part) => typeof part === "object");
        return { op: "Concat", attributes: { axis: parts.at(-1) === true ? axis - shape.length : axis }, inputs };
      });
  });

const split = shapes(1, 3, 6).chain((shape) =>
  axisOf(shape).chain((axis) => {
    const extent = shape.at(axis) ?? 1;
    return fc.tuple(tensor(shape), fc.nat(extent - 1), fc.boolean()).map(([x, first, isCounted]): OperatorCase => {
      if (isCounted && extent > 1)
        return { op: "Split", attributes: { axis, num_outputs: 2 }, inputs: [x], outputs: 2 };
      const sizes = integerConstant([first, extent - first]);
      return { op: "Split", attributes: { axis }, inputs: [x, sizes], outputs: 2 };
    });
  }),
);

const slice = unary("Slice", shapes(1, 3, 5), (shape) =>
  axisOf(shape).chain((axis) =>
    fc
      .tuple(integers(2, -6, 6), fc.constantFrom(-2, -1, 1, 2, 3))
      .chain(([[start = 0, end = 0], step]) =>
        fc.tuple(...[[start], [end], [axis], [step]].map((numbers) => integerOperand(numbers))),
      )
      .map((inputs) => ({ inputs })),
  ),
);

/** Extents that leave enough for a reflection, also where a negative pad takes one element away. */
const padded = shapes(1, 3, 2).map((shape) => shape.map((extent) => extent + 3));

const pad = unary("Pad", padded, (shape) =>
  fc
    .tuple(
      fc.constantFrom("constant", "edge", "reflect", "wrap"),
      integers(2 * shape.length, -1, 2).chain((pads) => integerOperand(pads)),
      operand([], anyNumber),
    )
    .map(([mode, pads, value]) => ({ attributes: { mode }, inputs: mode === "constant" ? [pads, value] : [pads] })),
);

/** Applications of operators that move elements, by operator. */
export const movementCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  Identity: unary("Identity", shapes(0, 2), attributes({})),
  Reshape: unary("Reshape", shapes(1, 3), (shape) =>
    fc.constantFrom([-1], [shape[0] ?? 1, -1], [0, -1, 1]).map((target) => ({ inputs: [integerConstant(target)] })),
  ),
  Flatten: unary("Flatten", shapes(1, 3), (shape) => axisOf(shape).map((axis) => ({ attributes: { axis } }))),
  Squeeze: unary(
    "Squeeze",
    shapes(1, 2).map((shape) => [1, ...shape, 1]),
    (shape) => fc.constantFrom([0], [-1], [0, shape.length - 1]).map((axes) => ({ inputs: [integerConstant(axes)] })),
  ),
  Unsqueeze: unary("Unsqueeze", shapes(0, 2), () =>
    fc.constantFrom([0], [-1], [0, -1]).map((axes) => ({ inputs: [integerConstant(axes)] })),
  ),
  Transpose: unary("Transpose", shapes(1, 4), (shape) =>
    fc.shuffledSubarray([...shape.keys()], { minLength: shape.length }).map((perm) => ({ attributes: { perm } })),
  ),
  Expand: unary("Expand", shapes(0, 3), (shape) =>
    integers(shape.length + 1, 1, 3)
      .chain((wanted) => integerOperand(wanted.map((extent, axis) => ((shape[axis - 1] ?? 1) === 1 ? extent : 1))))
      .map((target) => ({ inputs: [target] })),
  ),
  Tile: unary("Tile", shapes(1, 3), (shape) =>
    integers(shape.length, 1, 3)
      .chain((repeats) => integerOperand(repeats))
      .map((repeats) => ({ inputs: [repeats] })),
  ),
  Trilu: unary("Trilu", shapes(2, 3), () =>
    fc
      .tuple(fc.constantFrom(0, 1), fc.integer({ min: -2, max: 2 }))
      .map(([upper, k]) => ({ attributes: { upper }, inputs: [integerConstant([k], [])] })),
  ),
  DepthToSpace: unary(
    "DepthToSpace",
    shapes(4, 4, 2).map(([n = 1, c = 1, h = 1, w = 1]) => [n, 4 * c, h, w]),
    attributes({ blocksize: 2, mode: "DCR" }, { blocksize: 2, mode: "CRD" }),
  ),
  SpaceToDepth: unary(
    "SpaceToDepth",
    shapes(4, 4, 2).map(([n = 1, c = 1, h = 1, w = 1]) => [n, c, 2 * h, 2 * w]),
    attributes({ blocksize: 2 }),
  ),
  ReverseSequence: unary("ReverseSequence", shapes(2, 3, 4), ([time = 1, batch = 1]) =>
    integers(batch, 1, time)
      .chain((lengths) => integerOperand(lengths))
      .map((lengths) => ({ inputs: [lengths] })),
  ),
  Concat: concatenation,
  Split: split,
  Slice: slice,
  Pad: pad,
  CenterCropPad: unary("CenterCropPad", shapes(1, 3, 5), (shape) =>
    integers(shape.length, 1, 6).map((target) => ({ inputs: [integerConstant(target)] })),
  ),
};
