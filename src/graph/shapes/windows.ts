import { integerAttribute, integersAttribute, stringAttribute } from "../model.js";
import {
  add,
  ceilDivide,
  type Extent,
  floorDivide,
  maximum,
  minimum,
  multiply,
  type Shape,
  subtract,
} from "./extent.js";
import type { ShapeContext } from "./shape-rule.js";
import { formatShape } from "./shape-math.js";

/** How the windows of a convolution or a pooling lie along one spatial axis. */
interface Window {
  readonly taps: Extent;
  /** What a window spans, gaps of its dilation included. */
  readonly span: Extent;
  readonly stride: number;
  /** Padding in front and behind. */
  readonly begin: number;
  readonly end: number;
}

/**
 * The number of windows along each spatial axis: of a convolution or a pooling with the attributes auto_pad, ceil_mode,
 * dilations, pads and strides. By default ⌊(x + pads − span)/stride⌋ + 1, with span = dilation·(kernel − 1) + 1.
 * @param mustFit whether an input that no window fits into is an error; poolings make something of it
 * @throws InputError where attributes and kernel differ in their number of axes, and where windows do not fit
 */
export function windowCounts(context: ShapeContext, spatial: Shape, kernel: Shape, mustFit: boolean): Shape {
  const { node, fail } = context;
  const padding = autoPad(context);
  const roundsUp = integerAttribute(node, "ceil_mode", 0) !== 0;
  const windows = windowsOf(context, spatial.length, kernel);
  return spatial.map((extent, axis) => {
    const window = windows[axis];
    if (window === undefined) return extent;
    const { span, stride } = window;
    if (padding === "SAME_UPPER" || padding === "SAME_LOWER") return sameCount(window, extent, roundsUp);
    const [begin, end] = padding === "VALID" ? [0, 0] : [window.begin, window.end];
    const room = subtract(add(extent, begin + end), span);
    // Rounded up, but a window must start before the padding behind: at most ⌈(x + begin)/stride⌉.
    const spare = typeof span === "number" ? Math.min(end + stride - span, 0) : 0;
    const count = roundsUp ? ceilDivide(add(extent, begin + spare), stride) : add(floorDivide(room, stride), 1);
    if (typeof room === "string" || room >= 0) return count;
    // The runtime divides as C++ does, towards zero.
    const tooFew = roundsUp ? count : Math.trunc(room / stride) + 1;
    return mustFit || (typeof tooFew === "number" && tooFew < 0)
      ? fail(
          `has windows that span ${span}, more than the padded extent ${add(extent, begin + end)} of ${formatShape(spatial)}`,
        )
      : tooFew;
  });
}

/** ⌈x/stride⌉ windows; fewer where they have gaps, which the runtime does not count when it pads for so many. */
function sameCount({ taps, span, stride }: Window, extent: Extent, roundsUp: boolean): Extent {
  const count = ceilDivide(extent, stride);
  if (span === taps) return count;
  const pads = maximum(subtract(add(multiply(subtract(count, 1), stride), taps), extent), 0);
  const room = subtract(add(extent, pads), span);
  return add(roundsUp ? ceilDivide(room, stride) : floorDivide(room, stride), 1);
}

/**
 * The extents that a transposed convolution or an unpooling spreads its input over: stride·(x − 1) + span +
 * output_padding − pads. Where auto_pad asks for the same shape, that is stride·x, or less where nothing is left to
 * pad.
 * @throws InputError where attributes and kernel differ in their number of axes
 */
export function spreadExtents(context: ShapeContext, spatial: Shape, kernel: Shape): Shape {
  const padding = autoPad(context);
  const extra = listAttribute(context, "output_padding", spatial.length, 0);
  const windows = windowsOf(context, spatial.length, kernel);
  return spatial.map((extent, axis) => {
    const window = windows[axis];
    if (window === undefined) return extent;
    const { stride } = window;
    const before = multiply(subtract(extent, 1), stride);
    const last = add(window.span, extra[axis] ?? 0);
    if (padding === "SAME_UPPER" || padding === "SAME_LOWER") return add(before, minimum(last, stride));
    return add(before, padding === "VALID" ? last : subtract(last, window.begin + window.end));
  });
}

/** An integer for each spatial axis. @throws InputError where the attribute holds another number of them */
function listAttribute({ node, fail }: ShapeContext, name: string, axes: number, fallback: number): readonly number[] {
  const list = integersAttribute(node, name) ?? [];
  if (list.length !== 0 && list.length !== axes) fail(`has ${list.length} ${name} for ${axes} spatial axes`);
  return list.length === 0 ? Array.from({ length: axes }, () => fallback) : list;
}

function windowsOf(context: ShapeContext, axes: number, kernel: Shape): readonly Window[] {
  const { node, fail } = context;
  if (kernel.length !== axes) fail(`has a kernel of ${kernel.length} axes for ${axes} spatial axes`);
  const strides = listAttribute(context, "strides", axes, 1);
  const dilations = listAttribute(context, "dilations", axes, 1);
  const pads = integersAttribute(node, "pads") ?? [];
  if (pads.length !== 0 && pads.length !== 2 * axes) fail(`has ${pads.length} pads for ${axes} spatial axes`);
  return kernel.map((extent, axis) => {
    const [stride, dilation] = [strides[axis] ?? 1, dilations[axis] ?? 1];
    if (stride < 1 || dilation < 1) fail(`has stride ${stride} and dilation ${dilation}, both must be positive`);
    const span = add(multiply(subtract(extent, 1), dilation), 1);
    return { taps: extent, span, stride, begin: pads[axis] ?? 0, end: pads[axis + axes] ?? 0 };
  });
}

function autoPad({ node, fail }: ShapeContext): string {
  const padding = stringAttribute(node, "auto_pad") ?? "NOTSET";
  const known = ["NOTSET", "", "SAME_UPPER", "SAME_LOWER", "VALID"];
  return known.includes(padding) ? padding : fail(`has auto_pad "${padding}"`);
}
