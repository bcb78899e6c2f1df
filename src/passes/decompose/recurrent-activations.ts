import type { Value } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import { describeNode, floatAttribute, type Node, stringsAttribute } from "../../graph/model.js";
import { type Operators, range } from "../../graph/operators.js";
import { type ForEach, tupleLike } from "../../graph/tuple.js";

/** An activation function of a recurrent layer, with its coefficients. */
export interface Activation {
  /** In lower case. */
  readonly name: string;
  readonly apply: (g: Operators, x: Value) => Value;
}

/** A function that takes coefficients, with those that the runtime uses where a node gives none. */
interface ActivationFunction {
  readonly alpha?: number;
  readonly beta?: number;
  readonly apply: (g: Operators, x: Value, alpha: number, beta: number) => Value;
}

/** The functions that recurrent layers know, by their names in lower case (ONNX LSTM 22). */
const functions: ReadonlyMap<string, ActivationFunction> = new Map(
  Object.entries<ActivationFunction>({
    relu: { apply: (g, x) => g.op("Relu", [x]) },
    tanh: { apply: (g, x) => g.tanh(x) },
    sigmoid: { apply: (g, x) => g.sigmoid(x) },
    softsign: { apply: (g, x) => g.op("Softsign", [x]) },
    softplus: { apply: (g, x) => g.op("Softplus", [x]) },
    leakyrelu: { alpha: 0.01, apply: withAlpha("LeakyRelu") },
    thresholdedrelu: { alpha: 1, apply: withAlpha("ThresholdedRelu") },
    elu: { alpha: 1, apply: withAlpha("Elu") },
    hardsigmoid: {
      alpha: 0.2,
      beta: 0.5,
      apply: (g, x, alpha, beta) => g.op("HardSigmoid", [x], { alpha: { float: alpha }, beta: { float: beta } }),
    },
    affine: { alpha: 0, beta: 0, apply: (g, x, alpha, beta) => g.add(g.mul(x, alpha), beta) },
    scaledtanh: { alpha: 0, beta: 0, apply: (g, x, alpha, beta) => g.mul(g.tanh(g.mul(x, beta)), alpha) },
  }),
);

function withAlpha(opType: string): ActivationFunction["apply"] {
  return (g, x, alpha) => g.op(opType, [x], { alpha: { float: alpha } });
}

/**
 * The activation functions of each direction of a layer. Those of gates clip what they are applied to, if the node
 * wants that. As in the runtime, the function of an LSTM's cell state does not, and only functions that have
 * coefficients consume those that the node gives.
 * @param defaults the names of the functions of one direction
 * @throws InputError for unknown functions and for too few of them
 */
export function activationsOf<const Names extends readonly string[]>(
  node: Node,
  defaults: Names,
  directions: number,
): readonly ForEach<Names, Activation>[] {
  const fail = (what: string): never => {
    throw new InputError(describeNode(node), what);
  };
  const names = stringsAttribute(node, "activations") ?? range(directions).flatMap(() => defaults);
  const count = defaults.length;
  if (names.length < directions * count) fail(`needs ${directions * count} activations, not ${names.length}`);
  const alphas = floatsAttribute(node, "activation_alpha");
  const betas = floatsAttribute(node, "activation_beta");
  const coefficient = (given: number[], fallback: number | undefined) =>
    fallback === undefined ? 0 : (given.shift() ?? fallback);
  const clip = floatAttribute(node, "clip", 0);
  const all = names.map((given, index): Activation => {
    const isOfGate = index % count < 2;
    const name = given.toLowerCase();
    const { apply, ...fallbacks } = functions.get(name) ?? fail(`has an unknown activation "${given}"`);
    const alpha = coefficient(alphas, fallbacks.alpha);
    const beta = coefficient(betas, fallbacks.beta);
    return { name, apply: (g, x) => apply(g, isOfGate && clip > 0 ? clipped(g, x, clip) : x, alpha, beta) };
  });
  return range(directions).map((direction) =>
    tupleLike(all.slice(direction * count, (direction + 1) * count), defaults),
  );
}

function clipped(g: Operators, x: Value, threshold: number): Value {
  return g.op("Clip", [x, g.scalar(-threshold, x.dataType), g.scalar(threshold, x.dataType)]);
}

function floatsAttribute(node: Node, name: string): number[] {
  const attribute = node.attributes.get(name);
  return attribute?.kind === "floats" ? [...attribute.value] : [];
}
