import { mergeHeads, splitHeads } from "../../graph/attention-heads.js";
import { type DataType, dataTypeOf } from "../../graph/data-type.js";
import type { Value } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import { describeNode, floatAttribute, integerAttribute, type Node } from "../../graph/model.js";
import { type Operand, type Operators, range } from "../../graph/operators.js";
import { decomposition, type Decompositions } from "./decomposition.js";
import { all, indices, lowest, scaledDotProduct, windowMask } from "./scaled-dot-product.js";

/** Attention as ONNX defines it, version 25. */
export const attentions: Decompositions = {
  /**
   * Y = softmax(scale·Q·Kᵀ + mask)·V, present key and value, and the products of queries and keys as an attribute
   * chooses.
   */
  Attention: decomposition(3, ({ g, node, inputs, wants }) => {
    const [q, k, v, mask, pastKey, pastValue, lengths] = inputs;
    const isPacked = g.rank(q) === 3;
    const split = (x: Value, heads: string) => (g.rank(x) === 3 ? splitHeads(g, x, headCount(node, heads)) : x);
    const appended = (past: Value | undefined, x: Value) => (past === undefined ? x : g.concat([past, x], 2));
    const query = split(q, "q_num_heads");
    const key = appended(pastKey, split(k, "kv_num_heads"));
    const value = appended(pastValue, split(v, "kv_num_heads"));
    const masks = masksOf(g, node, { query, key, mask, pastKey, lengths });
    const attended = scaledDotProduct(g, {
      query,
      key,
      value,
      scale: node.attributes.has("scale") ? floatAttribute(node, "scale", 1) : undefined,
      softcap: floatAttribute(node, "softcap", 0),
      softmaxType: softmaxType(node, query),
      ...masks,
    });
    const debug = [attended.products, attended.capped, undefined, attended.probabilities];
    const mode = integerAttribute(node, "qk_matmul_output_mode", 0);
    return [
      isPacked ? mergeHeads(g, attended.result) : attended.result,
      key,
      value,
      wants(3) ? (debug[mode] ?? attended.biased()) : undefined,
    ];
  }),
};

function headCount(node: Node, attribute: string): number {
  const count = integerAttribute(node, attribute, 0);
  if (count < 1) throw new InputError(describeNode(node), `lacks ${attribute} for queries, keys and values of rank 3`);
  return count;
}

/** A higher precision is kept; a lower one is not worth having. */
function softmaxType(node: Node, query: Value): DataType {
  const asked = dataTypeOf(integerAttribute(node, "softmax_precision", 0));
  return asked === "float64" ? asked : query.dataType;
}

interface Masked {
  readonly query: Value;
  readonly key: Value;
  readonly mask: Value | undefined;
  readonly pastKey: Value | undefined;
  readonly lengths: Value | undefined;
}

/** What the mask, the causal frontier, the window and the numbers of keys that are no padding allow. */
function masksOf(g: Operators, node: Node, { query, key, mask, pastKey, lengths }: Masked) {
  const bound = (attribute: string) => {
    const size = integerAttribute(node, attribute, -1);
    return size < 0 ? undefined : size;
  };
  const before = bound("left_window_size");
  const after = integerAttribute(node, "is_causal", 0) === 0 ? bound("right_window_size") : 0;
  const counts = lengths && g.unsqueeze(lengths, [1, 2, 3]);
  const offset: Operand =
    pastKey !== undefined
      ? g.extentsOf(pastKey, 2, 3)
      : counts === undefined
        ? 0
        : g.sub(counts, g.extentsOf(query, 2, 3));
  const window =
    before === undefined && after === undefined ? undefined : windowMask(g, query, key, { offset, before, after });
  const padding = counts && g.less(indices(g, key), counts);
  const padded = mask && paddedMask(g, mask, key);
  const isBoolean = padded?.dataType === "bool";
  const finite = padded === undefined || isBoolean ? padded : g.not(g.op("IsInf", [padded], { detect_positive: 0 }));
  const isSquare = pastKey === undefined && g.shape(query)[2] === g.shape(key)[2];
  return {
    allowed: all(g, [finite, window, padding]),
    bias: padded === undefined || isBoolean ? undefined : g.max(padded, lowest(padded.dataType)),
    mayBeBlind: mask !== undefined || lengths !== undefined || (before !== undefined && !isSquare),
  };
}

/** A mask for fewer keys than there are forbids the others. */
function paddedMask(g: Operators, mask: Value, key: Value): Value {
  const [last, keys] = [g.shape(mask).at(-1), g.shape(key)[2]];
  if (last === keys || last === 1 || last === undefined) return mask;
  const rank = g.rank(mask);
  const missing = g.sub(g.extentsOf(key, 2, 3), g.extentsOf(mask, rank - 1));
  const none = g.integers(range(2 * rank - 1).map(() => 0));
  const filler = mask.dataType === "bool" ? g.scalar(0, "bool") : g.scalar(-Infinity, mask.dataType);
  return g.op("Pad", [mask, g.concat([none, missing], 0), filler]);
}
