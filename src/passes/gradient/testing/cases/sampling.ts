import fc from "fast-check";
import { integerConstant, integerOperand, knownOrSymbolic, numbersBetween, operand, shapes } from "../arbitraries.js";
import type { OperandCase, OperatorCase } from "../operator-case.js";

const anyNumber = numbersBetween(-2, 2);

function symbolicOperand(shape: readonly number[], numbers: fc.Arbitrary<number>): fc.Arbitrary<OperandCase> {
  return knownOrSymbolic(operand(shape, numbers));
}

function floats(values: readonly number[]): OperandCase {
  return { role: "constant", dataType: "float32", shape: [values.length], values };
}

const resize = fc
  .tuple(
    shapes(4, 4, 3).map((shape) => shape.map((extent) => extent + 1)),
    fc.constantFrom("nearest", "linear", "cubic"),
    fc.constantFrom("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"),
    fc.constantFrom("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
    fc.constantFrom(0, 1),
    fc.oneof(
      fc.array(fc.constantFrom(0.6, 1, 1.3, 2, 3), { minLength: 2, maxLength: 2 }).map((scales) => ({ scales })),
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 2, maxLength: 2 }).map((sizes) => ({ sizes })),
    ),
  )
  .chain(([shape, mode, coordinates, rounding, isSmooth, target]) => {
    const antialias = mode === "nearest" ? 0 : isSmooth;
    const attributes = {
      mode,
      antialias,
      axes: [2, 3],
      coordinate_transformation_mode: coordinates,
      ...(mode === "nearest" ? { nearest_mode: rounding } : {}),
    };
    // Whether the runtime copies an image of few pixels must be known.
    const isTiny = "scales" in target && target.scales.includes(1.3);
    return (isTiny ? operand : symbolicOperand)(shape, anyNumber).map((x): OperatorCase => {
      const by = "scales" in target ? [floats(target.scales)] : [null, integerConstant(target.sizes)];
      return { op: "Resize", attributes, inputs: [x, null, ...by] };
    });
  });

/** Coordinates from −1 to 1 of points that stay between the same pixels when they move a little. */
function betweenPixels(extent: number, isAligned: boolean): fc.Arbitrary<number> {
  return fc
    .tuple(fc.integer({ min: -2, max: extent }), fc.double({ min: 0.15, max: 0.35, noNaN: true }))
    .map(
      ([pixel, part]) =>
        (isAligned && extent > 1 ? (2 * (pixel + part)) / (extent - 1) : (2 * (pixel + part) + 1) / extent) - 1,
    );
}

const gridSample = fc
  .tuple(
    fc
      .integer({ min: 2, max: 3 })
      .chain((axes) => shapes(axes, axes, 4).map((image) => image.map((extent) => extent + 1))),
    fc.constantFrom("nearest", "linear", "cubic"),
    fc.constantFrom("zeros", "border", "reflection"),
    fc.constantFrom(0, 1),
    fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 3 })),
  )
  .chain(([image, given, padding, align, [batch, channels]]) => {
    const mode = image.length === 3 && given === "cubic" ? "linear" : given;
    const points = [batch, ...image.map(() => 2)];
    const count = points.reduce((product, extent) => product * extent, 1);
    const point = fc.tuple(...image.toReversed().map((extent) => betweenPixels(extent, align === 1)));
    return fc
      .tuple(
        knownOrSymbolic(operand([batch, channels, ...image], anyNumber)),
        fc.array(point, { minLength: count, maxLength: count }),
      )
      .map(([x, coordinates]): OperatorCase => {
        const shape = [...points, image.length];
        const grid = { role: "parameter" as const, dataType: "float" as const, shape, values: coordinates.flat() };
        return {
          op: "GridSample",
          attributes: { mode, padding_mode: padding, align_corners: align },
          inputs: [x, grid],
        };
      });
  });

const affineGrid = fc
  .tuple(fc.constantFrom(2, 3), fc.constantFrom(0, 1), shapes(5, 5, 3))
  .chain(([axes, align, extents]) => {
    const [batch = 1, channels = 1, ...image] = extents.map((extent) => extent + 1);
    return fc
      .tuple(operand([batch, axes, axes + 1], anyNumber), integerOperand([batch, channels, ...image.slice(0, axes)]))
      .map((inputs): OperatorCase => ({ op: "AffineGrid", attributes: { align_corners: align }, inputs }));
  });

const dft = fc
  .tuple(
    shapes(2, 3, 5),
    fc.constantFrom(0, 1),
    fc.constantFrom(0, 1),
    fc.constantFrom(1, 2),
    fc.nat(1),
    fc.integer({ min: 2, max: 7 }),
  )
  .chain(([signal, inverse, onesided, parts, axis, length]) => {
    const isHalf = onesided === 1 && inverse === 1;
    const along = axis % signal.length;
    const own = isHalf ? signal.with(along, Math.floor(length / 2) + 1) : signal;
    const shape = [...own, onesided === 1 ? 1 + inverse : parts];
    return knownOrSymbolic(operand(shape, anyNumber)).map((x): OperatorCase => ({
      op: "DFT",
      attributes: { inverse, onesided },
      // The last axis is what tells real from complex signals.
      inputs: [
        { ...x, symbolic: x.symbolic?.slice(0, -1) ?? [] },
        integerConstant([length], []),
        integerConstant([along], []),
      ],
    }));
  });

const stft = fc
  .tuple(
    fc.integer({ min: 1, max: 2 }),
    fc.integer({ min: 6, max: 9 }),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 2, max: 5 }),
  )
  .chain(([batch, length, step, frame]) =>
    fc
      .tuple(operand([batch, length, 1], anyNumber), operand([frame], anyNumber), fc.boolean(), fc.constantFrom(0, 1))
      .map(([signal, window, isWindowed, onesided]): OperatorCase => ({
        op: "STFT",
        attributes: { onesided },
        inputs: [signal, integerConstant([step], []), isWindowed ? window : null, integerConstant([frame], [])],
      })),
  );

/** Applications of operators that read between samples, and of Fourier transforms, by operator. */
export const samplingCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  Resize: resize,
  GridSample: gridSample,
  AffineGrid: affineGrid,
  DFT: dft,
  STFT: stft,
};
