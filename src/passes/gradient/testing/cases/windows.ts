import fc from "fast-check";

/** Windows along one axis, of which one fits at least. */
export interface AxisCase {
  readonly extent: number;
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  readonly begin: number;
  readonly end: number;
}

/** Windows along one axis, with less padding than taps. */
function axisCase(): fc.Arbitrary<AxisCase> {
  return fc
    .record({
      taps: fc.integer({ min: 1, max: 3 }),
      stride: fc.integer({ min: 1, max: 3 }),
      dilation: fc.integer({ min: 1, max: 2 }),
      begin: fc.nat({ max: 2 }),
      end: fc.nat({ max: 2 }),
      spare: fc.nat({ max: 3 }),
    })
    .map(({ taps, stride, dilation, begin, end, spare }) => ({
      extent: (taps - 1) * dilation + 1 + spare,
      taps,
      stride,
      dilation,
      begin: Math.min(begin, taps - 1),
      end: Math.min(end, taps - 1),
    }));
}

/** Windows along 1, 2 or 3 axes. */
export function windowCases(maxAxes = 3): fc.Arbitrary<readonly AxisCase[]> {
  return fc
    .array(axisCase(), { minLength: 1, maxLength: maxAxes })
    .filter((axes) => axes.reduce((count, { extent }) => count * extent, 1) <= 100);
}

/** Windows as attributes; or auto_pad in place of padding and dilations. */
export function windowAttributes(axes: readonly AxisCase[], autoPad: string) {
  const isSame = autoPad.startsWith("SAME");
  return {
    kernel_shape: axes.map(({ taps }) => taps),
    strides: axes.map(({ stride, taps }) => (isSame ? Math.min(stride, taps) : stride)),
    ...(autoPad === "NOTSET"
      ? { pads: [...axes.map(({ begin }) => begin), ...axes.map(({ end }) => end)] }
      : { auto_pad: autoPad }),
    ...(isSame ? {} : { dilations: axes.map(({ dilation }) => dilation) }),
  };
}

/** How padding is given; mostly as pads. */
export const autoPads: fc.Arbitrary<string> = fc.constantFrom("NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID");

/** How many windows there are along an axis, without what auto_pad adds. */
export function windowCount({ extent, taps, stride, dilation, begin, end }: AxisCase): number {
  return Math.floor((extent + begin + end - (taps - 1) * dilation - 1) / stride) + 1;
}
