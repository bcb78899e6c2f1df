import type { Emission, Value } from "../../graph/emitter.js";
import type { Node } from "../../graph/model.js";
import type { Operators } from "../../graph/operators.js";

/** What a gradient rule works with, for an operator with at least `Arity` inputs. */
export interface GradientContext<Arity extends number> {
  readonly g: Operators;
  readonly node: Node;
  /** The inputs; those beyond the required ones are undefined where they are omitted. */
  readonly inputs: Inputs<Arity>;
  /** The outputs that are there. */
  readonly outputs: readonly (Value | undefined)[];
  /** The first output. */
  readonly Y: Value;
  /** The gradient of the loss towards the first output: zeros, where the loss depends on other outputs alone. */
  readonly dY: Value;
  /** The gradients towards all outputs; undefined for outputs that the loss does not depend on. */
  readonly gradients: readonly (Value | undefined)[];
  /** Values from outside that the node's control-flow bodies use: their gradients follow those of the inputs. */
  readonly captures: readonly Value[];
  /** The node's place in the graph, for rules that have it yield further outputs. */
  readonly emission: Emission;
  /** Differentiates a graph inside of this one: the body of control flow. */
  readonly differentiate: Differentiate;
  /** {@link Differentiation.channelBlock} */
  readonly channelBlock: number | undefined;
  /** Whether the gradient towards an input is wanted. Captures count after the inputs. */
  readonly needs: (input: number) => boolean;
}

/** What to differentiate, and with respect to what. */
export interface Differentiation {
  /** The gradients of the loss towards some values of the graph; of a scalar loss towards itself: 1. */
  readonly seeds: readonly { readonly value: Value; readonly gradient: Value }[];
  /** The values whose gradients are wanted. */
  readonly towards: readonly Value[];
  /**
   * How many channels are in a block of the convolutions that the runtime of this graph has for weights that change;
   * undefined where it has standard operators alone.
   */
  readonly channelBlock?: number | undefined;
}

/** Emits gradients. @returns them in the order of `towards`; undefined for values that the loss does not depend on */
export type Differentiate = (g: Operators, differentiation: Differentiation) => readonly (Value | undefined)[];

/** A tuple that begins with the inputs that an operator requires. */
export type Inputs<Arity extends number> = Arity extends 1
  ? readonly [Value, ...(Value | undefined)[]]
  : Arity extends 2
    ? readonly [Value, Value, ...(Value | undefined)[]]
    : Arity extends 3
      ? readonly [Value, Value, Value, ...(Value | undefined)[]]
      : Arity extends 4
        ? readonly [Value, Value, Value, Value, ...(Value | undefined)[]]
        : Arity extends 5
          ? readonly [Value, Value, Value, Value, Value, ...(Value | undefined)[]]
          : readonly (Value | undefined)[];

/** The gradient towards each input: a value, or nothing where there is none or none is wanted. */
export type InputGradients = readonly (Value | false | undefined)[];

/** How the gradient passes an operator. */
export interface GradientRule {
  /** How many inputs the operator requires. */
  readonly arity: number;
  readonly gradients: (context: GradientContext<number>) => InputGradients;
}

/** Rules by operator. */
export type GradientRules = Readonly<Record<string, GradientRule>>;

/**
 * A rule for an operator that requires `arity` inputs. It returns a gradient for each input, in order, and may leave
 * out the last ones; each has the type and shape of its input.
 */
export function rule<Arity extends 0 | 1 | 2 | 3 | 4 | 5>(
  arity: Arity,
  gradients: (context: GradientContext<Arity>) => InputGradients,
): GradientRule {
  return {
    arity,
    gradients: (context) => {
      if (!isOfArity(context, arity)) throw new Error(`${context.node.opType} needs ${arity} inputs`);
      return gradients(context);
    },
  };
}

/** The context itself, not a copy, which would evaluate what it gives on demand. */
function isOfArity<Arity extends number>(
  context: GradientContext<number>,
  arity: Arity,
): context is GradientContext<number> & GradientContext<Arity> {
  return hasInputs(context.inputs, arity);
}

/** A rule for an operator whose outputs do not change with small changes of its inputs: its gradient is 0. */
export const noGradient: GradientRule = { arity: 0, gradients: () => [] };

/** Whether an operator has the inputs that it requires. */
export function hasInputs<Arity extends number>(
  inputs: readonly (Value | undefined)[],
  arity: Arity,
): inputs is Inputs<Arity> {
  return inputs.length >= arity && inputs.slice(0, arity).every((input) => input !== undefined);
}
