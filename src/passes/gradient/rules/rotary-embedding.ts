import { splitHeads } from "../../../graph/attention-heads.js";
import type { Value } from "../../../graph/emitter.js";
import { integerAttribute } from "../../../graph/model.js";
import { addRows } from "../../../graph/rows.js";
import { type GradientContext, type GradientRules, rule } from "../rule.js";

/** Rotary position embeddings. */
export const rotaryEmbeddings: GradientRules = {
  /**
   * Pairs (a, b) of X become (a·cos − b·sin, a·sin + b·cos): dX is dY rotated back, by −sin. With the pairs (c, d) of
   * dY, summed over heads: dCos = a·c + b·d, dSin = a·d − b·c, for the positions that were looked up.
   */
  RotaryEmbedding: rule(3, (context) => {
    const { g, node, inputs, needs, dY } = context;
    const [x, cos, sin, positions] = inputs;
    const [[a, b], [c, d]] = [pairs(context, x), pairs(context, dY)];
    const towards = (cache: Value, perHead: Value) => {
      const sum = g.reduceSum(perHead, [1], false);
      if (positions === undefined) return g.unbroadcast(sum, cache);
      return addRows(g, cache, { rows: positions, width: g.shape(cache)[1] ?? 1 }, sum);
    };
    return [
      needs(0) && g.op(node.opType, [dY, cos, g.neg(sin), positions], node.attributes),
      needs(1) && towards(cos, g.add(g.mul(a, c), g.mul(b, d))),
      needs(2) && towards(sin, g.sub(g.mul(a, d), g.mul(b, c))),
    ];
  }),
};

/** The first and second elements of the pairs that are rotated: [batch, heads, length, pairs]. */
function pairs({ g, node, inputs: [, cos] }: GradientContext<3>, x: Value): readonly [Value, Value] {
  const heads = g.rank(x) === 3 ? splitHeads(g, x, integerAttribute(node, "num_heads", 1)) : x;
  const count = g.extentsOf(cos, g.rank(cos) - 1);
  const both = g.add(count, count);
  if (integerAttribute(node, "interleaved", 0) === 0)
    return [g.slice(heads, 3, 0, count), g.slice(heads, 3, count, both)];
  const everySecond = (start: number) =>
    g.op("Slice", [heads, g.integers([start]), both, g.integers([3]), g.integers([2])]);
  return [everySecond(0), everySecond(1)];
}
