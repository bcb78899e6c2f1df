import { integersAttribute, stringAttribute } from "../../model.js";
import { type Extent, floorDivide, multiply, product, type Shape } from "../extent.js";
import { knownOf } from "../elements.js";
import { type Facts, knownElements, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";
import { formatShape, normalizedAxis } from "../shape-math.js";

/** theta [N, 2, 3] or [N, 3, 4], size [N, C, H, W] or [N, C, D, H, W] -> grid [N, H, W, 2] or [N, D, H, W, 3]. */
function affineGrid(context: ShapeContext): readonly Facts[] {
  const [theta, size] = [context.shape(0), context.input(1)];
  const count = size.elements?.length ?? size.shape?.[0];
  const rows = theta?.[1];
  const dimensions = typeof rows === "number" ? rows : typeof count === "number" ? count - 2 : undefined;
  const { dataType } = context.input(0);
  if (dimensions === undefined) return [tensorFacts(dataType, undefined)];
  if (typeof count === "number" && count !== dimensions + 2) {
    context.fail(`has a size of ${count} extents for matrices of ${dimensions} dimensions`);
  }
  const unknown = context.unknownShape(0, dimensions + 2);
  const [batch = unknown[0] ?? 1, , ...spatial] = size.elements ?? [];
  const grid = Array.from({ length: dimensions }, (_, axis) => spatial[axis] ?? unknown[axis + 1] ?? 1);
  return [tensorFacts(dataType, [theta?.[0] ?? batch ?? unknown[0] ?? 1, ...grid, dimensions])];
}

/** X [N, C, ...], grid [N, spatial, dimensions] -> Y [N, C, spatial]. */
function gridSample(context: ShapeContext): readonly Facts[] {
  const [x, grid] = [context.shape(0), context.shape(1)];
  const rank = x?.length ?? grid?.length;
  const { dataType } = context.input(0);
  if (rank === undefined) return [tensorFacts(dataType, undefined)];
  if (rank < 3 || (grid !== undefined && grid.length !== rank)) {
    context.fail(
      `needs an input and a grid of one rank, and has ${[x ?? [], grid ?? []].map(formatShape).join(" and ")}`,
    );
  }
  const unknown = context.unknownShape(0, rank);
  const spatial = grid?.slice(1, -1) ?? unknown.slice(2);
  return [tensorFacts(dataType, [x?.[0] ?? grid?.[0] ?? 1, x?.[1] ?? unknown[1] ?? 1, ...spatial])];
}

/** Each extent is the size given for its axis, or ⌊extent·scale⌋; axes that are not listed stay as they are. */
function resize(context: ShapeContext): readonly Facts[] {
  const { node, inputs, fail } = context;
  const { dataType, shape: x } = context.input(0);
  const [scales, sizes] = [present(inputs[2]), present(inputs[3])];
  const count = (scales ?? sizes)?.shape?.[0];
  const listed = integersAttribute(node, "axes");
  const rank = x?.length ?? (listed === undefined && typeof count === "number" ? count : undefined);
  if (rank === undefined) return [tensorFacts(dataType, undefined)];
  const axes =
    listed?.map((axis) => normalizedAxis(axis, rank, context)) ?? Array.from({ length: rank }, (_, axis) => axis);
  if (scales === undefined && sizes === undefined) fail("has neither scales nor sizes");
  if (typeof count === "number" && count !== axes.length) {
    fail(`has ${count} ${scales === undefined ? "sizes" : "scales"} for ${axes.length} axes`);
  }
  const shape = [...(x ?? context.unknownShape(0, rank))];
  const resized = axes.map((axis) => x?.[axis]);
  const target = scales === undefined ? sized(context, resized, sizes) : scaled(context, resized, scales);
  for (const [index, axis] of axes.entries()) shape[axis] = target[index] ?? context.unknownExtent(0, axis);
  return [tensorFacts(dataType, shape)];
}

/** An input that is there: older exporters write an empty tensor for an omitted one. */
function present(facts: Facts | undefined): Facts | undefined {
  return facts?.shape?.[0] === 0 ? undefined : facts;
}

function sized(
  { node, fail }: ShapeContext,
  extents: readonly (Extent | undefined)[],
  sizes: Facts | undefined,
): readonly (Extent | undefined)[] {
  const targets = sizes?.elements?.map((size) => size ?? undefined) ?? [];
  const policy = stringAttribute(node, "keep_aspect_ratio_policy") ?? "stretch";
  if (policy === "stretch") return targets;
  if (policy !== "not_larger" && policy !== "not_smaller") fail(`has keep_aspect_ratio_policy "${policy}"`);
  // In float32, as the runtime.
  const ratios = extents.map((extent, index) => {
    const target = targets[index];
    return typeof extent === "number" && typeof target === "number" ? Math.fround(target / extent) : Number.NaN;
  });
  const scale = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  return extents.map((extent) =>
    typeof extent === "number" && Number.isFinite(scale) ? Math.floor(Math.fround(extent * scale) + 0.5) : undefined,
  );
}

function scaled(
  { node }: ShapeContext,
  extents: readonly (Extent | undefined)[],
  factors: Facts,
): readonly (Extent | undefined)[] {
  // Here the extents depend on the region that is cropped, too.
  if (stringAttribute(node, "coordinate_transformation_mode") === "tf_crop_and_resize") return [];
  const scales = knownOf(factors);
  return extents.map((extent, index) => {
    const scale = scales?.[index];
    if (extent === undefined || typeof scale !== "number") return undefined;
    // In float32, as the runtime.
    if (typeof extent === "number") return Math.floor(Math.fround(Math.fround(scale) * extent));
    const denominator = [1, 2, 4, 8, 16].find((power) => Number.isInteger(scale * power));
    return denominator === undefined ? undefined : floorDivide(multiply(extent, scale * denominator), denominator);
  });
}

/** [N, C·∏block, L] -> [N, C, image]. */
function columnsToImage(context: ShapeContext): readonly Facts[] {
  const columns = context.shape(0);
  const [image, block] = [context.input(1), context.input(2)];
  if (columns !== undefined && columns.length !== 3) {
    context.fail(`needs columns [N, C * block, L], but has ${formatShape(columns)}`);
  }
  const rank = image.elements?.length ?? image.shape?.[0] ?? block.shape?.[0];
  const { dataType } = context.input(0);
  if (typeof rank !== "number") return [tensorFacts(dataType, undefined)];
  const unknown = context.unknownShape(0, rank + 2);
  const blockExtents = knownElements(block);
  const channels =
    columns?.[1] === undefined || blockExtents === undefined
      ? undefined
      : floorDivide(columns[1], product(blockExtents));
  const spatial = Array.from({ length: rank }, (_, axis) => image.elements?.[axis] ?? unknown[axis + 2] ?? 1);
  return [tensorFacts(dataType, [columns?.[0] ?? unknown[0] ?? 1, channels ?? unknown[1] ?? 1, ...spatial])];
}

/** boxes [N, boxes, 4], scores [N, classes, boxes] -> [selected, 3]. */
function nonMaxSuppression(context: ShapeContext): readonly Facts[] {
  for (const shape of [context.shape(0), context.shape(1)]) {
    if (shape !== undefined && shape.length !== 3) {
      context.fail(`needs boxes and scores of rank 3, but has ${formatShape(shape)}`);
    }
  }
  return [tensorFacts("int64", [context.unknownExtent(0, 0), 3])];
}

/** Encoded bytes -> [height, width, channels]. */
function imageDecoder(context: ShapeContext): readonly Facts[] {
  const [height = 1, width = 1]: Shape = context.unknownShape(0, 2);
  const isGray = stringAttribute(context.node, "pixel_format") === "Grayscale";
  return [tensorFacts("uint8", [height, width, isGray ? 1 : 3])];
}

/** Resizing and sampling of images, and regions of them. */
export const images: ShapeRules = {
  AffineGrid: affineGrid,
  Col2Im: columnsToImage,
  GridSample: gridSample,
  ImageDecoder: imageDecoder,
  NonMaxSuppression: nonMaxSuppression,
  Resize: resize,
};
