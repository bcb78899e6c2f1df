import type { DataType } from "../../data-type.js";
import { integerAttribute, integersAttribute } from "../../model.js";
import { type Extent, multiply, type Shape } from "../extent.js";
import { type Facts, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRule, ShapeRules } from "../shape-rule.js";
import { formatShape } from "../shape-math.js";
import { spreadExtents, windowCounts } from "../windows.js";

/** X [N, C, spatial], W [M, C/group, kernel] -> Y [N, M, spatial]; `weights` is the index of W. */
function convolution(weights: number, outputType: (context: ShapeContext) => DataType): ShapeRule {
  return (context) => {
    const [x, w] = [context.shape(0), context.shape(weights)];
    const shape = convolved(context, x, w, w?.[0], w?.[1], (spatial, kernel) =>
      windowCounts(context, spatial, kernel, true),
    );
    return [tensorFacts(outputType(context), shape)];
  };
}

/** X [N, C, spatial], W [C, M/group, kernel] -> Y [N, M, spatial]. */
function convTranspose(context: ShapeContext): readonly Facts[] {
  const [x, w] = [context.shape(0), context.shape(1)];
  const group = integerAttribute(context.node, "group", 1);
  const channels = w?.[1] === undefined ? undefined : multiply(w[1], group);
  const inputChannels = w?.[0];
  const perGroup = typeof inputChannels === "number" ? inputChannels / group : undefined;
  const shape = convolved(context, x, w, channels, perGroup, (spatial, kernel) => {
    const stated = integersAttribute(context.node, "output_shape") ?? [];
    if (stated.length === 0) return spreadExtents(context, spatial, kernel);
    // Some exporters state batch and channels, too.
    const extents = stated.slice(-spatial.length);
    return extents.length === spatial.length
      ? extents
      : context.fail(`has an output_shape of ${stated.length} extents for ${spatial.length} spatial axes`);
  });
  return [tensorFacts(context.input(0).dataType, shape)];
}

/**
 * The shape of Y as far as X and W tell it.
 * @param channels those of Y, `perGroup` those of X that belong to one group
 */
function convolved(
  context: ShapeContext,
  x: Shape | undefined,
  w: Shape | undefined,
  channels: Extent | undefined,
  perGroup: Extent | undefined,
  spatialShape: (spatial: Shape, kernel: Shape) => Shape,
): Shape | undefined {
  const { node, fail } = context;
  const kernel = integersAttribute(node, "kernel_shape") ?? w?.slice(2);
  const rank = x?.length ?? w?.length ?? (kernel === undefined ? undefined : kernel.length + 2);
  if (rank === undefined) return undefined;
  if (rank < 3 || (w !== undefined && w.length !== rank)) {
    fail(
      `needs an input and weights of one rank, 3 or more, and has ${[x ?? [], w ?? []].map(formatShape).join(" and ")}`,
    );
  }
  if (kernel !== undefined && w?.slice(2).some((extent, axis) => contradicts(extent, kernel[axis])) === true) {
    fail(`has kernel_shape ${formatShape(kernel)} and weights ${formatShape(w)}`);
  }
  const group = integerAttribute(node, "group", 1);
  if (group < 1) fail(`has ${group} groups`);
  if (x !== undefined && w !== undefined && perGroup !== undefined && contradicts(x[1], multiply(perGroup, group))) {
    fail(`has an input ${formatShape(x)} and weights ${formatShape(w)} in ${group} group${group === 1 ? "" : "s"}`);
  }
  const unknown = context.unknownShape(0, rank);
  const spatial = x === undefined || kernel === undefined ? unknown.slice(2) : spatialShape(x.slice(2), kernel);
  return [x?.[0] ?? unknown[0] ?? 1, channels ?? unknown[1] ?? 1, ...spatial];
}

function contradicts(a: Extent | undefined, b: Extent | undefined): boolean {
  return typeof a === "number" && typeof b === "number" && a !== b;
}

/** Convolutions, plain, transposed, deformable and of integers. */
export const convolutions: ShapeRules = {
  Conv: convolution(1, ({ input }) => input(0).dataType),
  ConvInteger: convolution(1, () => "int32"),
  DeformConv: convolution(1, ({ input }) => input(0).dataType),
  QLinearConv: convolution(3, ({ input }) => input(7).dataType),
  ConvTranspose: convTranspose,
};
