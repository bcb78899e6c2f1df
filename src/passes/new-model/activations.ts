import type { GraphBuilder } from "../../graph/builder.js";
import type { SchemeName } from "../initialization/schemes.js";

/** A function between the layers of a new model. */
export interface Activation {
  /** How weights start by default. */
  readonly scheme: SchemeName;
  /** Emits it and returns the name of its output. */
  readonly emit: (graph: GraphBuilder, input: string, name: string) => string;
}

export type ActivationName = "relu" | "leaky-relu" | "elu" | "selu" | "gelu" | "silu" | "mish" | "tanh" | "sigmoid";

/** One operator with its default attributes, which are those of PyTorch. */
const operator = (opType: string, scheme: SchemeName): Activation => ({
  scheme,
  emit: (graph, input, name) => graph.node(opType, [input], {}, { name }),
});

/** The activations by name. */
export const activations: ReadonlyMap<ActivationName, Activation> = new Map<ActivationName, Activation>([
  ["relu", operator("Relu", "he")],
  ["leaky-relu", operator("LeakyRelu", "he")],
  ["elu", operator("Elu", "he")],
  ["selu", operator("Selu", "lecun")],
  ["gelu", operator("Gelu", "he")],
  // x·sigmoid(x): the operator Swish is too new for most runtimes.
  [
    "silu",
    {
      scheme: "he",
      emit: (graph, input, name) => {
        const gate = graph.node("Sigmoid", [input], {}, { name: `${name}.gate` });
        return graph.node("Mul", [input, gate], {}, { name });
      },
    },
  ],
  ["mish", operator("Mish", "he")],
  ["tanh", operator("Tanh", "glorot")],
  ["sigmoid", operator("Sigmoid", "glorot")],
]);

export type OutputActivationName = "none" | "softmax" | "sigmoid" | "tanh";

/** What may follow the last layer, with its operator. */
export const outputActivations: ReadonlyMap<OutputActivationName, string | undefined> = new Map([
  ["none", undefined],
  ["softmax", "Softmax"],
  ["sigmoid", "Sigmoid"],
  ["tanh", "Tanh"],
]);
