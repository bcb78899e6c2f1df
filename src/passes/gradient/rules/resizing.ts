import type { Value } from "../../../graph/emitter.js";
import { InputError } from "../../../graph/errors.js";
import { type Attribute, describeNode, integersAttribute, type Node, stringAttribute } from "../../../graph/model.js";
import { type Operators, range } from "../../../graph/operators.js";
import { divideExactly, type Extent, product, type Shape } from "../../../graph/shapes/extent.js";
import { isSameShape } from "../../../graph/shapes/shape-math.js";
import { readNumbers } from "../../../graph/tensor.js";
import { type GradientContext, type GradientRules, rule } from "../rule.js";

/** Images enlarged and reduced. */
export const resizings: GradientRules = {
  /**
   * Y = R₁·(R₂·(...X)), linear along each axis, as no interpolation looks at values.  dX = R₁ᵀ·(R₂ᵀ·(...dY)). Where
   * elements are only repeated, that is a sum over the repetitions.
   */
  Resize: rule(1, (context) => {
    const { g, inputs, dY } = context;
    const axes = resizedAxes(context);
    const others = axes.filter(({ repeats }) => repeats === undefined);
    return [
      others.reduce(
        (gradient, axis) => productAlong(g, gradient, axis.axis, resizeMatrix(context, axis, axes)),
        sumOfRepeats(g, inputs[0], dY, axes),
      ),
    ];
  }),
};

/** An axis that is resized. */
interface ResizedAxis {
  readonly axis: number;
  /** Where in the node's inputs it is. */
  readonly position: number;
  /** How much larger it becomes; undefined where only running the graph tells. */
  readonly factor: number | undefined;
  /** How often each element is repeated, where resizing does nothing else. */
  readonly repeats: number | undefined;
}

/** The axes whose elements change. */
function resizedAxes({ g, node, inputs: [x, region, scales, sizes], Y }: GradientContext<1>): readonly ResizedAxis[] {
  // What keeps its shape is copied by the runtime, whatever the scales are.
  if (isSameShape(x.shape, Y.shape)) return [];
  const given = integersAttribute(node, "axes") ?? range(g.rank(x));
  const [factors, bounds] = [numbersOf(scales), numbersOf(region)];
  return given.flatMap((stated, position) => {
    const axis = g.axis(x, stated);
    const [from, to] = [g.shape(x)[axis] ?? 1, g.shape(Y)[axis] ?? 1];
    const quotient = sizes === undefined || keepsAspectRatio(node) ? undefined : divideExactly(to, from);
    const bySizes = typeof quotient === "number" ? quotient : undefined;
    const factor = sizes === undefined ? factors?.[position] : bySizes;
    const isWhole = !isCropping(node) || (bounds?.[position] === 0 && bounds[position + given.length] === 1);
    if (factor === 1 && isWhole) return [];
    const repeats = factor !== undefined && Number.isInteger(factor) && repeatsElements(node) ? factor : undefined;
    return [{ axis, position, factor, repeats }];
  });
}

function numbersOf(value: Value | undefined): readonly number[] | undefined {
  return value?.constant === undefined ? undefined : readNumbers(value.constant);
}

function keepsAspectRatio(node: Node): boolean {
  return (stringAttribute(node, "keep_aspect_ratio_policy") ?? "stretch") !== "stretch";
}

function isCropping(node: Node): boolean {
  return stringAttribute(node, "coordinate_transformation_mode") === "tf_crop_and_resize";
}

/** Whether enlarging by an integer s takes element ⌊i / s⌋ for i. */
function repeatsElements(node: Node): boolean {
  if ((stringAttribute(node, "mode") ?? "nearest") !== "nearest") return false;
  const coordinates = stringAttribute(node, "coordinate_transformation_mode") ?? "half_pixel";
  const rounding = stringAttribute(node, "nearest_mode") ?? "round_prefer_floor";
  const isCentred = ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel"].includes(coordinates);
  return isCentred ? rounding.startsWith("round_") : coordinates === "asymmetric" && rounding === "floor";
}

