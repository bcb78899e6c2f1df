import type { Value } from "../../../graph/emitter.js";
import { floatAttribute, integerAttribute } from "../../../graph/model.js";
import { range } from "../../../graph/operators.js";
import { decomposition, type DecompositionContext, type Decompositions, required } from "../decomposition.js";
import { reciprocalOfSquares } from "../normalizations.js";
import { biased } from "./activations.js";

/** Normalizations of ONNX Runtime, domain com.microsoft. */
export const microsoftNormalizations: Decompositions = {
  "com.microsoft.LayerNormalization": decomposition(2, ({ ops, node, inputs }) =>
    ops("LayerNormalization", inputs, 3, node.attributes),
  ),

  "com.microsoft.SimplifiedLayerNormalization": decomposition(2, ({ ops, node, inputs }) =>
    ops("SimplifiedLayerNormalization", inputs, 2, node.attributes),
  ),

  /** S = X + skip + bias, Y = LayerNormalization(S). Output 3 is S. */
  "com.microsoft.SkipLayerNormalization": decomposition(3, (context) => {
    const { g, ops, node, inputs } = context;
    const [x, skip, scale, shift, bias] = inputs;
    const sum = biased(g, g.add(x, skip), bias);
    const epsilon = { float: floatAttribute(node, "epsilon", 1e-12) };
    return [...ops("LayerNormalization", [sum, scale, shift], 3, { axis: -1, epsilon }), sum];
  }),

  /** S = X + skip + bias, Y = RMSNormalization(S). Output 3 is S. */
  "com.microsoft.SkipSimplifiedLayerNormalization": decomposition(3, (context) => {
    const { g, op, node, inputs, wants } = context;
    const [x, skip, scale, bias] = inputs;
    const sum = biased(g, g.add(x, skip), bias);
    const epsilon = floatAttribute(node, "epsilon", 1e-12);
    const y = op("RMSNormalization", [sum, scale], { axis: -1, epsilon: { float: epsilon } });
    return [y, undefined, wants(2) ? reciprocalOfSquares(g, sum, -1, epsilon) : undefined, sum];
  }),

  /**
   * S = words + positions + segments, looked up in their tables, Y = LayerNormalization(S). Output 1 counts the mask's
   * ones, output 2 is S.
   */
  "com.microsoft.EmbedLayerNormalization": decomposition(1, (context) => {
    const { g, op, node, inputs, wants } = context;
    const [words, segments, , , segmentTable, , , mask, positions] = inputs;
    const [wordTable, positionTable] = [required(context, 2), required(context, 3)];
    const [scale, shift] = [required(context, 5), required(context, 6)];
    const parts = [
      g.gather(wordTable, words, 0),
      positions === undefined
        ? g.slice(positionTable, 0, 0, g.extentsOf(words, 1, 2))
        : g.gather(positionTable, positions, 0),
      segments !== undefined && segmentTable !== undefined ? g.gather(segmentTable, segments, 0) : undefined,
    ];
    const sum = parts.filter((part) => part !== undefined).reduce((total, part) => g.add(total, part));
    const epsilon = { float: floatAttribute(node, "epsilon", 1e-12) };
    const y = op("LayerNormalization", [sum, scale, shift], { axis: -1, epsilon });
    return [y, wants(1) ? countOfOnes(context, words, mask) : undefined, sum];
  }),

  "com.microsoft.GroupNorm": decomposition(3, (context) => {
    const {
      inputs: [x, scale, shift],
    } = context;
    return [activatedGroups(context, x, scale, shift)];
  }),

  /** S = X + skip + bias, Y = GroupNorm(S). Output 1 is S. */
  "com.microsoft.SkipGroupNorm": decomposition(4, (context) => {
    const { g, node, inputs } = context;
    const [x, scale, shift, skip, bias] = inputs;
    const isLast = integerAttribute(node, "channels_last", 1) !== 0;
    const spatial = range(g.rank(x) - 2).map((axis) => axis + (isLast ? 1 : 2));
    const everywhere = g.rank(skip) === 2 ? g.unsqueeze(skip, spatial) : skip;
    const perChannel =
      bias &&
      (isLast
        ? bias
        : g.unsqueeze(
            bias,
            spatial.map((axis) => axis - 1),
          ));
    const sum = biased(g, g.add(x, everywhere), perChannel);
    return [activatedGroups(context, sum, scale, shift), sum];
  }),
};

/** For each example the number of words that the mask does not leave out, int32. */
function countOfOnes({ g }: DecompositionContext<number>, words: Value, mask: Value | undefined): Value {
  if (mask === undefined) return g.full(g.extentsOf(words, 0, 1), 0, "int32");
  return g.reduceSum(g.cast(g.equal(mask, 1), "int32"), [1], false);
}

/**
 * Group normalization with channels last, unless an attribute says otherwise, and SiLU behind it where one asks for it.
 */
function activatedGroups({ g, op, node }: DecompositionContext<number>, x: Value, scale: Value, shift: Value): Value {
  const isLast = integerAttribute(node, "channels_last", 1) !== 0;
  const rank = g.rank(x);
  const first = isLast ? g.transpose(x, [0, rank - 1, ...range(rank - 2).map((axis) => axis + 1)]) : x;
  const attributes = {
    num_groups: integerAttribute(node, "groups", 1),
    epsilon: { float: floatAttribute(node, "epsilon", 1e-5) },
  };
  const normalized = op("GroupNormalization", [first, scale, shift], attributes);
  const activated =
    integerAttribute(node, "activation", 0) === 1 ? g.mul(normalized, g.sigmoid(normalized)) : normalized;
  return isLast ? g.transpose(activated, [0, ...range(rank - 2).map((axis) => axis + 2), 1]) : activated;
}
