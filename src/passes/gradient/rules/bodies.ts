import { isRandom } from "../../../graph/emission-key.js";
import type { Body, Value } from "../../../graph/emitter.js";
import { InputError } from "../../../graph/errors.js";
import { describeNode, type Graph, type Node } from "../../../graph/model.js";
import type { Operators } from "../../../graph/operators.js";
import { replay } from "../../../graph/replay.js";
import type { Differentiation, GradientContext } from "../rule.js";

/** The body that a node of control flow has as an attribute. @throws InputError where it has none */
export function bodyOf(node: Node, attribute: string): Graph {
  const body = node.attributes.get(attribute);
  if (body?.kind !== "graph") throw new InputError(describeNode(node), `lacks its attribute ${attribute}`);
  return body.value;
}

/** Values from outside that a node's bodies use, whose gradients are wanted. */
export function wantedCaptures({ inputs, captures, needs }: GradientContext<number>): readonly Value[] {
  return captures.filter((_, index) => needs(inputs.length + index));
}

/**
 * Emits the nodes of a body again, into the body of its gradient.
 * @param inputs the values that stand for the body's inputs, by name
 * @returns the body's outputs
 * @throws InputError for a body that draws random numbers, which would be others
 */
export function recomputed(
  g: Operators,
  body: Graph,
  captures: readonly Value[],
  inputs: ReadonlyMap<string, Value>,
): readonly Value[] {
  const values = new Map([...captures.map((value) => [value.name, value] as const), ...inputs]);
  const results = replay(body, g.emitter, values, {
    initializer: (tensor, emitter) => emitter.initializer(tensor),
    rewrite: ({ node }) => {
      if (!isRandom(node)) return undefined;
      const problem =
        "is in a body of control flow, and for its gradient it would have to draw the same random numbers again";
      throw new InputError(
        describeNode(node),
        problem,
        "move it out of the body, or leave what is behind it with --freeze",
      );
    },
  });
  return body.outputs.map(({ name }) => results.get(name) ?? g.unreachable(body.name));
}

/**
 * The gradients of a body's outputs where there are any, as what to start from.
 * @param gradients in the order of the outputs
 */
export function seedsOf(
  outputs: readonly Value[],
  gradients: readonly (Value | undefined)[],
): Differentiation["seeds"] {
  return outputs.flatMap((value, index) => {
    const gradient = gradients[index];
    // Of the shape more is known inside of the body.
    return gradient === undefined ? [] : [{ value, gradient: { ...gradient, shape: value.shape ?? gradient.shape } }];
  });
}

/** Emits an If whose branches have been built. */
export function emitIf(g: Operators, condition: Value, thenBranch: Body, elseBranch: Body): readonly Value[] {
  const results = g.emitter.emit({
    opType: "If",
    inputs: [condition],
    attributes: { then_branch: thenBranch.graph, else_branch: elseBranch.graph },
    outputs: thenBranch.outputs.length,
    bodies: new Map([
      ["then_branch", thenBranch.outputs],
      ["else_branch", elseBranch.outputs],
    ]),
  });
  return results.map((result) => result ?? g.unreachable("If"));
}
