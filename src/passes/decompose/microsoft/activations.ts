import type { Value } from "../../../graph/emitter.js";
import { InputError } from "../../../graph/errors.js";
import { describeNode, floatAttribute, integerAttribute, type Node, stringAttribute } from "../../../graph/model.js";
import type { Operators } from "../../../graph/operators.js";
import { decomposition, type DecompositionContext, type Decompositions } from "../decomposition.js";

/** Activations of ONNX Runtime, domain com.microsoft, and what its optimizer fuses with them. */
export const microsoftActivations: Decompositions = {
  "com.microsoft.Gelu": decomposition(1, ({ op, inputs: [x] }) => [op("Gelu", [x])]),

  /** Y = Gelu(X + bias), approximated by tanh. */
  "com.microsoft.FastGelu": decomposition(1, ({ g, op, inputs: [x, bias] }) => [fastGelu(op, biased(g, x, bias))]),

  /** Y = FastGelu(X·W + bias). */
  "com.microsoft.GemmFastGelu": decomposition(2, ({ g, op, inputs: [x, w, bias] }) => [
    fastGelu(op, biased(g, g.matMul(x, w), bias)),
  ]),

  /** Y = X·sigmoid(α·X). */
  "com.microsoft.QuickGelu": decomposition(1, ({ g, node, inputs: [x] }) => [
    g.mul(x, g.sigmoid(g.mul(x, floatAttribute(node, "alpha", 1.702)))),
  ]),

  "com.microsoft.BiasGelu": decomposition(2, ({ g, op, inputs: [x, bias] }) => [op("Gelu", [g.add(x, bias)])]),

  /** Y = A·Gelu(B), A and B the halves of X + bias. */
  "com.microsoft.BiasSplitGelu": decomposition(2, ({ g, op, inputs: [x, bias] }) => {
    const [a, b] = g.ops("Split", [g.add(x, bias)], 2, { axis: -1, num_outputs: 2 });
    return [g.mul(a, op("Gelu", [b]))];
  }),

  /** Y = softmax(X + bias) over all axes from `axis` on together. */
  "com.microsoft.BiasSoftmax": decomposition(2, ({ g, op, node, inputs: [x, bias] }) => {
    const sum = g.add(x, bias);
    const axis = g.axis(x, integerAttribute(node, "axis", 1));
    if (axis === g.rank(x) - 1) return [op("Softmax", [sum], { axis })];
    return [g.reshapeLike(op("Softmax", [g.op("Flatten", [sum], { axis })], { axis: 1 }), x)];
  }),

  /** Y = Dropout(X + bias) + residual. */
  "com.microsoft.BiasDropout": decomposition(2, ({ g, node, inputs }) => {
    const [x, bias, residual, ratio, trainingMode] = inputs;
    const seed = node.attributes.get("seed");
    const attributes = seed === undefined ? {} : new Map([["seed", seed]]);
    const [dropped, mask] = g.ops("Dropout", [g.add(x, bias), ratio, trainingMode], 2, attributes);
    return [biased(g, dropped, residual), mask];
  }),

  /** Y = X + bias + skip. */
  "com.microsoft.BiasAdd": decomposition(3, ({ g, inputs: [x, bias, skip] }) => [g.add(g.add(x, bias), skip)]),
};

function fastGelu(op: Operators["op"], x: Value): Value {
  return op("Gelu", [x], { approximate: "tanh" });
}

/** x + bias, if there is one. */
export function biased(g: Operators, x: Value, bias: Value | undefined): Value {
  return bias === undefined ? x : g.add(x, bias);
}

/**
 * The activation that is fused with a product or a convolution.
 * @param parameters its α, β and γ; undefined for the defaults of the operator of that name
 */
export function activated(
  { g, op, node }: DecompositionContext<number>,
  x: Value,
  parameters: readonly (number | undefined)[],
): Value {
  const name = stringAttribute(node, "activation") ?? "";
  const [alpha, beta] = parameters;
  const attributes = Object.fromEntries(
    Object.entries({ alpha, beta }).flatMap(([key, value]) => (value === undefined ? [] : [[key, { float: value }]])),
  );
  switch (name) {
    case "":
      return x;
    case "Relu":
    case "Tanh":
    case "Sigmoid":
    case "Gelu":
    case "Softplus":
    case "Softsign":
      return op(name, [x]);
    case "LeakyRelu":
    case "Elu":
    case "ThresholdedRelu":
    case "HardSigmoid":
      return op(name, [x], attributes);
    case "HardSwish":
      return op(name, [x]);
    case "Clip": {
      const bounds = [alpha, beta].map((bound) => (bound === undefined ? undefined : g.scalar(bound, x.dataType)));
      return op(name, [x, ...bounds]);
    }
    default:
      throw new InputError(describeNode(node), `has the activation "${name}", which is not known here`);
  }
}

/** The parameters of an activation that are attributes of their own. */
export function activationParameters(node: Node): readonly (number | undefined)[] {
  return ["activation_alpha", "activation_beta", "activation_gamma"].map((name) =>
    node.attributes.has(name) ? floatAttribute(node, name, 0) : undefined,
  );
}
