import type { Value } from "../../../graph/emitter.js";
import { integerAttribute, integersAttribute, stringAttribute } from "../../../graph/model.js";
import { type Operators, range } from "../../../graph/operators.js";
import type { Shape } from "../../../graph/shapes/extent.js";
import { knownElements, knownNumbers } from "../../../graph/shapes/facts.js";
import { type GradientRules, noGradient, rule } from "../rule.js";

/** Shapes, order and copies of elements. */
export const movements: GradientRules = {
  /** Y = X.  dX = dY. */
  Identity: rule(1, ({ dY }) => [dY]),

  /** The same elements in another shape.  dX = dY in the shape of X. */
  Reshape: rule(1, ({ g, inputs: [x], dY }) => [g.reshapeLike(dY, x)]),
  Flatten: rule(1, ({ g, inputs: [x], dY }) => [g.reshapeLike(dY, x)]),
  Squeeze: rule(1, ({ g, inputs: [x, axes], dY }) => {
    const removed = knownNumbers(axes);
    return [removed === undefined ? g.reshapeLike(dY, x) : g.unsqueeze(dY, removed)];
  }),
  Unsqueeze: rule(1, ({ g, inputs: [x, axes], dY }) => {
    const added = knownNumbers(axes);
    return [added === undefined ? g.reshapeLike(dY, x) : g.squeeze(dY, added)];
  }),

  /** Axis i of Y is axis perm[i] of X.  dX = dY with the inverse permutation. */
  Transpose: rule(1, ({ g, node, dY }) => {
    const axes = range(g.rank(dY));
    const permutation = integersAttribute(node, "perm") ?? axes.toReversed();
    return [
      g.transpose(
        dY,
        axes.map((axis) => permutation.indexOf(axis)),
      ),
    ];
  }),

  /** X broadcast to a shape.  dX = dY summed over the axes along which X was repeated. */
  Expand: rule(1, ({ g, inputs: [x], dY }) => [g.unbroadcast(dY, x)]),

  /** Bits read as another type: no small change of X is one of Y. */
  BitCast: noGradient,

  /** X repeated along each axis.  dX = dY summed over the repetitions. */
  Tile: rule(2, ({ g, inputs: [x, repeats], dY }) => {
    const { shape, summed } = tiles(g, x, repeats);
    return [g.reduceSum(g.reshape(dY, shape), summed, false)];
  }),

  /** The part of each matrix above or below a diagonal.  dX = the same part of dY. */
  Trilu: rule(1, ({ g, node, inputs: [, diagonal], dY }) => [
    g.op("Trilu", [dY, diagonal], { upper: integerAttribute(node, "upper", 1) }),
  ]),

  /** Y[n, c, b·h + i, b·w + j] = X[n, channel of (i, j, c), h, w].  The inverse, which for mode DCR is SpaceToDepth. */
  DepthToSpace: rule(1, ({ g, node, inputs: [x], dY }) => {
    const block = integerAttribute(node, "blocksize", 1);
    if (stringAttribute(node, "mode") !== "CRD") return [g.op("SpaceToDepth", [dY], { blocksize: block })];
    const [batch = 1, channels = 1] = g.shape(dY);
    const [, , height = 1, width = 1] = g.shape(x);
    const blocks = g.reshape(dY, [batch, channels, height, block, width, block]);
    return [g.reshapeLike(g.transpose(blocks, [0, 1, 3, 5, 2, 4]), x)];
  }),

  /** dX = the inverse, DepthToSpace of mode DCR. */
  SpaceToDepth: rule(1, ({ g, node, dY }) => [
    g.op("DepthToSpace", [dY], { blocksize: integerAttribute(node, "blocksize", 1), mode: "DCR" }),
  ]),

  /** The first elements of each sequence in reverse order.  dX = the same of dY. */
  ReverseSequence: rule(2, ({ g, node, inputs: [, lengths], dY }) => [
    g.op("ReverseSequence", [dY, lengths], {
      batch_axis: integerAttribute(node, "batch_axis", 1),
      time_axis: integerAttribute(node, "time_axis", 0),
    }),
  ]),
};

/**
 * A tiled tensor with an axis of its own for the repetitions along each axis: [r₀, n₀, r₁, n₁, ...]; and those axes.
 */
function tiles(g: Operators, x: Value, repeats: Value): { readonly shape: Shape | Value; readonly summed: number[] } {
  const times = knownElements(repeats);
  if (times === undefined) {
    const pairs = g.concat([g.unsqueeze(repeats, [1]), g.unsqueeze(g.shapeOf(x), [1])], 1);
    return { shape: g.reshape(pairs, [-1]), summed: range(g.rank(x)).map((axis) => 2 * axis) };
  }
  const shape: Shape[number][] = [];
  const summed: number[] = [];
  for (const [axis, extent] of g.shape(x).entries()) {
    const count = times[axis] ?? 1;
    if (count !== 1) summed.push(shape.push(count) - 1);
    shape.push(extent);
  }
  return { shape, summed };
}
