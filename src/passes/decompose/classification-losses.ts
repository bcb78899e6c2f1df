import type { Value } from "../../graph/emitter.js";
import { integerAttribute, type Node, stringAttribute } from "../../graph/model.js";
import type { Operators } from "../../graph/operators.js";
import { decomposition, type Decompositions } from "./decomposition.js";

/**
 * Losses by class: scores [N, C, D...], labels [N, D...], perhaps weights [C]. The runtime's own operators cost more
 * than LogSoftmax and reading it at the labels, and their gradient no less.
 */
export const classificationLosses: Decompositions = {
  /** −w·x of the label's class. */
  NegativeLogLikelihoodLoss: decomposition(2, ({ g, node, inputs: [x, labels, weights] }) => [
    lossOfLabels(g, node, x, labels, weights),
  ]),

  /** −w·ln softmax x of the label's class, and ln softmax x. */
  SoftmaxCrossEntropyLoss: decomposition(2, ({ g, node, inputs: [x, labels, weights] }) => {
    const logarithms = g.op("LogSoftmax", [x], { axis: 1 });
    return [lossOfLabels(g, node, logarithms, labels, weights), logarithms];
  }),
};

/**
 * −w·x of the label's class, w its weight; 0 for labels to be ignored. The mean is the sum over the sum of the w of
 * what is not ignored.
 */
function lossOfLabels(g: Operators, node: Node, x: Value, given: Value, weights: Value | undefined): Value {
  const isIgnored = node.attributes.has("ignore_index")
    ? g.equal(given, integerAttribute(node, "ignore_index", 0))
    : undefined;
  // Labels to be ignored may be none of the classes.
  const labels = isIgnored === undefined ? given : g.where(isIgnored, 0, given);
  const weight = weights === undefined ? 1 : g.gather(weights, labels, 0);
  const ofLabel = g.squeeze(g.op("GatherElements", [x, g.unsqueeze(labels, [1])], { axis: 1 }), [1]);
  const weighted = g.mul(ofLabel, weight);
  const scores = isIgnored === undefined ? weighted : g.where(isIgnored, 0, weighted);
  const reduction = stringAttribute(node, "reduction") ?? "mean";
  if (reduction === "none") return g.neg(scores);
  const sum = () => g.neg(g.reduceSum(scores, undefined, false));
  if (reduction === "sum") return sum();
  const counted = isIgnored === undefined ? weight : g.where(isIgnored, 0, weight, x.dataType);
  return typeof counted === "number"
    ? g.neg(g.reduceMean(scores, undefined, false))
    : g.div(sum(), g.reduceSum(counted, undefined, false));
}
