import type { AttributeInputs } from "../../../graph/builder.js";
import type { Value } from "../../../graph/emitter.js";
import { InputError } from "../../../graph/errors.js";
import { describeNode, type Graph, integerAttribute, integersAttribute, type Node } from "../../../graph/model.js";
import type { Operators } from "../../../graph/operators.js";
import { type Extent, symbol } from "../../../graph/shapes/extent.js";
import { knownNumbers, tensorFacts } from "../../../graph/shapes/facts.js";
import { type GradientContext, type GradientRules, rule } from "../rule.js";
import { bodyOf, emitIf, recomputed, seedsOf, wantedCaptures } from "./bodies.js";
import { type Carried, type Input, iterationGradients, type Slices } from "./iterations.js";
import { cellGradients } from "./recurrent.js";

/**
 * Control flow. Its bodies see values of the graph around them, so these get gradients, too. The gradient of a body
 * computes the body anew, and what it returns are gradients.
 */
export const controlFlow: GradientRules = {
  /**
   * Y = then-branch or else-branch.  dX is what the branch that was taken gives, 0 for what only the other one uses.
   */
  If: rule(1, (context) => {
    const { g, node, inputs, captures, gradients, differentiate } = context;
    const [condition] = inputs;
    const towards = wantedCaptures(context);
    const gradientOf = (attribute: string) => {
      const body = bodyOf(node, attribute);
      const build = (inner: Operators) => {
        const seeds = seedsOf(recomputed(inner, body, captures, new Map()), gradients);
        const found = differentiate(inner, { seeds, towards });
        return towards.map((value, index) => found[index] ?? inner.zerosLike(value));
      };
      return g.body(`${body.name}/gradient`, [], build, true);
    };
    const found = emitIf(g, condition, gradientOf("then_branch"), gradientOf("else_branch"));
    return [undefined, ...captures.map((value) => found[towards.indexOf(value)])];
  }),

  /**
   * v, y = body(… body(v)): {@link iterationGradients}; without an iteration the gradient of v is what it is behind the
   * loop.
   */
  Loop: rule(0, (context) => {
    const { g, node, gradients, captures } = context;
    const body = bodyOf(node, "body");
    const [iteration, condition] = body.inputs;
    const places = { firstInput: 2, firstOutput: 1 };
    const carried = carriedOf(context, body, { count: context.inputs.length - 2, ...places });
    const stacked = gradients.slice(carried.length).map((tensor, index) => ({
      name: body.outputs[1 + carried.length + index]?.name ?? "",
      tensor,
      axis: 0,
      isReversed: false,
    }));
    const gradientsOf = (inner: Operators) => {
      const found = iterationGradients(inner, context, {
        body,
        carried,
        constants: new Map([[condition?.name ?? "", inner.tensor("bool", [], [1])]]),
        counters: [{ name: iteration?.name ?? "", facts: tensorFacts("int64", []) }],
        scanned: [],
        stacked: stacked.filter(hasTensor),
        keep: (kept) => keep(context, body, kept, { count: iterationsOf(g, node), ...places, attributes: {} }),
      });
      return [...found.carried, ...found.captures];
    };
    const runs = whetherLoopRuns(context);
    if (runs === true) return [undefined, undefined, ...gradientsOf(g)];

    let found: readonly (Value | undefined)[] = [];
    const some = (inner: Operators) => {
      found = gradientsOf(inner);
      return found.filter((value) => value !== undefined);
    };
    const inputs = [...carried.map(({ initial }) => initial), ...captures];
    const none = (inner: Operators) =>
      inputs.flatMap((value, index) => {
        if (found[index] === undefined) return [];
        return carried[index]?.gradient ?? inner.zerosLike(value);
      });
    const results = [
      ...emitIf(g, runs, g.body(`${body.name}/gradient`, [], some, true), g.body(`${body.name}/none`, [], none)),
    ];
    return [undefined, undefined, ...found.map((value) => (value === undefined ? undefined : results.shift()))];
  }),

  /** As Loop, but over slices of the scanned inputs, whose gradients are stacked. */
  Scan: rule(1, (context) => {
    const ofCell = cellGradients(context);
    if (ofCell !== undefined) return ofCell;
    const { g, node, inputs, gradients, needs } = context;
    const body = bodyOf(node, "body");
    const places = { firstInput: 0, firstOutput: 0 };
    const states = inputs.length - integerAttribute(node, "num_scan_inputs", 1);
    const attribute = (name: string, index: number) => integersAttribute(node, name)?.[index] ?? 0;
    const scanned = inputs.slice(states).map((tensor, index) => ({
      name: body.inputs[states + index]?.name ?? "",
      tensor: tensor ?? lacking(node, states + index),
      axis: attribute("scan_input_axes", index),
      isReversed: attribute("scan_input_directions", index) === 1,
      isWanted: needs(states + index),
    }));
    const stacked = gradients.slice(states).map((tensor, index) => ({
      name: body.outputs[states + index]?.name ?? "",
      tensor,
      axis: attribute("scan_output_axes", index),
      isReversed: attribute("scan_output_directions", index) === 1,
    }));
    const [first] = scanned;
    const count = first?.tensor.shape?.at(first.axis) ?? iterationsOf(g, node);
    const found = iterationGradients(g, context, {
      body,
      carried: carriedOf(context, body, { count: states, ...places }),
      constants: new Map(),
      counters: [],
      scanned,
      stacked: stacked.filter(hasTensor),
      keep: (kept) => {
        const attributes = {
          scan_output_axes: [...stacked.map(({ axis }) => axis), ...kept.map(() => 0)],
          scan_output_directions: [...stacked.map(({ isReversed }) => (isReversed ? 1 : 0)), ...kept.map(() => 0)],
        };
        return keep(context, body, kept, { count, ...places, attributes });
      },
    });
    return [...found.carried, ...found.scanned, ...found.captures];
  }),
};

