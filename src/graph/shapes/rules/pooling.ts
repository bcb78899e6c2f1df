import { integerAttribute, integersAttribute } from "../../model.js";
import type { Shape } from "../extent.js";
import { type Facts, knownElements, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRule, ShapeRules } from "../shape-rule.js";
import { equalExtent, formatShape } from "../shape-math.js";
import { spreadExtents, windowCounts } from "../windows.js";

/** X [N, C, spatial] -> Y [N, C, windows], and the Indices of MaxPool. */
function pool(context: ShapeContext): readonly Facts[] {
  const shape = pooled(context, (spatial, kernel) => windowCounts(context, spatial, kernel, false));
  return [tensorFacts(context.input(0).dataType, shape), tensorFacts("int64", shape)];
}

/** X [N, C, spatial] -> Y [N, C, 1, ...]. */
function globalPool(context: ShapeContext): readonly Facts[] {
  const x = imageShape(context);
  const shape = x?.map((extent, axis) => (axis < 2 ? extent : 1));
  return [tensorFacts(context.input(0).dataType, shape)];
}

/** The inverse of MaxPool: of the shape given, or of the smallest one that pools to X. */
function maxUnpool(context: ShapeContext): readonly Facts[] {
  const { dataType } = context.input(0);
  const given = context.inputs[2];
  if (given === undefined) {
    return [
      tensorFacts(
        dataType,
        pooled(context, (spatial, kernel) => spreadExtents(context, spatial, kernel)),
      ),
    ];
  }
  const rank = context.shape(0)?.length ?? given.elements?.length;
  const unknown = rank === undefined ? undefined : context.unknownShape(0, rank);
  return [tensorFacts(dataType, knownElements(given) ?? unknown)];
}

function pooled(context: ShapeContext, spatialShape: (spatial: Shape, kernel: Shape) => Shape): Shape | undefined {
  const { node, fail } = context;
  const kernel = integersAttribute(node, "kernel_shape") ?? fail("lacks its attribute kernel_shape");
  const x = imageShape(context);
  if (x === undefined) return context.unknownShape(0, kernel.length + 2);
  return [...x.slice(0, 2), ...spatialShape(x.slice(2), kernel)];
}

function imageShape(context: ShapeContext): Shape | undefined {
  const x = context.shape(0);
  if (x !== undefined && x.length < 3) context.fail(`needs an input [N, C, D1, ...], but has ${formatShape(x)}`);
  return x;
}

/** X [N, C, H, W], rois [count, 4 or 5] -> Y [count, C, pooled height, pooled width]. */
function regions(pooledShape: (context: ShapeContext) => readonly [number, number]): ShapeRule {
  return (context) => {
    const [x, rois, indices] = [context.shape(0), context.shape(1), context.inputs[2]?.shape];
    if (x !== undefined && x.length !== 4) context.fail(`needs an input [N, C, H, W], but has ${formatShape(x)}`);
    if (rois !== undefined && rois.length !== 2) context.fail(`needs regions of rank 2, but has ${formatShape(rois)}`);
    const count = rois?.[0] ?? context.unknownExtent(0, 0);
    const regionCount = indices?.[0] === undefined ? count : equalExtent(count, indices[0], context);
    const shape = [regionCount, x?.[1] ?? context.unknownExtent(0, 1), ...pooledShape(context)];
    return [tensorFacts(context.input(0).dataType, shape)];
  };
}

/** Pools over windows, regions and whole images. */
export const pooling: ShapeRules = {
  AveragePool: pool,
  LpPool: pool,
  MaxPool: pool,
  GlobalAveragePool: globalPool,
  GlobalLpPool: globalPool,
  GlobalMaxPool: globalPool,
  MaxUnpool: maxUnpool,
  MaxRoiPool: regions(({ node, fail }) => {
    const [height, width] = integersAttribute(node, "pooled_shape") ?? [];
    return height === undefined || width === undefined ? fail("lacks its attribute pooled_shape") : [height, width];
  }),
  RoiAlign: regions(({ node }) => [
    integerAttribute(node, "output_height", 1),
    integerAttribute(node, "output_width", 1),
  ]),
};
