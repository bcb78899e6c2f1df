import type { Value } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import { describeNode, integerAttribute, stringAttribute } from "../../graph/model.js";
import { type Operand, type Operators, range } from "../../graph/operators.js";
import { type Extent, product, type Shape } from "../../graph/shapes/extent.js";
import { type DecompositionContext, type Decompositions, decomposition } from "./decomposition.js";

/** Images read between their pixels. */
export const samplings: Decompositions = {
  /**
   * X [N, C, ...image], grid [N, ...points, axes] -> Y [N, C, ...points]: around each point some pixels, weighted along
   * each axis. The weights are smooth in the point, and pixels outside are found by their indices: so every gradient is
   * that of its parts.
   */
  GridSample: decomposition(2, (context) => {
    const { g, inputs } = context;
    const [x, grid] = inputs;
    const [batch = 1, channels = 1, ...image] = g.shape(x);
    const points = g.shape(grid).slice(1, -1);
    const positions = g.reshape(grid, [batch, product(points), image.length]);
    // The grid names the axes from the last to the first one.
    const taps = image.map((extent, axis) =>
      tapsAlong(context, g.slice(positions, 2, image.length - 1 - axis, image.length - axis), extent),
    );
    const count = product(taps.map((tap) => tap.count));
    const indices = pixelIndices(g, batch, image, taps);
    const weights = taps
      .map(({ weights: own }, axis) => alongOwnAxis(g, own, axis, taps.length))
      .reduce((result, own) => g.mul(result, own));
    const pixels = g.reshape(g.transpose(x, [0, ...range(image.length).map((axis) => axis + 2), 1]), [
      product([batch, ...image]),
      channels,
    ]);
    const read = g.reshape(g.gather(pixels, indices, 0), [batch, product(points), count, channels]);
    const mixed = g.matMul(g.reshape(weights, [batch, product(points), 1, count]), read);
    const rows = g.reshape(mixed, [batch, product(points), channels]);
    return [g.reshape(g.transpose(rows, [0, 2, 1]), [batch, channels, ...points])];
  }),

  /**
   * The points of a grid from −1 to 1, homogeneous, transformed by matrices: theta [N, axes, axes + 1] -> [N, ...image,
   * axes].
   */
  AffineGrid: decomposition(2, ({ g, node, inputs: [theta, size] }) => {
    const [batch = 1, axes = 1] = g.shape(theta);
    if (typeof axes !== "number")
      throw new InputError(describeNode(node), "has matrices for an unknown number of axes");
    const isAligned = integerAttribute(node, "align_corners", 0) === 1;
    const image = g.slice(size, 0, 2);
    const coordinates = range(axes).map((axis) => {
      const extent = g.slice(size, 0, axis + 2, axis + 3);
      const steps = g.cast(g.range(g.reshape(extent, [])), theta.dataType);
      const last = g.sub(g.cast(extent, theta.dataType), 1);
      // The middles of the pixels are spread around 0; a single one is at 0.
      const along = g.div(g.sub(g.mul(steps, 2), last), isAligned ? g.max(last, 1) : g.add(last, 1));
      return g.expand(
        g.reshape(along, [-1, ...range(axes - axis).map(() => 1)]),
        g.concat([image, g.integers([1])], 0),
      );
    });
    const ones = g.full(g.concat([image, g.integers([1])], 0), 1, theta.dataType);
    const points = g.reshape(g.concat([...coordinates.toReversed(), ones], axes), [-1, axes + 1]);
    const transformed = g.matMul(points, g.transposeLast(theta));
    return [g.reshape(transformed, g.concat([g.extents([batch]), image, g.integers([axes])], 0))];
  }),
};

/** The pixels that a point is made of, along one axis; values [N, points, count]. */
interface Taps {
  readonly count: number;
  readonly indices: Value;
  readonly weights: Value;
}

/** The coefficients of cubic convolution (Keys 1981) with the parameter that PyTorch and ONNX Runtime have. */
const sharpness = -0.75;

/**
 * Where the pixels are, counted from the one before the point (nearest: from the nearest), and what weighs each: a
 * polynomial in the point's distance from that pixel, its coefficients from the lowest power.
 */