/** Summed over the repetitions of each element. */
function sumOfRepeats(g: Operators, x: Value, dY: Value, axes: readonly ResizedAxis[]): Value {
  const shape: Extent[] = [];
  const summed: number[] = [];
  for (const [axis, extent] of g.shape(dY).entries()) {
    const repeats = axes.find((other) => other.axis === axis)?.repeats;
    if (repeats === undefined) shape.push(extent);
    else summed.push(shape.push(g.shape(x)[axis] ?? 1, repeats) - 1);
  }
  return summed.length === 0 ? dY : g.reduceSum(g.reshape(dY, shape), summed, false);
}

/** Rᵀ [from, to]: what the operator makes of the rows of the unit matrix. */
function resizeMatrix(context: GradientContext<1>, axis: ResizedAxis, all: readonly ResizedAxis[]): Value {
  const { g, node, inputs, dY } = context;
  const extent = g.shape(inputs[0])[axis.axis] ?? 1;
  const { extents, own, region, scales, sizes } = joint(context, axis, all);
  // The runtime's cubic interpolation takes two or four axes.
  const leading = extents.length === 2 ? [1, extent] : [extent];
  const units = g.op("EyeLike", [g.full(g.extents([extent, extent]), 0, dY.dataType)]);
  const aligned = g.reshape(units, [...leading, ...extents.map((_, at) => (at === own ? extent : 1))]);
  const attributes = new Map<string, Attribute>([
    ...node.attributes,
    ["axes", { kind: "ints", value: extents.map((_, at) => BigInt(at + leading.length)) }],
    ["extrapolation_value", { kind: "float", value: 0 }],
  ]);
  const operands = [g.expand(aligned, [...leading, ...extents]), region, scales, sizes];
  const [resized] = g.emitter.emit({ opType: "Resize", inputs: operands, attributes });
  if (resized === undefined) return g.unreachable("Resize");
  const kept = new Set([leading.length - 1, leading.length + own]);
  const dropped = range(g.rank(resized)).filter((at) => !kept.has(at));
  return dropped.reduceRight((matrix, at) => g.gather(matrix, g.scalar(0, "int64"), at), resized);
}

/** Axes resized together, of which one is wanted; elements are the same along the others. */
interface JointAxes {
  readonly extents: Shape;
  readonly own: number;
  readonly region: Value | undefined;
  readonly scales: Value | undefined;
  readonly sizes: Value | undefined;
}

/** The axes to resize for the matrix of one: it alone, where the others have no influence. */
function joint(
  { g, node, inputs }: GradientContext<1>,
  { axis, position, factor }: ResizedAxis,
  all: readonly ResizedAxis[],
): JointAxes {
  const [x, region, scales, sizes] = inputs;
  const count = integersAttribute(node, "axes")?.length ?? g.rank(x);
  const extent = g.shape(x)[axis] ?? 1;
  // The runtime copies what keeps its shape, whatever the scales are: the matrix must not be such a copy where Y is
  // none.
  const keepsExtent = factor !== undefined && factor !== 1 && Math.floor(Number(extent) * factor) === extent;
  const together = keepsExtent || (sizes !== undefined && keepsAspectRatio(node)) ? all : [{ axis, position }];
  if (together.length > 1 && isCropping(node)) {
    throw new InputError(describeNode(node), "crops and resizes in a way for which there is no gradient rule");
  }
  const positions = together.map((other) => other.position);
  const chosen = (list: Value | undefined, places: readonly number[]) => list && g.gather(list, g.integers(places), 0);
  return {
    extents: together.map((other) => g.shape(x)[other.axis] ?? 1),
    own: positions.indexOf(position),
    region: chosen(region, [...positions, ...positions.map((place) => place + count)]),
    scales: chosen(scales, positions),
    sizes: chosen(sizes, positions),
  };
}

/** A matrix [n, m] applied along an axis of extent m. */
function productAlong(g: Operators, x: Value, axis: number, matrix: Value): Value {
  const shape = g.shape(x);
  if (axis === shape.length - 1) return g.matMul(x, g.transposeLast(matrix));
  if (axis === shape.length - 2) return g.matMul(matrix, x);
  const flat = g.reshape(x, [...shape.slice(0, axis + 1), product(shape.slice(axis + 1))]);
  return g.reshape(g.matMul(matrix, flat), [
    ...shape.slice(0, axis),
    g.shape(matrix)[0] ?? 1,
    ...shape.slice(axis + 1),
  ]);
}
