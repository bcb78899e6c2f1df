import type { Value } from "../../graph/emitter.js";
import { floatAttribute, integerAttribute, type Node } from "../../graph/model.js";
import { type Operators, range } from "../../graph/operators.js";
import { normalizedByBatch } from "../gradient/rules/batch-normalization.js";
import { decomposition, type Decompositions } from "./decomposition.js";

/** Normalizations that ONNX defines by other operators, or for which the runtime has no kernel of the type. */
export const normalizations: Decompositions = {
  /**
   * In training mode: the statistics of the batch, which the gradient needs, too, and from them the running ones,
   * r·momentum + s·(1 − momentum). A matrix is normalized by arithmetic, which is several times as fast there as the
   * operator.
   */
  BatchNormalization: decomposition(5, ({ g, node, inputs, wants }) => {
    if (integerAttribute(node, "training_mode", 0) === 0) return undefined;
    const [x, , , runningMean, runningVariance] = inputs;
    const [y, mean, variance] =
      g.rank(x) === 2 ? normalizedMatrix(g, node, inputs) : normalizedByBatch(g, node, inputs);
    const momentum = floatAttribute(node, "momentum", 0.9);
    const moved = (running: Value, own: Value) =>
      momentum === 0 ? own : g.add(g.mul(running, momentum), g.mul(own, 1 - momentum));
    return [
      y,
      wants(1) ? moved(runningMean, mean) : undefined,
      wants(2) ? moved(runningVariance, variance) : undefined,
    ];
  }),

  /** In float64, of which the operator's statistics are float32. */
  LayerNormalization: decomposition(2, ({ g, node, inputs: [x, scale, bias] }) => {
    if (x.dataType !== "float64") return undefined;
    const axes = range(g.rank(x)).slice(g.axis(x, integerAttribute(node, "axis", -1)));
    const { normalized, mean, reciprocal } = standardized(g, x, axes, floatAttribute(node, "epsilon", 1e-5));
    const scaled = g.mul(normalized, scale);
    return [bias === undefined ? scaled : g.add(scaled, bias), g.cast(mean, "float32"), g.cast(reciprocal, "float32")];
  }),

  /** In float64, for which the runtime has no kernel. */
  InstanceNormalization: decomposition(3, ({ g, node, inputs: [x, scale, bias] }) => {
    if (x.dataType !== "float64") return undefined;
    const axes = range(g.rank(x)).slice(2);
    const { normalized } = standardized(g, x, axes, floatAttribute(node, "epsilon", 1e-5));
    return [scaledChannels(g, normalized, scale, bias)];
  }),

  GroupNormalization: decomposition(3, ({ g, node, inputs: [x, scale, bias] }) => {
    const groups = integerAttribute(node, "num_groups", 1);
    const normalized = normalizedGroups(g, x, groups, floatAttribute(node, "epsilon", 1e-5));
    return [scaledChannels(g, normalized, scale, bias)];
  }),

  /** What ONNX Runtime wrote before ONNX had RMSNormalization, in the domain of ONNX. */
  SimplifiedLayerNormalization: decomposition(2, ({ g, node, inputs: [x, scale], wants }) => {
    const epsilon = floatAttribute(node, "epsilon", 1e-5);
    const axis = integerAttribute(node, "axis", -1);
    const y = g.op("RMSNormalization", [x, scale], { axis, epsilon: { float: epsilon } });
    return [y, wants(1) ? reciprocalOfSquares(g, x, axis, epsilon) : undefined];
  }),
};

/** (X − mean)/√(var + ε) over groups of channels of each example, x [N, C, ...]. */
export function normalizedGroups(g: Operators, x: Value, groups: number, epsilon: number): Value {
  const flat = g.op("Reshape", [x, g.integers([0, groups, -1])]);
  const normalized =
    x.dataType === "float64"
      ? standardized(g, flat, [2], epsilon).normalized
      : g.op("InstanceNormalization", [flat, ...[1, 0].map((n) => g.full(g.integers([groups]), n, x.dataType))], {
          epsilon: { float: epsilon },
        });
  return g.reshapeLike(normalized, x);
}

/** x·scale + bias with a scale and a bias for each channel, axis 1. */
function scaledChannels(g: Operators, x: Value, scale: Value, bias: Value): Value {
  const axes = range(g.rank(x) - 2).map((axis) => axis + 1);
  return g.add(g.mul(x, g.unsqueeze(scale, axes)), g.unsqueeze(bias, axes));
}

/** 1/√(mean(X²) + ε) over the axes from `axis` on. */
export function reciprocalOfSquares(g: Operators, x: Value, axis: number, epsilon: number): Value {
  const axes = range(g.rank(x)).slice(g.axis(x, axis));
  return g.reciprocal(g.sqrt(g.add(g.reduceMean(g.square(x), axes), epsilon)));
}

/** scale·(X − mean)/√(var + ε) + B for X [N, C], and the statistics [C]. */
function normalizedMatrix(
  g: Operators,
  node: Node,
  [x, scale, bias]: readonly [Value, Value, Value, ...unknown[]],
): readonly [y: Value, mean: Value, variance: Value] {
  const { centred, mean, variance, reciprocal } = standardized(g, x, [0], floatAttribute(node, "epsilon", 1e-5), false);
  return [g.add(g.mul(centred, g.mul(scale, reciprocal)), bias), mean, variance];
}

/** (X − mean)/√(var + ε) and what it is made of. */
function standardized(g: Operators, x: Value, axes: readonly number[], epsilon: number, keepDimensions = true) {
  const mean = g.reduceMean(x, axes, keepDimensions);
  const centred = g.sub(x, mean);
  const variance = g.reduceMean(g.square(centred), axes, keepDimensions);
  const reciprocal = g.reciprocal(g.sqrt(g.add(variance, epsilon)));
  const normalized = g.mul(centred, reciprocal);
  return { mean, centred, variance, reciprocal, normalized };
}