/** What the iterations of a Loop or Scan carry. */
function carriedOf(
  { node, inputs, gradients, needs }: GradientContext<number>,
  body: Graph,
  {
    count,
    firstInput,
    firstOutput,
  }: { readonly count: number; readonly firstInput: number; readonly firstOutput: number },
): readonly Carried[] {
  return inputs.slice(firstInput, firstInput + count).map((initial, index) => ({
    input: body.inputs[firstInput + index]?.name ?? "",
    output: body.outputs[firstOutput + index]?.name ?? "",
    initial: initial ?? lacking(node, firstInput + index),
    gradient: gradients[index],
    isWanted: needs(firstInput + index),
  }));
}

/** Has a Loop or Scan put out what inputs of its body were in each iteration, too. */
function keep(
  { g, emission }: GradientContext<number>,
  body: Graph,
  inputs: readonly Input[],
  {
    count,
    firstOutput,
    attributes,
  }: { readonly count: Extent; readonly firstOutput: number; readonly attributes: AttributeInputs },
): readonly Value[] {
  const copies = inputs.map(({ name }): Node => {
    const copy = g.emitter.uniqueName(`${name}/kept`);
    return {
      name: copy,
      domain: "",
      opType: "Identity",
      overload: "",
      inputs: [name],
      outputs: [copy],
      attributes: new Map(),
      metadata: new Map(),
    };
  });
  const outputs = [
    ...body.outputs.slice(0, firstOutput + emission.outputs.length),
    ...copies.map(({ name }) => ({ name })),
  ];
  return g.emitter.extend(
    emission,
    { ...attributes, body: { ...body, nodes: [...body.nodes, ...copies], outputs } },
    inputs.map(({ facts: { dataType, shape } }) =>
      tensorFacts(dataType, shape === undefined ? undefined : [count, ...shape]),
    ),
  );
}

/** How often a Loop or Scan runs where that is not known. */
function iterationsOf(g: Operators, { name }: Node): Extent {
  return symbol(g.emitter.uniqueName(`${name}_iterations`));
}

/** Whether a Loop runs at least once: true where that is known, else computed. */
function whetherLoopRuns({ g, inputs: [limit, condition] }: GradientContext<number>): Value | true {
  const [count, isTrue] = [knownNumbers(limit)?.[0], knownNumbers(condition)?.[0]];
  const isBelow = limit === undefined || (count !== undefined && count > 0) ? undefined : g.greater(limit, 0);
  const isMet = condition === undefined || isTrue === 1 ? undefined : condition;
  if (isBelow === undefined || isMet === undefined) return isBelow ?? isMet ?? true;
  return g.and(isBelow, isMet);
}

function lacking(node: Node, input: number): never {
  throw new InputError(describeNode(node), `lacks its input ${input}`);
}

function hasTensor(slices: Omit<Slices, "tensor"> & { readonly tensor: Value | undefined }): slices is Slices {
  return slices.tensor !== undefined;
}
