import type { Emitter, Value } from "../../../graph/emitter.js";
import { floatAttribute, integerAttribute } from "../../../graph/model.js";
import type { Operators } from "../../../graph/operators.js";
import { symbolsOf } from "../../../graph/shapes/extent.js";
import { isSameShape } from "../../../graph/shapes/shape-math.js";

/** Two matrices that each iteration makes, and whether their rows or their columns are multiplied and summed. */
export interface Product {
  readonly left: Value;
  readonly right: Value;
  /** leftᵀ·right, or left·rightᵀ. */
  readonly summed: "rows" | "columns";
}

/**
 * The terms of a sum to which iterations add: products of matrices with as many rows, or columns, in each iteration, and the
 * others. Of all iterations such a product is one: that of the matrices below, or beside, each other.
 * @param around the graph around the iterations
 */
export function termsOf(
  g: Operators,
  sum: Value | undefined,
  around: Emitter,
): { readonly products: readonly Product[]; readonly others: readonly Value[] } {
  const products: Product[] = [];
  const others: Value[] = [];
  for (const term of sum === undefined ? [] : summands(g, sum)) {
    const product = productOf(g, term);
    const isSteady =
      product !== undefined && [product.left, product.right].every((factor) => hasSteadyShape(factor, around));
    if (isSteady) products.push(product);
    else others.push(term);
  }
  return { products, others };
}

/** The sum of a product over all iterations. @param left @param right the matrices of all iterations, stacked */
export function productOfAll(g: Operators, left: Value, right: Value, summed: Product["summed"]): Value {
  if (summed === "rows") {
    const below = (value: Value) => g.op("Flatten", [value], { axis: 2 });
    return g.op("Gemm", [below(left), below(right)], { transA: 1 });
  }
  const beside = (value: Value) => g.op("Flatten", [g.transpose(value, [1, 0, 2])], { axis: 1 });
  return g.op("Gemm", [beside(left), beside(right)], { transB: 1 });
}

function summands(g: Operators, sum: Value): readonly Value[] {
  const { node, inputs = [] } = g.emitter.emissionOf(sum) ?? {};
  const isSum = (node?.opType === "Add" || node?.opType === "Sum") && node.domain === "";
  const terms = inputs.filter((input) => input !== undefined);
  return isSum && terms.every(({ shape }) => isSameShape(shape, sum.shape))
    ? terms.flatMap((term) => summands(g, term))
    : [sum];
}

/** leftᵀ·right or left·rightᵀ, as the gradients of products have them. */
function productOf(g: Operators, value: Value): Product | undefined {
  const emission = g.emitter.emissionOf(value);
  const [left, right, ...others] = emission?.inputs ?? [];
  if (emission === undefined || left?.shape?.length !== 2 || right?.shape?.length !== 2 || others.length > 0)
    return undefined;
  const { node } = emission;
  if (node.opType === "MatMul") {
    const source = (factor: Value) => {
      const before = g.emitter.emissionOf(factor);
      return before?.node.opType === "Transpose" ? before.inputs[0] : undefined;
    };
    const [ofLeft, ofRight] = [source(left), source(right)];
    if (ofLeft !== undefined) return { left: ofLeft, right, summed: "rows" };
    return ofRight === undefined ? undefined : { left, right: ofRight, summed: "columns" };
  }
  const isPlain =
    node.opType === "Gemm" &&
    integerAttribute(node, "transA", 0) === 1 &&
    integerAttribute(node, "transB", 0) === 0 &&
    floatAttribute(node, "alpha", 1) === 1;
  return isPlain ? { left, right, summed: "rows" } : undefined;
}

/** Whether the extents are known around the iterations, so that none of them has others. */
function hasSteadyShape({ shape }: Value, around: Emitter): boolean {
  return shape?.flatMap(symbolsOf).every((symbol) => around.extentSource(symbol) !== undefined) === true;
}
