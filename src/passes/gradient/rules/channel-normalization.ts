import type { Value } from "../../../graph/emitter.js";
import { floatAttribute, integerAttribute, integersAttribute } from "../../../graph/model.js";
import type { Operators } from "../../../graph/operators.js";
import { type GradientRules, rule } from "../rule.js";

/** Normalizations of each example by itself, over what lies around an element. */
export const channelNormalizations: GradientRules = {
  /**
   * Y = scale·Z + B per channel, Z = (X − mean)/σ over all n elements of a channel of an example.
   * dX = scale/σ·(dY − Σ(dY)/n − Z·Σ(dY·Z)/n), dScale = Σ dY·Z, dB = Σ dY.
   */
  InstanceNormalization: rule(3, ({ g, node, inputs: [x, scale], needs, dY }) => {
    const flat = (v: Value) => g.op("Reshape", [v, g.integers([0, 0, -1])]);
    const epsilon = { float: floatAttribute(node, "epsilon", 1e-5) };
    const ones = g.full(g.extentsOf(flat(x), 2), 1, x.dataType);
    // Without a scale for each element a layer normalization gives Z and 1/σ.
    const [z, , reciprocal] = g.ops("LayerNormalization", [flat(x), ones], 3, { axis: -1, epsilon });
    const gradient = flat(dY);
    const [sum, product] = [g.reduceSum(gradient, [2]), g.reduceSum(g.mul(gradient, z), [2])];
    const dX = () => {
      const count = g.count(flat(x), [2]);
      const rest = g.sub(g.sub(gradient, g.mul(z, g.div(product, count))), g.div(sum, count));
      return g.reshapeLike(g.mul(rest, g.mul(g.unsqueeze(scale, [1]), reciprocal)), x);
    };
    const overBatch = (v: Value) => g.reduceSum(v, [0, 2], false);
    return [needs(0) && dX(), needs(1) && overBatch(product), needs(2) && overBatch(sum)];
  }),

  /** Y = (X − mean)/s, s = √var + 1e-9.  dX = (dY − mean(dY) − Y·mean(dY·Y))/s. */
  MeanVarianceNormalization: rule(1, ({ g, node, inputs: [x], Y, dY }) => {
    const axes = integersAttribute(node, "axes") ?? [0, 2, 3];
    const variance = g.reduceMean(g.square(g.sub(x, g.reduceMean(x, axes))), axes);
    const rest = g.sub(g.sub(dY, g.mul(Y, g.reduceMean(g.mul(dY, Y), axes))), g.reduceMean(dY, axes));
    return [g.div(rest, g.add(g.sqrt(variance), 1e-9))];
  }),

  /**
   * Y = X·S^−β, S = bias + α/n·Σ X² over n neighbouring channels.
   * dX = dY·S^−β − 2αβ/n·X·Σ dY·Y/S over the channels that an element is a neighbour of.
   */
  LRN: rule(1, ({ g, node, inputs: [x], Y, dY }) => {
    const size = integerAttribute(node, "size", 1);
    const [alpha, beta] = [floatAttribute(node, "alpha", 1e-4), floatAttribute(node, "beta", 0.75)];
    const before = Math.floor((size - 1) / 2);
    const after = size - 1 - before;
    const base = g.add(g.mul(meanOfChannels(g, g.square(x), before, after), alpha), floatAttribute(node, "bias", 1));
    const inner = meanOfChannels(g, g.div(g.mul(dY, Y), base), after, before);
    return [g.sub(g.mul(dY, g.pow(base, -beta)), g.mul(g.mul(x, inner), 2 * alpha * beta))];
  }),
};

/** The mean over a window of channels, zeros around them: a pooling with the channels as its first spatial axis. */
function meanOfChannels(g: Operators, x: Value, before: number, after: number): Value {
  const asImage = g.op("Reshape", [g.unsqueeze(x, [1]), g.integers([0, 1, 0, -1])]);
  const attributes = { kernel_shape: [before + after + 1, 1], pads: [before, 0, after, 0], count_include_pad: 1 };
  return g.reshapeLike(g.op("AveragePool", [asImage], attributes), x);
}
