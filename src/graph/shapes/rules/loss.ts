import { stringAttribute } from "../../model.js";
import { type Facts, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";
import { equalExtent, formatShape } from "../shape-math.js";

/**
 * Scores [N, C, D...], labels [N, D...] -> one loss, or without reduction one for each label; and the log
 * probabilities.
 */
function loss(context: ShapeContext): readonly Facts[] {
  const { node, fail } = context;
  const { dataType, shape: scores } = context.input(0);
  const labels = context.shape(1);
  if (scores !== undefined && scores.length < 2) fail(`needs scores [N, C, ...], but has ${formatShape(scores)}`);
  if (scores !== undefined && labels !== undefined) {
    const expected = scores.toSpliced(1, 1);
    if (labels.length !== expected.length) {
      fail(`has labels ${formatShape(labels)} for scores ${formatShape(scores)}`);
    }
    for (const [axis, extent] of labels.entries()) equalExtent(extent, expected[axis] ?? extent, context);
  }
  const reduction = stringAttribute(node, "reduction") ?? "mean";
  if (!["mean", "none", "sum"].includes(reduction)) fail(`has reduction "${reduction}"`);
  const shape = reduction === "none" ? (labels ?? scores?.toSpliced(1, 1)) : [];
  return [tensorFacts(dataType, shape), tensorFacts(dataType, scores)];
}

/** The losses of ai.onnx. */
export const losses: ShapeRules = {
  NegativeLogLikelihoodLoss: loss,
  SoftmaxCrossEntropyLoss: loss,
};
