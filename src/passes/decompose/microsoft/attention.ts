import { mergeHeads, splitHeads } from "../../../graph/attention-heads.js";
import type { Value } from "../../../graph/emitter.js";
import { InputError } from "../../../graph/errors.js";
import { describeNode, floatAttribute, integerAttribute, integersAttribute, type Node } from "../../../graph/model.js";
import type { Operand, Operators } from "../../../graph/operators.js";
import { tuple } from "../../../graph/tuple.js";
import { decomposition, type DecompositionContext, type Decompositions, required } from "../decomposition.js";
import { type Attended, indices, scaledDotProduct, windowMask } from "../scaled-dot-product.js";
import { biased } from "./activations.js";

/** Attention of ONNX Runtime, domain com.microsoft. */
export const microsoftAttentions: Decompositions = {
  /** Queries, keys and values are X·W + bias. past and present [2, batch, heads, length, size] hold keys and values. */
  "com.microsoft.Attention": decomposition(2, (context) => {
    const { g, node, inputs, wants } = context;
    const [x, weights, bias, mask, past, attentionBias, pastLength] = inputs;
    const isRotary = integerAttribute(node, "do_rotary", 0) !== 0;
    refuse(node, { "do_rotary 1": isRotary, past_sequence_length: pastLength !== undefined });
    const projected = biased(g, g.matMul(x, weights), bias);
    const sizes = integersAttribute(node, "qkv_hidden_sizes");
    const split =
      sizes === undefined ? inThree(g, projected) : g.ops("Split", [projected, g.integers(sizes)], 3, { axis: -1 });
    const [query, key, value] = tuple(
      split.map((part) => splitHeads(g, part, headCount(node, "num_heads"))),
      3,
    );
    const state = (own: Value, index: number) =>
      past === undefined ? own : g.concat([g.gather(past, g.scalar(index, "int64"), 0), own], 2);
    const keyed = { query, key: state(key, 0), value: state(value, 1) };
    const offset = past === undefined ? 0 : g.extentsOf(past, 3, 4);
    const attended = maskedAttention(context, { ...keyed, mask, bias: attentionBias, offset });
    const present = () =>
      g.concat(
        [keyed.key, keyed.value].map((states) => g.unsqueeze(states, [0])),
        0,
      );
    return [mergeHeads(g, attended.result), wants(1) ? present() : undefined];
  }),

  /**
   * Queries [batch, length, heads·size]; keys and values likewise, or [batch, heads, length, size]; or what belongs
   * together in one tensor [batch, length, heads, 3 or 2, size].
   */
  "com.microsoft.MultiHeadAttention": decomposition(1, (context) => {
    const { g, node, inputs, wants } = context;
    const [, , , bias, mask, attentionBias, pastKey, pastValue, pastLength] = inputs;
    refuse(node, { past_sequence_length: pastLength !== undefined });
    const heads = headCount(node, "num_heads");
    const given = unpackedInputs(context).map((x) => (g.rank(x) === 3 ? splitHeads(g, x, heads) : x));
    const biases = bias === undefined ? [] : biasesOf(g, bias, given);
    const [query, key, value] = tuple(
      given.map((x, index) => biased(g, x, biases[index])),
      3,
    );
    const keyed = { query, key: appended(g, pastKey, key), value: appended(g, pastValue, value) };
    const offset = pastKey === undefined ? 0 : g.extentsOf(pastKey, 2, 3);
    const attended = maskedAttention(context, { ...keyed, mask, bias: attentionBias, offset });
    return [mergeHeads(g, attended.result), keyed.key, keyed.value, wants(3) ? attended.biased() : undefined];
  }),

  /**
   * Causal, with fewer heads of keys and values than of queries, rotated by their positions where an attribute says so.
   * All of the past counts: it is not a buffer with room for more.
   */
  "com.microsoft.GroupQueryAttention": decomposition(1, (context) => {
    const { g, node, inputs, wants } = context;
    const [, , , pastKey, pastValue, , , cos, sin, positions, bias, headSink] = inputs;
    const quantized = inputs.slice(12, 14).some((input) => input !== undefined);
    const isRolling = integerAttribute(node, "sliding_window_cache", 0) !== 0;
    refuse(node, {
      "quantized keys and values": quantized,
      "sliding_window_cache 1": isRolling,
      q_norm_weight: inputs[14] !== undefined,
      query_seqlens: inputs[16] !== undefined,
    });
    const [heads, keyHeads] = [headCount(node, "num_heads"), headCount(node, "kv_num_heads")];
    const offset = pastKey === undefined ? 0 : g.extentsOf(pastKey, 2, 3);
    const placed = (x: Value, count: number) => {
      const split = splitHeads(g, x, count);
      if (integerAttribute(node, "do_rotary", 0) === 0) return split;
      const places = positions ?? forAllExamples(g, split, g.add(indices(g, split), offset));
      const caches = [cos ?? required(context, 7), sin ?? required(context, 8)] as const;
      return rotated(context, split, places, caches, { heads: count, interleaved: "rotary_interleaved" });
    };
    const [query, key, value] = tuple(groupedInputs(context, heads, keyHeads), 3);
    const states = [
      appended(g, pastKey, placed(key, keyHeads)),
      appended(g, pastValue, splitHeads(g, value, keyHeads)),
    ] as const;
    const rotatedQuery = placed(query, heads);
    const reach = integerAttribute(node, "local_window_size", -1);
    const isCausal = integerAttribute(node, "causal", 1) !== 0;
    const window = { offset, before: reach < 0 ? undefined : reach - 1, after: isCausal ? 0 : undefined };
    const isSmooth = integerAttribute(node, "smooth_softmax", 0) === 1;
    const attended = scaledDotProduct(g, {
      query: rotatedQuery,
      key: states[0],
      value: states[1],
      scale: scaleOf(node),
      softcap: floatAttribute(node, "softcap", 0),
      bias,
      allowed: windowMask(g, rotatedQuery, states[0], window),
      sink: headSink !== undefined ? g.unsqueeze(headSink, [1, 2]) : isSmooth ? g.scalar(0, query.dataType) : undefined,
    });
    const debug = integerAttribute(node, "qk_output", 0) === 2 ? attended.probabilities : attended.biased();
    return [mergeHeads(g, attended.result), ...states, wants(3) ? debug : undefined];
  }),

  /** Where there is a single position, it is that of the first token. */
  "com.microsoft.RotaryEmbedding": decomposition(4, (context) => {
    const { g, node, inputs } = context;
    const [x, positions, cos, sin] = inputs;
    refuse(node, { "is_packed_batching 1": integerAttribute(node, "is_packed_batching", 0) !== 0 });
    const isPacked = g.rank(x) === 3;
    const [width, pairs] = [g.shape(x)[2], g.shape(cos)[1]];
    const counted = typeof width === "number" && typeof pairs === "number" ? width / (2 * pairs) : 0;
    const heads = integerAttribute(node, "num_heads", 0) || counted;
    if (isPacked && !(Number.isInteger(heads) && heads > 0)) {
      throw new InputError(describeNode(node), "has neither num_heads nor extents that tell it");
    }
    const split = isPacked ? splitHeads(g, x, heads) : x;
    const places = g.rank(positions) === 2 ? positions : forAllExamples(g, split, g.add(indices(g, split), positions));
    const y = rotated(context, split, places, [cos, sin], { heads: Math.max(heads, 1), interleaved: "interleaved" });
    return [isPacked ? mergeHeads(g, y) : y];
  }),
};

