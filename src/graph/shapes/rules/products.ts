import type { DataType } from "../../data-type.js";
import { integerAttribute } from "../../model.js";
import type { Shape } from "../extent.js";
import { type Facts, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRule, ShapeRules } from "../shape-rule.js";
import { broadcastShapes, equalExtent, formatShape } from "../shape-math.js";

/** A [..., M, K] · B [..., K, N] as numpy.matmul; `right` is the index of B. */
function matMul(right: number, outputType: (context: ShapeContext) => DataType): ShapeRule {
  return (context) => [tensorFacts(outputType(context), productShape(context.shape(0), context.shape(right), context))];
}

function productShape(a: Shape | undefined, b: Shape | undefined, context: ShapeContext): Shape | undefined {
  if (a === undefined || b === undefined) return undefined;
  // A vector is a row on the left and a column on the right.
  const [left, right] = [a.length === 1 ? [1, ...a] : a, b.length === 1 ? [...b, 1] : b];
  const [rows, depth] = left.slice(-2);
  const [otherDepth, columns] = right.slice(-2);
  if (rows === undefined || depth === undefined || otherDepth === undefined || columns === undefined) {
    return context.fail(`multiplies ${formatShape(a)} by ${formatShape(b)}, scalars are not allowed`);
  }
  if (typeof depth === "number" && typeof otherDepth === "number" && depth !== otherDepth) {
    context.fail(`multiplies ${formatShape(a)} by ${formatShape(b)}: the inner extents differ`);
  }
  const batch = broadcastShapes([left.slice(0, -2), right.slice(0, -2)], context) ?? [];
  return [...batch, ...(a.length === 1 ? [] : [rows]), ...(b.length === 1 ? [] : [columns])];
}

/** Y = A'·B' + C with A' [M, K] and B' [K, N]; C broadcasts to Y. */
function gemm(context: ShapeContext): readonly Facts[] {
  const [rows, depth] = matrix(context, 0, "transA");
  const [otherDepth, columns] = matrix(context, 1, "transB");
  if (typeof depth === "number" && typeof otherDepth === "number" && depth !== otherDepth) {
    context.fail(
      `multiplies [${rows ?? "?"}, ${depth}] by [${otherDepth}, ${columns ?? "?"}]: the inner extents differ`,
    );
  }
  const shape = [rows ?? context.unknownExtent(0, 0), columns ?? context.unknownExtent(0, 1)];
  const bias = context.inputs[2]?.shape;
  if (bias !== undefined) {
    const fits = broadcastShapes([shape, bias], context)?.every(
      (extent, axis) => extent === shape[axis] || typeof extent !== "number" || typeof shape[axis] !== "number",
    );
    if (fits !== true || bias.length > 2) {
      context.fail(`adds ${formatShape(bias)} to a product ${formatShape(shape)}, which it does not broadcast to`);
    }
  }
  return [tensorFacts(context.input(0).dataType, shape)];
}

function matrix(context: ShapeContext, index: number, transposition: string): Shape {
  const shape = context.shape(index) ?? [];
  if (context.shape(index) !== undefined && shape.length !== 2) {
    context.fail(`needs matrices, but its input ${index} is ${formatShape(shape)}`);
  }
  return integerAttribute(context.node, transposition, 0) === 0 ? shape : shape.toReversed();
}

/** X [..., M, M] -> Y [...]. */
function determinant(context: ShapeContext): readonly Facts[] {
  const x = context.shape(0);
  const [rows, columns] = x?.slice(-2) ?? [];
  if (x !== undefined) {
    if (rows === undefined || columns === undefined) return context.fail(`needs matrices, but has ${formatShape(x)}`);
    equalExtent(rows, columns, context);
  }
  return [tensorFacts(context.input(0).dataType, x?.slice(0, -2))];
}

/** Products of matrices, of integers and quantized ones too. */
export const products: ShapeRules = {
  MatMul: matMul(1, ({ input }) => input(0).dataType),
  MatMulInteger: matMul(1, () => "int32"),
  QLinearMatMul: matMul(3, ({ input }) => input(7).dataType),
  Gemm: gemm,
  Det: determinant,
};
