import fc from "fast-check";
import { integerConstant, numbersBetween, operand } from "../arbitraries.js";
import type { OperandCase, OperatorCase } from "../operator-case.js";
import { autoPads, type AxisCase, windowAttributes, windowCases, windowCount } from "./windows.js";

const numbers = numbersBetween(-1, 1);

/** Channels of a group on both sides, and how many groups there are. */
const channelCounts = fc.record({
  group: fc.integer({ min: 1, max: 2 }),
  inputs: fc.constantFrom(1, 2, 9),
  outputs: fc.integer({ min: 1, max: 3 }),
});

/** Batch and positions may be symbols, channels not. */
function image(batch: number, channels: number, extents: readonly number[]): fc.Arbitrary<OperandCase> {
  return fc
    .tuple(operand([batch, channels, ...extents], numbers), fc.boolean())
    .map(([x, isSymbolic]) => (isSymbolic ? { ...x, symbolic: [0, ...extents.map((_, axis) => axis + 2)] } : x));
}

function convolution(op: "Conv" | "ConvTranspose"): fc.Arbitrary<OperatorCase> {
  return fc
    .record({ axes: windowCases(), channels: channelCounts, batch: fc.integer({ min: 1, max: 2 }), autoPad: autoPads })
    .chain(({ axes, channels, batch, autoPad }) => {
      const { group, inputs, outputs } = channels;
      const isForward = op === "Conv";
      const taps = axes.map((axis) => axis.taps);
      const extents = axes.map((axis) => (isForward ? axis.extent : Math.ceil(axis.extent / 2)));
      const weights = isForward ? [group * outputs, inputs, ...taps] : [group * inputs, outputs, ...taps];
      return fc
        .tuple(
          image(batch, group * inputs, extents),
          operand(weights, numbers),
          operand([group * outputs], numbers),
          fc.boolean(),
        )
        .map(([x, w, b, hasBias]) => ({
          op,
          attributes: { ...(isForward ? windowAttributes(axes, autoPad) : transposedAttributes(axes, autoPad)), group },
          inputs: hasBias ? [x, w, b] : [x, w],
          isSinglePrecision: true,
        }));
    });
}

/** As much padding as leaves something of every axis, and sometimes output_padding. */
function transposedAttributes(axes: readonly AxisCase[], autoPad: string) {
  const attributes = windowAttributes(axes, autoPad);
  const extra = axes.map(({ stride }, axis) => Math.min((attributes.strides[axis] ?? 1) - 1, stride % 2));
  const spare = axes.map(({ extent, taps, dilation }, axis) => {
    const steps = (Math.ceil(extent / 2) - 1) * (attributes.strides[axis] ?? 1);
    return steps + (taps - 1) * dilation + (extra[axis] ?? 0);
  });
  const begin = axes.map((axis, index) => Math.min(axis.begin, spare[index] ?? 0));
  const end = axes.map((axis, index) => Math.min(axis.end, (spare[index] ?? 0) - (begin[index] ?? 0)));
  return { ...attributes, output_padding: extra, ...(autoPad === "NOTSET" ? { pads: [...begin, ...end] } : {}) };
}

/** Dilations for images alone: of blocks along 1 or 3 axes, the runtime (1.32) puts dilated ones elsewhere. */
const blocks = windowCases()
  .map((axes) => (axes.length === 2 ? axes : axes.map((axis) => ({ ...axis, dilation: 1 }))))
  .map((axes) => ({ axes, attributes: windowAttributes(axes, "NOTSET") }))
  .chain(({ axes, attributes: { kernel_shape: taps, ...attributes } }) => {
    const count = axes.reduce((product, axis) => product * windowCount(axis), 1);
    const rows = 2 * taps.reduce((product, tap) => product * tap, 1);
    return operand([2, rows, count], numbers).map((x): OperatorCase => ({
      op: "Col2Im",
      attributes,
      inputs: [x, integerConstant(axes.map(({ extent }) => extent)), integerConstant(taps)],
      isSinglePrecision: true,
    }));
  });

/** Offsets that lead between pixels: the gradient has kinks where they lead onto one. */
const offsets = fc
  .tuple(fc.integer({ min: -2, max: 2 }), numbersBetween(0.1, 0.9))
  .map(([whole, part]) => whole + part);

const deformable = fc
  .record({
    axes: fc.tuple(windowCases(1), windowCases(1)).map((axes) => axes.flat()),
    group: fc.integer({ min: 1, max: 2 }),
    offsetGroup: fc.integer({ min: 1, max: 2 }),
    batch: fc.integer({ min: 1, max: 2 }),
  })
  .chain(({ axes, group, offsetGroup, batch }) => {
    const counts = axes.map(windowCount);
    const attributes = { ...windowAttributes(axes, "NOTSET"), group, offset_group: offsetGroup };
    const taps = attributes.kernel_shape.reduce((product, tap) => product * tap, 1);
    return fc
      .tuple(
        image(
          batch,
          2,
          axes.map(({ extent }) => extent),
        ),
        operand([2, 2 / group, ...attributes.kernel_shape], numbers),
        operand([batch, offsetGroup * taps * 2, ...counts], offsets),
        operand([2], numbers),
        operand([batch, offsetGroup * taps, ...counts], numbers),
      )
      .map((inputs) => ({ op: "DeformConv", attributes, inputs }));
  });

/** Applications of convolutions, by operator. */
export const convolutionCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  Conv: convolution("Conv"),
  ConvTranspose: convolution("ConvTranspose"),
  Col2Im: blocks,
  DeformConv: deformable,
};