interface Masked {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
  readonly mask: Value | undefined;
  readonly bias: Value | undefined;
  /** The position of the first query. */
  readonly offset: Operand;
}

/** What the mask leaves out gets mask_filter_value added, and is not forbidden. */
function maskedAttention({ g, node }: DecompositionContext<number>, masked: Masked): Attended {
  const { query, key, value, mask, bias, offset } = masked;
  const filter = floatAttribute(node, "mask_filter_value", -10000);
  const filtered = mask && g.where(keptKeys(g, node, masked, mask), 0, filter, query.dataType);
  const isCausal = integerAttribute(node, "unidirectional", 0) !== 0;
  return scaledDotProduct(g, {
    query,
    key,
    value,
    scale: scaleOf(node),
    bias: bias === undefined || filtered === undefined ? (bias ?? filtered) : g.add(bias, filtered),
    allowed: isCausal ? windowMask(g, query, key, { offset, after: 0 }) : undefined,
  });
}

/**
 * By the mask's rank: how many keys [batch], where they end and start [2·batch], which ones for all queries, or for
 * each.
 */
function keptKeys(g: Operators, node: Node, { query, key }: Masked, mask: Value): Value {
  switch (g.rank(mask)) {
    case 1: {
      const count = g.extentsOf(query, 0, 1);
      const perExample = (x: Value) => g.unsqueeze(g.cast(x, "int64"), [1, 2, 3]);
      const isBefore = g.less(indices(g, key), perExample(g.slice(mask, 0, 0, count)));
      if (g.shape(mask)[0] === g.shape(query)[0]) return isBefore;
      // Where there are no starts, these are 0.
      const starts = g.slice(g.concat([mask, g.full(count, 0, mask.dataType)], 0), 0, count, g.add(count, count));
      return g.and(isBefore, g.greaterOrEqual(indices(g, key), perExample(starts)));
    }
    case 2:
      return g.unsqueeze(g.greater(mask, 0), [1, 2]);
    case 3:
      return g.unsqueeze(g.greater(mask, 0), [1]);
    default:
      throw new InputError(describeNode(node), `has a mask of rank ${g.rank(mask)}, which is not supported`);
  }
}

