import type { Value } from "../../../graph/emitter.js";
import { floatAttribute, integerAttribute, type Node } from "../../../graph/model.js";
import { type Operators, range } from "../../../graph/operators.js";
import { type GradientContext, type GradientRules, type InputGradients, rule } from "../rule.js";

/** Normalization of each channel, axis 1, over all other axes. */
export const batchNormalizations: GradientRules = {
  /** Y = scale·(X − mean)/√(var + ε) + B. In training mode mean and var are those of X. */
  BatchNormalization: rule(5, (context) =>
    integerAttribute(context.node, "training_mode", 0) === 0 ? byGivenStatistics(context) : byOwnStatistics(context),
  ),
};

/**
 * With σ = √(var + ε): dX = dY·scale/σ, dScale = Σ dY·(X − mean)/σ, dB = Σ dY, dMean = −dB·scale/σ, dVar =
 * −dScale·scale/2σ².
 */
function byGivenStatistics({ g, node, inputs, needs, dY }: GradientContext<5>): InputGradients {
  const [x, scale, , mean, variance] = inputs;
  const reciprocal = reciprocalDeviation(g, node, variance);
  const slope = g.mul(scale, reciprocal);
  const dScale = () => g.mul(sumPerChannel(g, g.mul(dY, g.sub(x, perChannel(g, mean, x)))), reciprocal);
  return [
    needs(0) && g.mul(dY, perChannel(g, slope, x)),
    needs(1) && dScale(),
    needs(2) && sumPerChannel(g, dY),
    needs(3) && g.neg(g.mul(sumPerChannel(g, dY), slope)),
    needs(4) && g.mul(g.mul(dScale(), g.mul(slope, reciprocal)), -0.5),
  ];
}

/**
 * With n elements in a channel and C = X − mean: dX = scale/σ·(dY − Σ(dY)/n − C·Σ(dY·C)/nσ²), dScale = Σ(dY·C)/σ, dB =
 * Σ dY. The statistics are outputs of the forward node, as it is decomposed: with momentum 0 the running ones are those
 * of the batch.
 */
function byOwnStatistics({ g, node, inputs, gradients, needs, dY }: GradientContext<5>): InputGradients {
  const [x, scale] = inputs;
  const isOfBatch = floatAttribute(node, "momentum", 0.9) === 0;
  const [, mean, variance] = isOfBatch
    ? g.ops(node.opType, inputs, 3, node.attributes)
    : normalizedByBatch(g, node, inputs);
  const count = g.count(x, normalizedAxes(g, x));
  const reciprocal = reciprocalDeviation(g, node, variance);
  const centred = g.sub(x, perChannel(g, mean, x));
  const dScale = () => g.mul(sumPerChannel(g, g.mul(dY, centred)), reciprocal);
  const dX = () => {
    const factor = g.mul(scale, reciprocal);
    const slope = g.mul(g.div(g.mul(dScale(), reciprocal), count), factor);
    const shift = g.mul(g.div(sumPerChannel(g, dY), count), factor);
    // C·slope + shift in one pass over the data, as a normalization by mean 0 and variance 1.
    const given = [centred, slope, shift, g.fullLike(mean, 0), g.fullLike(mean, 1)];
    const projection = g.op("BatchNormalization", given, { epsilon: { float: 0 } });
    const own = g.sub(g.mul(dY, perChannel(g, factor, x)), projection);
    const [, dMean, dVariance] = gradients;
    const byMean = dMean && g.expandLike(perChannel(g, g.div(dMean, count), x), x);
    const byVariance = dVariance && g.mul(centred, perChannel(g, g.div(g.mul(dVariance, 2), count), x));
    return g.sum([own, byMean, byVariance].filter((part) => part !== undefined));
  };
  return [needs(0) && dX(), needs(1) && dScale(), needs(2) && sumPerChannel(g, dY)];
}

/**
 * A batch normalization in training mode whose outputs 1 and 2 are mean and variance of the batch: the running ones
 * with momentum 0. The runtime writes these over the statistics that it is given, so it is given copies.
 */
export function normalizedByBatch(
  g: Operators,
  node: Node,
  [x, scale, bias, mean, variance]: GradientContext<5>["inputs"],
): readonly [y: Value, mean: Value, variance: Value] {
  const copies = [g.mul(mean, 0), g.sub(variance, variance)];
  const attributes = { epsilon: { float: epsilonOf(node) }, momentum: { float: 0 }, training_mode: 1 };
  return g.ops("BatchNormalization", [x, scale, bias, ...copies], 3, attributes);
}

/** 1/√(var + ε), for each channel. */
function reciprocalDeviation(g: Operators, node: Node, variance: Value): Value {
  return g.reciprocal(g.sqrt(g.add(variance, epsilonOf(node))));
}

function epsilonOf(node: Node): number {
  return floatAttribute(node, "epsilon", 1e-5);
}

/** A vector of channels, to broadcast against x; a vector x is a single channel. */
function perChannel(g: Operators, vector: Value, x: Value): Value {
  return g.unsqueeze(
    vector,
    range(g.rank(x) - 2).map((axis) => axis + 1),
  );
}

function sumPerChannel(g: Operators, x: Value): Value {
  return g.reduceSum(x, normalizedAxes(g, x), g.rank(x) === 1);
}

function normalizedAxes(g: Operators, x: Value): readonly number[] {
  return range(g.rank(x)).filter((axis) => axis !== 1);
}
