import type { Value } from "../../../graph/emitter.js";
import { floatAttribute, integerAttribute } from "../../../graph/model.js";
import { type Operand, range } from "../../../graph/operators.js";
import { isSameShape } from "../../../graph/shapes/shape-math.js";
import { type GradientContext, type GradientRules, rule } from "../rule.js";

/** Normalization over the last axes, from `axis` on. */
export const layerNormalizations: GradientRules = {
  /**
   * Y = scale·C/σ + B, C = X − mean, σ = √(var + ε). With n elements normalized together and H = dY·scale:
   * dX = (H − Σ(H)/n − C·Σ(H·C)/nσ²)/σ, dScale = Σ dY·C/σ, dB = Σ dY. Outputs 1 and 2 are mean and 1/σ.
   */
  LayerNormalization: rule(2, (context) => {
    const { g, node, inputs, gradients, needs, dY } = context;
    const [x, scale, bias] = inputs;
    const [, mean, reciprocal] = g.ops(node.opType, inputs, 3, node.attributes);
    const layer = normalizedLayer(context, g.sub(x, mean), reciprocal, scale);
    const dX = () => {
      const [, dMean, dReciprocal] = gradients;
      const { hidden, meanOf, slope, count } = layer;
      const steeper =
        dReciprocal === undefined ? slope() : g.add(slope(), g.mul(g.square(reciprocal), g.div(dReciprocal, count)));
      const own = g.mul(g.sub(g.sub(hidden(), g.mul(layer.centred, steeper)), meanOf(dY)), reciprocal);
      return dMean === undefined ? own : g.add(own, g.div(dMean, count));
    };
    return [needs(0) && dX(), needs(1) && layer.dScale(), needs(2) && bias !== undefined && g.unbroadcast(dY, bias)];
  }),

  /** Y = scale·X/σ, σ = √(mean(X²) + ε). With H = dY·scale: dX = (H − X·Σ(H·X)/nσ²)/σ, dScale = Σ dY·X/σ. */
  RMSNormalization: rule(2, (context) => {
    const {
      g,
      node,
      inputs: [x, scale],
      needs,
    } = context;
    const axes = normalizedAxes(context);
    const square = g.reduceMean(g.square(x), axes);
    const reciprocal = g.reciprocal(g.sqrt(g.add(square, floatAttribute(node, "epsilon", 1e-5))));
    const { hidden, slope, dScale } = normalizedLayer(context, x, reciprocal, scale);
    return [needs(0) && g.mul(g.sub(hidden(), g.mul(x, slope())), reciprocal), needs(1) && dScale()];
  }),
};

/** What the gradients of normalizations by one σ for all elements have in common. */
interface NormalizedLayer {
  /** C. */
  readonly centred: Value;
  /** n. */
  readonly count: Operand;
  /** H = dY·scale. */
  readonly hidden: () => Value;
  /** Σ(scale·v)/n. */
  readonly meanOf: (v: Value) => Value;
  /** Σ(H·C)/nσ². */
  readonly slope: () => Value;
  /** Σ dY·C/σ. */
  readonly dScale: () => Value;
}

/** Where a vector scales the last axis, the sums are products with it: no passes over the data beside that of dY·C. */
function normalizedLayer(
  context: GradientContext<2>,
  centred: Value,
  reciprocal: Value,
  scale: Value,
): NormalizedLayer {
  const {
    g,
    dY,
    inputs: [x],
  } = context;
  const axes = normalizedAxes(context);
  const count = g.count(x, axes);
  const product = () => g.mul(dY, centred);
  const isVector = axes.length === 1 && isSameShape(scale.shape, g.shape(x).slice(-1));
  const meanOf = (v: Value) =>
    isVector ? g.matMul(v, g.unsqueeze(g.div(scale, count), [1])) : g.reduceMean(g.mul(v, scale), axes);
  const rows = (v: Value) => g.op("Flatten", [v], { axis: axes[0] ?? 0 });
  return {
    centred,
    count,
    meanOf,
    hidden: () => g.mul(dY, scale),
    slope: () => g.mul(meanOf(product()), g.square(reciprocal)),
    dScale: () =>
      isVector
        ? g.reshapeLike(g.op("Gemm", [rows(reciprocal), rows(product())], { transA: 1 }), scale)
        : g.unbroadcast(g.mul(product(), reciprocal), scale),
  };
}

function normalizedAxes({ g, node, inputs: [x] }: GradientContext<2>): readonly number[] {
  return range(g.rank(x)).slice(g.axis(x, integerAttribute(node, "axis", -1)));
}
