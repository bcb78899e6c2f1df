import type { Value } from "../../graph/emitter.js";
import { integerAttribute, integersAttribute, type Node } from "../../graph/model.js";
import { type Operators, range } from "../../graph/operators.js";
import { product, type Shape } from "../../graph/shapes/extent.js";
import type { PredictionKind } from "./loss.js";

/**
 * Log-probabilities of a prediction along an axis. Of a model that ends in Softmax or LogSoftmax they are computed from
 * the input of that: exactly, and without a logarithm of rounded probabilities. Any other prediction is taken for
 * logits.
 */
export function logProbabilities(g: Operators, prediction: Value, axis: number): Value {
  return g.op("LogSoftmax", [beforeSoftmax(g, prediction, axis, ["Softmax", "LogSoftmax"]) ?? prediction], { axis });
}

/**
 * Log-probabilities of a prediction that is said to be such: the fused ones of a model that ends in Softmax, else the
 * prediction itself.
 */
export function givenLogProbabilities(g: Operators, prediction: Value, axis: number): Value {
  const logits = beforeSoftmax(g, prediction, axis, ["Softmax"]);
  return logits === undefined ? prediction : g.op("LogSoftmax", [logits], { axis });
}

/** What a prediction is by the Softmax or LogSoftmax along an axis that the model ends in. */
export function kindBySoftmax(g: Operators, prediction: Value, axis: number): PredictionKind {
  if (beforeSoftmax(g, prediction, axis, ["Softmax"]) !== undefined) return "probabilities";
  return beforeSoftmax(g, prediction, axis, ["LogSoftmax"]) === undefined ? "logits" : "log-probabilities";
}

/**
 * The logits of a prediction: what a Sigmoid at the end of the model is applied to, or the prediction itself. Behind
 * the Sigmoid there may be operators that only rearrange.
 */
export function logitsOf(g: Operators, prediction: Value): Value {
  return before(g, prediction, ({ opType }) => opType === "Sigmoid") ?? prediction;
}

/** What a Softmax along this axis is applied to. Behind it there may be operators that only rearrange. */
function beforeSoftmax(g: Operators, value: Value, axis: number, opTypes: readonly string[]): Value | undefined {
  return before(
    g,
    value,
    (node, input, at) => opTypes.includes(node.opType) && g.axis(input, integerAttribute(node, "axis", -1)) === at,
    axis,
  );
}

/**
 * Whether a node is the one that is looked for. @param axis where the axis of the value in question is in the node's
 * output
 */
type Wanted = (node: Node, input: Value, axis: number | undefined) => boolean;

/** The input of the wanted node, rearranged as its output is on the way to a value. */
function before(g: Operators, value: Value, isWanted: Wanted, axis?: number): Value | undefined {
  const { node, inputs } = g.emitter.emissionOf(value) ?? {};
  const [input, ...others] = inputs ?? [];
  if (node === undefined || input === undefined || node.domain !== "") return undefined;
  if (isWanted(node, input, axis)) return input;
  if (!rearrangements.has(node.opType)) return undefined;
  const found = before(g, input, isWanted, axis === undefined ? undefined : axisBefore(node, input, value, axis));
  return found && g.emitter.emit({ opType: node.opType, inputs: [found, ...others], attributes: node.attributes })[0];
}

const rearrangements: ReadonlySet<string> = new Set("Transpose Reshape Squeeze Unsqueeze Flatten".split(" "));

/** Where an axis of a rearranged value was before; undefined where it was none of its own. */
function axisBefore(node: Node, { shape }: Value, { shape: after }: Value, axis: number): number | undefined {
  if (shape === undefined || after === undefined) return undefined;
  if (node.opType === "Transpose") {
    return (integersAttribute(node, "perm") ?? range(shape.length).toReversed())[axis];
  }
  return range(shape.length).find(
    (from) => shape[from] === after[axis] && elementsBefore(shape, from) === elementsBefore(after, axis),
  );
}

function elementsBefore(shape: Shape, axis: number) {
  return product(shape.slice(0, axis));
}