/** Queries, keys and values of a MultiHeadAttention: of rank 3 or, with the heads before the length, 4. */
function unpackedInputs(context: DecompositionContext<1>): readonly Value[] {
  const { g, inputs } = context;
  const [query, key] = inputs;
  const pieces = (x: Value, count: number) =>
    g
      .ops("Split", [x], count, { axis: 3, num_outputs: count })
      .map((piece) => g.transpose(g.squeeze(piece, [3]), [0, 2, 1, 3]));
  if (g.rank(query) === 5) return pieces(query, 3);
  if (key !== undefined && g.rank(key) === 5) return [query, ...pieces(key, 2)];
  return [query, required(context, 1), required(context, 2)];
}

/** A bias for queries, keys and values [heads, 1, size] out of one for all. */
function biasesOf(g: Operators, bias: Value, states: readonly Value[]): readonly Value[] {
  const sizes = states.map((state) => g.count(state, [1, 3])).filter((size) => typeof size === "number");
  const parts = sizes.length === 3 ? g.ops("Split", [bias, g.integers(sizes)], 3, { axis: 0 }) : inThree(g, bias);
  return parts.map((part, index) =>
    g.op("Reshape", [part, g.concat([g.extentsOf(states[index] ?? part, 1, 2), g.integers([1, -1])], 0)]),
  );
}

/** Queries, keys and values of a GroupQueryAttention, which may be one tensor: query heads, key heads, value heads. */
function groupedInputs(context: DecompositionContext<1>, heads: number, keyHeads: number): readonly Value[] {
  const { g, inputs } = context;
  const [packed, key] = inputs;
  if (key !== undefined) return [packed, key, required(context, 2)];
  const split = g.op("Reshape", [packed, g.integers([0, 0, heads + 2 * keyHeads, -1])]);
  const parts = g.ops("Split", [split, g.integers([heads, keyHeads, keyHeads])], 3, { axis: 2 });
  return parts.map((part) => g.op("Reshape", [part, g.integers([0, 0, -1])]));
}

/**
 * Pairs turned by their positions [batch, length]; the caches [most positions, pairs] may be for the first of them
 * only.
 */
function rotated(
  { g, op, node }: DecompositionContext<number>,
  x: Value,
  positions: Value,
  [cos, sin]: readonly [Value, Value],
  { heads, interleaved }: { readonly heads: number; readonly interleaved: string },
): Value {
  const [pairs, size] = [g.shape(cos)[1], g.shape(x)[3]];
  const isPartial = typeof pairs === "number" && typeof size === "number" && 2 * pairs < size;
  const partial = isPartial ? { rotary_embedding_dim: 2 * pairs, num_heads: heads } : {};
  const attributes = { interleaved: integerAttribute(node, interleaved, 0), ...partial };
  return op("RotaryEmbedding", [x, cos, sin, g.cast(positions, "int64")], attributes);
}

/** [length] as [batch, length]. */
function forAllExamples(g: Operators, x: Value, positions: Value): Value {
  return g.expand(positions, g.concat([g.extentsOf(x, 0, 1), g.extentsOf(x, 2, 3)], 0));
}

function appended(g: Operators, past: Value | undefined, x: Value): Value {
  return past === undefined ? x : g.concat([past, x], 2);
}

function inThree(g: Operators, x: Value): readonly Value[] {
  return g.ops("Split", [x], 3, { axis: -1, num_outputs: 3 });
}

function headCount(node: Node, attribute: string): number {
  const count = integerAttribute(node, attribute, 0);
  if (count < 1) throw new InputError(describeNode(node), `lacks its attribute ${attribute}`);
  return count;
}

/** undefined for the default. */
function scaleOf(node: Node): number | undefined {
  return floatAttribute(node, "scale", 0) || undefined;
}

function refuse(node: Node, features: Readonly<Record<string, boolean>>): void {
  const found = Object.entries(features).find(([, isUsed]) => isUsed);
  if (found !== undefined)
    throw new InputError(describeNode(node), `has ${found[0]}, which is not supported in training`);
}
