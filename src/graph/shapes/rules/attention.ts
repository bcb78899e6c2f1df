import { integerAttribute } from "../../model.js";
import { add, type Extent, floorDivide, multiply, type Shape } from "../extent.js";
import { type Facts, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";
import { formatShape } from "../shape-math.js";

/** A query, key or value: [batch, heads, length, size], or packed as [batch, length, heads·size]. */
interface Heads {
  readonly batch: Extent | undefined;
  readonly heads: Extent | undefined;
  readonly length: Extent | undefined;
  readonly size: Extent | undefined;
  /** heads·size */
  readonly packed: Extent | undefined;
}

/**
 * Attention: Y [batch, query heads, query length, value size], packed if Q is; present key and value [batch, key heads,
 * past + length, size]; the products of query and key [batch, query heads, query length, past + length].
 */
function attention(context: ShapeContext): readonly Facts[] {
  const { node, inputs } = context;
  const query = headsOf(context, 0, integerAttribute(node, "q_num_heads", 0));
  const key = headsOf(context, 1, integerAttribute(node, "kv_num_heads", 0));
  const value = headsOf(context, 2, integerAttribute(node, "kv_num_heads", 0));
  const past = inputs[4] === undefined ? 0 : inputs[4].shape?.[2];
  const total = past === undefined || key.length === undefined ? undefined : add(past, key.length);
  const shaped = (output: number, extents: readonly (Extent | undefined)[]): Shape =>
    extents.map((extent, axis) => extent ?? context.unknownExtent(output, axis));
  const [queryType, valueType] = [context.input(0).dataType, context.input(2).dataType];
  const isPacked = context.shape(0)?.length === 3;
  const result = isPacked
    ? shaped(0, [query.batch, query.length, packedSize(query, value)])
    : shaped(0, [query.batch, query.heads, query.length, value.size]);
  return [
    tensorFacts(queryType, context.shape(0) === undefined ? undefined : result),
    tensorFacts(queryType, shaped(1, [key.batch, key.heads, total, key.size])),
    tensorFacts(valueType, shaped(2, [value.batch, value.heads, total, value.size])),
    tensorFacts(queryType, shaped(3, [query.batch, query.heads, query.length, total])),
  ];
}

/** Of the packed Y: query heads times value size. */
function packedSize(query: Heads, value: Heads): Extent | undefined {
  if (query.heads === undefined || value.heads === undefined || value.size === undefined) return undefined;
  return query.heads === value.heads ? value.packed : multiply(query.heads, value.size);
}

function headsOf(context: ShapeContext, index: number, count: number): Heads {
  const shape = context.shape(index);
  if (shape?.length === 4) {
    const [batch, heads = 1, length, size = 1] = shape;
    return { batch, heads, length, size, packed: multiply(heads, size) };
  }
  if (shape === undefined) {
    return { batch: undefined, heads: undefined, length: undefined, size: undefined, packed: undefined };
  }
  const [batch, length, packed] = shape;
  if (shape.length !== 3 || packed === undefined) {
    return context.fail(`needs queries, keys and values of rank 3 or 4, but has ${formatShape(shape)}`);
  }
  if (count < 1) context.fail(`lacks the number of heads in ${formatShape(shape)}: q_num_heads, kv_num_heads`);
  if (typeof packed === "number" && packed % count !== 0) {
    context.fail(`has ${count} heads, which do not divide ${formatShape(shape)}`);
  }
  return { batch, heads: count, length, size: floorDivide(packed, count), packed };
}

/** Y is like X. */
function rotaryEmbedding(context: ShapeContext): readonly Facts[] {
  const { dataType, shape } = context.input(0);
  if (shape !== undefined && shape.length !== 3 && shape.length !== 4) {
    context.fail(`needs an input of rank 3 or 4, but has ${formatShape(shape)}`);
  }
  return [tensorFacts(dataType, shape)];
}

/** Attention and rotary embeddings. */
export const attentions: ShapeRules = {
  Attention: attention,
  RotaryEmbedding: rotaryEmbedding,
};
