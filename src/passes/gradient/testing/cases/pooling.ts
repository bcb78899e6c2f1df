import fc from "fast-check";
import { distinctOperands, integerConstant, knownOrSymbolic, numbersBetween, operand } from "../arbitraries.js";
import type { OperandCase, OperatorCase } from "../operator-case.js";
import { autoPads, windowAttributes, windowCases } from "./windows.js";

const anyNumber = numbersBetween(-2, 2);
const awayFromZero = fc.tuple(numbersBetween(0.3, 2), fc.constantFrom(-1, 1)).map(([size, sign]) => size * sign);

type Operands = (shape: readonly number[]) => fc.Arbitrary<OperandCase>;

const distinct: Operands = (shape) =>
  distinctOperands(shape).map(([x = { role: "parameter", dataType: "float", shape, values: [] }]) => x);

function pool(
  op: string,
  x: Operands,
  attributes: fc.Arbitrary<Readonly<Record<string, number>>>,
): fc.Arbitrary<OperatorCase> {
  return fc
    .record({ axes: windowCases(), autoPad: autoPads, own: attributes, channels: fc.integer({ min: 1, max: 2 }) })
    .chain(({ axes, autoPad, own, channels }) =>
      knownOrSymbolic(x([2, channels, ...axes.map(({ extent }) => extent)])).map((input) => ({
        op,
        attributes: { ...windowAttributes(axes, autoPad), ...own },
        inputs: [input],
        isSinglePrecision: op !== "MaxPool",
      })),
    );
}

function globalPool(op: string, x: Operands, rest: Partial<OperatorCase> = {}): fc.Arbitrary<OperatorCase> {
  return fc
    .array(fc.integer({ min: 1, max: 3 }), { minLength: 3, maxLength: 5 })
    .chain((shape) => knownOrSymbolic(x(shape)))
    .map((input) => ({ op, inputs: [input], isSinglePrecision: true, ...rest }));
}

const flag = fc.nat({ max: 1 });
const powers = fc.integer({ min: 1, max: 3 });

const unpooled = fc
  .shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], { minLength: 4, maxLength: 4 })
  .chain((places) =>
    operand([2, 1, 2], anyNumber).map((x): OperatorCase => ({
      op: "MaxUnpool",
      attributes: { kernel_shape: [3], strides: [3] },
      inputs: [x, integerConstant(places, [2, 1, 2])],
      isSinglePrecision: true,
    })),
  );

/** Corners of regions: left, top, right, bottom. */
const corners = fc
  .tuple(numbersBetween(-1, 3), numbersBetween(-1, 3), numbersBetween(0.5, 4), numbersBetween(0.5, 4))
  .map(([left, top, width, height]) => [left, top, left + width, top + height]);

const regionShape = [2, 2, 4, 5];

const aligned = fc
  .record({
    rois: fc.array(corners, { minLength: 1, maxLength: 3 }),
    mode: fc.constantFrom("avg", "max"),
    transformation: fc.constantFrom("half_pixel", "output_half_pixel"),
    ratio: fc.nat({ max: 2 }),
  })
  .chain(({ rois, mode, transformation, ratio }) =>
    knownOrSymbolic(distinct(regionShape)).map((x): OperatorCase => ({
      op: "RoiAlign",
      attributes: {
        mode,
        coordinate_transformation_mode: transformation,
        output_height: 2,
        output_width: 1,
        sampling_ratio: ratio,
      },
      inputs: [
        x,
        { role: "data", dataType: "float", shape: [rois.length, 4], values: rois.flat() },
        { role: "data", dataType: "int64", shape: [rois.length], values: rois.map((_, index) => index % 2) },
      ],
      isWithoutKernel: true,
    })),
  );

const maximaOfRegions = fc.array(corners, { minLength: 1, maxLength: 3 }).chain((rois) =>
  knownOrSymbolic(distinct(regionShape)).map((x): OperatorCase => ({
    op: "MaxRoiPool",
    attributes: { pooled_shape: [2, 2] },
    inputs: [
      x,
      {
        role: "data",
        dataType: "float",
        shape: [rois.length, 5],
        values: rois.flatMap((roi, index) => [index % 2, ...roi]),
      },
    ],
    isWithoutKernel: true,
  })),
);

/** Applications of poolings, by operator. */
export const poolingCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  MaxPool: pool("MaxPool", distinct, fc.record({ ceil_mode: flag, storage_order: flag })),
  AveragePool: pool(
    "AveragePool",
    (shape) => operand(shape, anyNumber),
    fc.record({ ceil_mode: flag, count_include_pad: flag }),
  ),
  LpPool: pool("LpPool", (shape) => operand(shape, awayFromZero), fc.record({ ceil_mode: flag, p: powers })),
  GlobalAveragePool: globalPool("GlobalAveragePool", (shape) => operand(shape, anyNumber)),
  GlobalMaxPool: globalPool("GlobalMaxPool", distinct),
  GlobalLpPool: powers.chain((p) =>
    globalPool("GlobalLpPool", (shape) => operand(shape, awayFromZero), {
      attributes: { p },
      isSinglePrecision: false,
      isWithoutKernel: true,
    }),
  ),
  MaxUnpool: unpooled,
  RoiAlign: aligned,
  MaxRoiPool: maximaOfRegions,
};
