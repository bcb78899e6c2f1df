import type { Value } from "./emitter.js";
import { InputError } from "./errors.js";
import { describeNode, integersAttribute, type Node, stringAttribute } from "./model.js";
import { type Operators, range } from "./operators.js";
import { add, ceilDivide, type Extent, floorDivide, maximum, multiply, type Shape, subtract } from "./shapes/extent.js";

/**
 * The windows of a convolution or a pooling along one spatial axis: window `o` reads x[o·stride + tap·dilation − begin]
 * for each tap, and zeros where that is outside of x.
 */
export interface Windows {
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding in front of x and behind it, as the attributes ask for it. */
  readonly begin: Extent;
  readonly end: Extent;
  /** The extent of x. */
  readonly input: Extent;
  /** How many windows there are. */
  readonly count: Extent;
}

/** Whether a convolution or a pooling leaves it to the runtime how it pads. */
export function isPaddedAutomatically(node: Node): boolean {
  return ![undefined, "", "NOTSET"].includes(stringAttribute(node, "auto_pad"));
}

/**
 * The windows of a convolution or a pooling (Conv, MaxPool, Col2Im, ...) that makes `counts` of an input of extents
 * `spatial`.
 */
export function windowsOf(node: Node, spatial: Shape, counts: Shape, kernel: readonly number[]): readonly Windows[] {
  const padding = stringAttribute(node, "auto_pad") ?? "NOTSET";
  return steps(node, kernel).map((step, axis) => {
    const [input, count] = [spatial[axis] ?? 1, counts[axis] ?? 1];
    if (padding !== "SAME_UPPER" && padding !== "SAME_LOWER") {
      const [begin, end] = padding === "VALID" ? [0, 0] : [step.begin, step.end];
      return { ...step, begin, end, input, count };
    }
    // The runtime does not count the gaps of a dilation.
    const missing = subtract(add(multiply(subtract(ceilDivide(input, step.stride), 1), step.stride), step.taps), input);
    if (step.taps + 1 < step.stride && (typeof missing === "string" || missing < -1)) {
      throw new InputError(
        describeNode(node),
        `has a kernel of ${step.taps} that moves by ${step.stride} with auto_pad ${padding}, which runtimes place differently`,
        "give pads instead of auto_pad",
      );
    }
    return { ...step, ...shared(maximum(missing, 0), padding), input, count };
  });
}

/** As many windows as fit into an input of extents `spatial` with its padding. */
export function fittingWindowsOf(node: Node, spatial: Shape, kernel: readonly number[]): readonly Windows[] {
  return steps(node, kernel).map((step, axis) => {
    const input = spatial[axis] ?? 1;
    const room = subtract(add(input, step.begin + step.end), span(step));
    return { ...step, input, count: add(floorDivide(room, step.stride), 1) };
  });
}

/** The windows of a ConvTranspose: those of the convolution that would read its output, of extents `spatial`. */
export function transposedWindowsOf(
  node: Node,
  spatial: Shape,
  counts: Shape,
  kernel: readonly number[],
): readonly Windows[] {
  const padding = stringAttribute(node, "auto_pad") ?? "NOTSET";
  const given = integersAttribute(node, "output_shape") ?? [];
  const extra = integersAttribute(node, "output_padding") ?? [];
  return steps(node, kernel).map((step, axis) => {
    const [input, count] = [spatial[axis] ?? 1, counts[axis] ?? 1];
    if (given.length === 0 && (padding === "NOTSET" || padding === "")) return { ...step, input, count };
    if (given.length === 0 && padding === "VALID") return { ...step, begin: 0, end: 0, input, count };
    const natural = add(multiply(subtract(count, 1), step.stride), span(step) + (extra[axis] ?? 0));
    const surplus = maximum(subtract(natural, input), 0);
    const towards = padding === "SAME_UPPER" ? padding : "SAME_LOWER";
    return { ...step, ...shared(surplus, towards), input, count };
  });
}

function steps(node: Node, kernel: readonly number[]) {
  const [strides, dilations, pads] = ["strides", "dilations", "pads"].map((name) => integersAttribute(node, name));
  return kernel.map((taps, axis) => ({
    taps,
    stride: strides?.[axis] ?? 1,
    dilation: dilations?.[axis] ?? 1,
    begin: pads?.[axis] ?? 0,
    end: pads?.[axis + kernel.length] ?? 0,
  }));
}

/** Padding on both sides; where it is odd, SAME_UPPER has more of it behind, SAME_LOWER in front. */
function shared(total: Extent, padding: string): { readonly begin: Extent; readonly end: Extent } {
  const half = floorDivide(total, 2);
  const rest = subtract(total, half);
  return padding === "SAME_UPPER" ? { begin: half, end: rest } : { begin: rest, end: half };
}

/** What a window spans, gaps included. */
export function span({ taps, dilation }: Pick<Windows, "taps" | "dilation">): number {
  return (taps - 1) * dilation + 1;
}

/** How many elements a window has. */
export function tapCount(windows: readonly Pick<Windows, "taps">[]): number {
  return windows.reduce((count, { taps }) => count * taps, 1);
}

/** How far the last window reaches beyond x; negative where elements at the end of x are in no window. */
export function overhang(windows: Windows): Extent {
  const reach = add(multiply(subtract(windows.count, 1), windows.stride), span(windows));
  return subtract(reach, add(windows.input, windows.begin));
}

/** x as the windows read it: with zeros around it, without the elements at its end that are in no window. */
export function padded(g: Operators, x: Value, windows: readonly Windows[], firstAxis = 2): Value {
  return pad(g, x, [...windows.map(({ begin }) => begin), ...windows.map(overhang)], firstAxis);
}

/** The reverse of {@link padded}: the padding cut off, zeros for elements that are in no window. */
export function unpadded(g: Operators, x: Value, windows: readonly Windows[], firstAxis = 2): Value {
  const pads = [...windows.map(({ begin }) => begin), ...windows.map(overhang)];
  return pad(
    g,
    x,
    pads.map((extent) => multiply(extent, -1)),
    firstAxis,
  );
}

function pad(g: Operators, x: Value, pads: Shape, firstAxis: number): Value {
  if (pads.every((extent) => extent === 0)) return x;
  const axes = range(pads.length / 2).map((axis) => axis + firstAxis);
  return g.op("Pad", [x, g.extents(pads), undefined, g.integers(axes)]);
}

/** What each tap reads of {@link padded} x, taps in row-major order: x at that tap of all windows. */
export function tapSlices(g: Operators, x: Value, windows: readonly Windows[], firstAxis = 2): readonly Value[] {
  const axes = g.integers(windows.map((_, axis) => axis + firstAxis));
  const strides = windows.map(({ stride }) => stride);
  const positions = windows.reduce<readonly (readonly number[])[]>(
    (before, { taps }) => before.flatMap((position) => range(taps).map((tap) => [...position, tap])),
    [[]],
  );
  if (positions.length === 1 && strides.every((stride) => stride === 1)) return [x];
  return positions.map((position) => {
    const starts = windows.map(({ dilation }, axis) => (position[axis] ?? 0) * dilation);
    const ends = windows.map((window, axis) => {
      const behind = span(window) - 1 - (starts[axis] ?? 0);
      return behind === 0 ? Number.MAX_SAFE_INTEGER : -behind;
    });
    const by = strides.some((stride) => stride > 1) ? g.integers(strides) : undefined;
    return g.op("Slice", [x, g.integers(starts), g.integers(ends), axes, by]);
  });
}
