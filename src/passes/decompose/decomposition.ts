import { type Value, toAttributes } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import { describeNode, type Node } from "../../graph/model.js";
import { Operators, range } from "../../graph/operators.js";
import type { Replayed, Rewrite } from "../../graph/replay.js";
import { tuple } from "../../graph/tuple.js";
import { type Inputs, hasInputs } from "../gradient/rule.js";

/** What a decomposition works with, for an operator with at least `Arity` inputs. */
export interface DecompositionContext<Arity extends number> {
  readonly g: Operators;
  readonly node: Node;
  /** The inputs; those beyond the required ones are undefined where they are omitted. */
  readonly inputs: Inputs<Arity>;
  /** Whether an output is wanted. */
  readonly wants: (output: number) => boolean;
  /** As `g.op`, but decomposed in turn where there is a decomposition for the operator. */
  readonly op: Operators["op"];
  /** As `g.ops`, likewise. */
  readonly ops: Operators["ops"];
}

/** An operator in terms of others. */
export interface Decomposition {
  /** How many inputs the operator requires. */
  readonly arity: number;
  /** Emits the other operators. @returns the outputs that are wanted; or undefined to keep the node as it is */
  readonly outputs: (context: DecompositionContext<number>) => readonly (Value | undefined)[] | undefined;
}

/** Decompositions by operator; operators of other domains with their domain in front: "com.microsoft.Gelu". */
export type Decompositions = Readonly<Record<string, Decomposition>>;

/**
 * A decomposition of an operator that requires `arity` inputs. It returns the outputs in order, or undefined where the
 * node is better kept as it is.
 */
export function decomposition<Arity extends 0 | 1 | 2 | 3 | 4 | 5>(
  arity: Arity,
  outputs: (context: DecompositionContext<Arity>) => readonly (Value | undefined)[] | undefined,
): Decomposition {
  return {
    arity,
    outputs: (context) => {
      const { inputs } = context;
      if (!hasInputs(inputs, arity)) throw new Error(`${context.node.opType} needs ${arity} inputs`);
      return outputs({ ...context, inputs });
    },
  };
}

/**
 * The context of a node on its way into another graph.
 * @param decompose writes a node of another standard operator in terms of others, or returns undefined to keep it as it
 *   is
 */
export function contextOf({ emitter, node, inputs }: Replayed, decompose: Rewrite): DecompositionContext<number> {
  const g = new Operators(emitter);
  const wants = (output: number) => (node.outputs[output] ?? "") !== "";
  const ops: Operators["ops"] = (opType, operands, count, attributes = {}) => {
    const inner: Node = {
      name: opType,
      domain: "",
      opType,
      overload: "",
      inputs: operands.map((operand) => operand?.name ?? ""),
      outputs: range(count).map((index) => `${opType}:${index}`),
      attributes: toAttributes(attributes),
      metadata: new Map(),
    };
    const outputs = decompose({ emitter, node: inner, inputs: operands });
    if (outputs === undefined) return g.ops(opType, operands, count, attributes);
    return tuple(
      range(count).map((index) => outputs[index] ?? g.unreachable(opType)),
      count,
    );
  };
  const op: Operators["op"] = (opType, operands, attributes) => ops(opType, operands, 1, attributes)[0];
  return { g, node, inputs, wants, op, ops };
}

/** An input that comes after an optional one and is required all the same. @throws InputError where it is omitted */
export function required({ node, inputs }: DecompositionContext<number>, index: number): Value {
  const input = inputs[index];
  if (input === undefined) throw new InputError(describeNode(node), `lacks its input ${index}`);
  return input;
}
