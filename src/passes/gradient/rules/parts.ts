import type { Value } from "../../../graph/emitter.js";
import { integerAttribute } from "../../../graph/model.js";
import { type Operators, range } from "../../../graph/operators.js";
import { add, type Extent, isAtLeast, maximum, minimum, multiply, subtract } from "../../../graph/shapes/extent.js";
import { knownNumbers } from "../../../graph/shapes/facts.js";
import { type GradientContext, type GradientRules, rule } from "../rule.js";

/** Tensors joined and divided along axes. */
export const parts: GradientRules = {
  /** The inputs one after another.  dXᵢ = the part of dY that came from Xᵢ. */
  Concat: rule(0, ({ g, node, inputs, needs, dY }) => {
    const axis = g.axis(dY, integerAttribute(node, "axis", 0));
    const extents = inputs.map((input) => (input === undefined ? 0 : (g.shape(input)[axis] ?? 0)));
    if (inputs.every((_, index) => needs(index))) {
      return g.ops("Split", [dY, g.extents(extents)], inputs.length, { axis });
    }
    let start: Extent = 0;
    return extents.map((extent, index) => {
      const from = start;
      start = add(start, extent);
      return needs(index) && g.slice(dY, axis, g.integer(from), g.integer(start));
    });
  }),

  /** X in parts.  dX = the gradients of the parts one after another, zeros for those that nobody used. */
  Split: rule(1, ({ g, node, inputs, outputs, gradients }) => {
    const request = { opType: "Split", inputs, attributes: node.attributes, outputs: outputs.length };
    const all = g.emitter.emit(request).map((part) => part ?? g.unreachable("Split"));
    return [
      g.concat(
        all.map((part, index) => gradients[index] ?? g.zerosLike(part)),
        integerAttribute(node, "axis", 0),
      ),
    ];
  }),

  /** Y = X[start:end:step].  dX = dY with zeros around, and between, where X has elements that Y left out. */
  Slice: rule(3, (context) => {
    const { g, inputs, Y } = context;
    if (g.shape(Y).includes(0)) return [g.zerosLike(inputs[0])];
    const slices = knownSlices(context);
    return [slices === undefined ? fromPositions(context) : fromSlices(context, slices)];
  }),
};

/** What a Slice takes of one axis. */
interface AxisSlice {
  readonly axis: number;
  readonly step: number;
  /** The index in X of Y's first element. */
  readonly first: Extent;
}

/** What is taken of each axis; undefined where only running the graph tells. */
function knownSlices({ g, inputs }: GradientContext<3>): readonly AxisSlice[] | undefined {
  const [x, starts, , axes, steps] = inputs;
  const count = starts.elements?.length ?? 0;
  const [slicedAxes, stepSizes] = [
    axes === undefined ? range(count) : knownNumbers(axes),
    steps === undefined ? range(count).map(() => 1) : knownNumbers(steps),
  ];
  if (starts.elements === undefined || slicedAxes === undefined || stepSizes === undefined) return undefined;
  const slices = starts.elements.map((start, position): AxisSlice | undefined => {
    const [axis, step] = [g.axis(x, slicedAxes[position] ?? 0), stepSizes[position] ?? 1];
    const extent = g.shape(x)[axis] ?? 1;
    const fromFront = start === null ? undefined : indexFromFront(start, extent);
    const last = step > 0 ? extent : subtract(extent, 1);
    return fromFront === undefined ? undefined : { axis, step, first: minimum(maximum(fromFront, 0), last) };
  });
  const known = slices.filter((slice) => slice !== undefined);
  return known.length === slices.length ? known : undefined;
}

/** An index of which it is known whether it counts from the front or from the back. */
function indexFromFront(index: Extent, extent: Extent): Extent | undefined {
  if (isAtLeast(index, 0)) return index;
  return isAtLeast(-1, index) ? add(extent, index) : undefined;
}

/** dX as dY, spread out by the steps and padded. */
function fromSlices({ g, inputs: [x], dY }: GradientContext<3>, slices: readonly AxisSlice[]): Value {
  let spread = dY;
  const begins: Extent[] = [];
  const ends: Extent[] = [];
  for (const { axis, step, first } of slices) {
    const [stride, count] = [Math.abs(step), g.shape(dY)[axis] ?? 1];
    if (step < 0) spread = reversed(g, spread, axis);
    spread = spreadOut(g, spread, axis, stride);
    const lowest = step > 0 ? first : subtract(first, multiply(subtract(count, 1), stride));
    begins.push(lowest);
    ends.push(subtract(subtract(g.shape(x)[axis] ?? 1, lowest), multiply(count, stride)));
  }
  const axes = g.integers(slices.map(({ axis }) => axis));
  return g.op("Pad", [spread, g.extents([...begins, ...ends]), undefined, axes]);
}

function reversed(g: Operators, x: Value, axis: number): Value {
  const bounds = [-1, Number.MIN_SAFE_INTEGER, axis, -1].map((bound) => g.integers([bound]));
  return g.op("Slice", [x, ...bounds]);
}

/** Each element along an axis followed by stride − 1 zeros. */
function spreadOut(g: Operators, x: Value, axis: number, stride: number): Value {
  if (stride === 1) return x;
  // Runtimes copy rows: behind each element of the last axis there would be rows of one element.
  const isLast = axis === g.rank(x) - 1;
  const zerosAxis = isLast ? axis : axis + 1;
  const zeros = g.integers([0, stride - 1]);
  const spaced = g.op("Pad", [g.unsqueeze(x, [zerosAxis]), zeros, undefined, g.integers([zerosAxis])]);
  const ordered = isLast ? g.transposeLast(spaced) : spaced;
  return g.reshape(ordered, g.shape(x).with(axis, multiply(g.shape(x)[axis] ?? 1, stride)));
}

/** dX as zeros with dY written at the positions, row-major, that its elements had in X. */
function fromPositions({ g, inputs, dY }: GradientContext<3>): Value {
  const [x, ...bounds] = inputs;
  const flat = (value: Value) => g.reshape(value, [-1]);
  const positions = g.op("Slice", [g.reshapeLike(g.range(g.sizeOf(x)), x), ...bounds]);
  const written = g.op("ScatterElements", [flat(g.zerosLike(x)), flat(positions), flat(dY)], { axis: 0 });
  return g.reshapeLike(written, x);
}