const kernels: Readonly<Record<string, readonly { readonly offset: number; readonly weight: readonly number[] }[]>> = {
  nearest: [{ offset: 0, weight: [1] }],
  linear: [
    { offset: 0, weight: [1, -1] },
    { offset: 1, weight: [0, 1] },
  ],
  cubic: [
    { offset: -1, weight: [0, sharpness, -2 * sharpness, sharpness] },
    { offset: 0, weight: [1, 0, -(sharpness + 3), sharpness + 2] },
    { offset: 1, weight: [0, -sharpness, 2 * sharpness + 3, -(sharpness + 2)] },
    { offset: 2, weight: [0, 0, sharpness, -sharpness] },
  ],
};

/** @param position coordinates from −1 to 1, [N, points, 1] */
function tapsAlong({ g, node }: DecompositionContext<2>, position: Value, extent: Extent): Taps {
  const mode = stringAttribute(node, "mode") ?? "linear";
  const kernel = kernels[mode];
  if (kernel === undefined) throw new InputError(describeNode(node), `has mode "${mode}"`);
  const isAligned = integerAttribute(node, "align_corners", 0) === 1;
  const length = typeof extent === "number" ? extent : g.cast(g.extent(extent), position.dataType);
  const shifted = g.add(position, 1);
  const at = isAligned ? g.mul(g.mul(shifted, 0.5), minus(g, length, 1)) : g.mul(g.sub(g.mul(shifted, length), 1), 0.5);
  const base = g.op(mode === "nearest" ? "Round" : "Floor", [at]);
  const vector = (numbers: readonly number[]) => g.tensor(position.dataType, [numbers.length], numbers);
  const distance = g.sub(at, base);
  const powers = range(kernel[0]?.weight.length ?? 0).map((power) =>
    vector(kernel.map(({ weight }) => weight[power] ?? 0)),
  );
  // Horner's scheme.
  const weights = powers.reduceRight((sum, coefficients) => g.add(g.mul(sum, distance), coefficients));
  const places = g.add(base, vector(kernel.map(({ offset }) => offset)));
  const padding = stringAttribute(node, "padding_mode") ?? "zeros";
  const last = minus(g, length, 1);
  const inside = g.min(g.max(places, 0), last);
  if (padding === "zeros") {
    const isInside = g.equal(inside, places);
    const kept = g.where(isInside, weights, 0);
    return { count: kernel.length, indices: g.cast(inside, "int64"), weights: kept };
  }
  const indices = padding === "reflection" ? reflected(g, places, extent, isAligned) : g.cast(inside, "int64");
  return { count: kernel.length, indices, weights: g.expandLike(weights, indices) };
}

function minus(g: Operators, a: Operand, b: number): Operand {
  return typeof a === "number" ? a - b : g.sub(a, b);
}

/** Indices mirrored at the borders, which are the middles of the outermost pixels, or else their outer edges. */
function reflected(g: Operators, places: Value, extent: Extent, isAligned: boolean): Value {
  const period = isAligned ? g.max(minus(g, g.mul(g.extent(extent), 2), 2), 1) : g.mul(g.extent(extent), 2);
  const wrapped = g.op("Mod", [g.cast(places, "int64"), period]);
  return g.min(wrapped, g.sub(isAligned ? period : g.sub(period, 1), wrapped));
}

/** Rows of all pixels of all images: [N, points, ...taps of each axis]. */
function pixelIndices(g: Operators, batch: Extent, image: Shape, taps: readonly Taps[]): Value {
  const first = g.mul(g.range(batch), g.integer(product(image)));
  return taps.reduce(
    (sum, { indices }, axis) =>
      g.add(sum, g.mul(alongOwnAxis(g, indices, axis, taps.length), g.integer(product(image.slice(axis + 1))))),
    g.reshape(first, [-1, 1, ...taps.map(() => 1)]),
  );
}

/** [N, points, taps] with the taps at the place of their axis among all axes' taps. */
function alongOwnAxis(g: Operators, x: Value, axis: number, axes: number): Value {
  const others = range(axes + 2).filter((at) => at >= 2 && at !== axis + 2);
  return g.unsqueeze(x, others);
}
