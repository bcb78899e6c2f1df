import type { Body, BodyInput, Value } from "../../../graph/emitter.js";
import { isFloatingPoint } from "../../../graph/data-type.js";
import { InputError } from "../../../graph/errors.js";
import { describeNode, type Graph, integerAttribute, integersAttribute, type Node } from "../../../graph/model.js";
import { Operators, range } from "../../../graph/operators.js";
import { replay } from "../../../graph/replay.js";
import type { Extent } from "../../../graph/shapes/extent.js";
import { type Facts, tensorFacts } from "../../../graph/shapes/facts.js";
import { isSameShape } from "../../../graph/simplify.js";
import { type GradientContext, type GradientRules, rule } from "../rule.js";
import { cellGradients } from "./recurrent.js";

/**
 * Control flow. Its bodies see values of the graph around them, so these get gradients, too. The gradient of a body computes the body anew, and
 * what it returns are gradients instead of values.
 */
export const controlFlow: GradientRules = {
  /** Y = then-branch or else-branch.  dX is what the branch that was taken gives; 0 for what only the other one uses. */
  If: rule(1, (context) => {
    const { g, node, inputs, outputs, differentiate } = context;
    const [condition] = inputs;
    const captures = wantedCaptures(context);
    if (captures.length === 0) return [];
    const branch = (attribute: string) => {
      const graph = bodyOf(node, attribute);
      return g.body(
        `${graph.name}/gradient`,
        [],
        (inner) => {
          const results = recomputed(inner, graph, new Map(), context.captures);
          const seeds = seedsOf(
            results,
            outputs.map((_, index) => context.gradients[index]),
          );
          return totals(inner, differentiate(inner, { seeds, towards: captures }), captures);
        },
        true,
      );
    };
    const gradients = apply(
      g,
      "If",
      [condition],
      { then_branch: branch("then_branch"), else_branch: branch("else_branch") },
      captures,
    );
    return placed(context, new Map(captures.map(({ name }, index) => [name, gradients[index]])));
  }),

  /**
   * v_T = body(… body(v_0)), a scan output for each iteration.  Backwards: the same loop from the last iteration to the first, which carries dv and adds
   * up the gradients of captured values. The carried values of each iteration are kept as further scan outputs.
   */
  Loop: rule(0, (context) => {
    const { g, node, emission, inputs, gradients, differentiate } = context;
    const graph = bodyOf(node, "body");
    const [, , ...initial] = inputs;
    const [iteration, , ...carried] = graph.inputs;
    const facts = carried.map((input, index) => carriedFacts(node, input.name, initial[index]));
    const count = carried.length;

    const kept = keptForGradient(graph, [iteration?.name ?? "", ...carried.map(({ name }) => name)], g);
    const [numbers, ...states] = g.emitter.extend(emission, { body: kept }, [
      tensorFacts("int64", [tripCountOf(node)]),
      ...facts.map((fact) => stacked(fact, node)),
    ]);
    if (numbers === undefined) return g.unreachable("Loop");
    const trips = g.sizeOf(numbers);
    const moving = range(count).filter((index) => isFloatingPoint(facts[index]?.dataType ?? "undefined"));
    const captures = wantedCaptures(context);
    const start = moving.map(
      (index) => gradients[index] ?? g.zerosLike(context.outputs[index] ?? initial[index] ?? g.unreachable("Loop")),
    );
    const body = g.body(
      `${graph.name}/gradient`,
      [
        { name: "iteration", facts: tensorFacts("int64", []) },
        { name: "condition", facts: tensorFacts("bool", []) },
        ...moving.map((index) => gradientInput(carried[index]?.name ?? "", facts[index])),
        ...captures.map((value) => gradientInput(value.name, value)),
      ],
      (inner, [step, condition, ...sums]) => {
        if (step === undefined || condition === undefined) return inner.unreachable("Loop");
        const at = inner.sub(inner.sub(trips, 1), step);
        const values = states.map((state) => inner.gather(state, at, 0));
        const bound = [at, condition, ...values];
        const results = recomputed(
          inner,
          graph,
          new Map(graph.inputs.map(({ name }, index) => [name, bound[index] ?? at])),
          context.captures,
        );
        const scanned = gradients
          .slice(count)
          .map((gradient) => (gradient === undefined ? undefined : inner.gather(gradient, at, 0)));
        const carriedSeeds = range(count).map((index) => sums[moving.indexOf(index)]);
        const seeds = seedsOf(results.slice(1), [...carriedSeeds, ...scanned]);
        const towards = [...moving.map((index) => values[index] ?? at), ...captures];
        const found = totals(inner, differentiate(inner, { seeds, towards }), towards);
        const added = captures.map((_, index) =>
          inner.add(sums[moving.length + index] ?? at, found[moving.length + index] ?? at),
        );
        return [condition, ...found.slice(0, moving.length), ...added];
      },
      true,
    );
    const isTrue = g.tensor("bool", [], [1]);
    const results = apply(
      g,
      "Loop",
      [trips, isTrue, ...start, ...captures.map((value) => g.zerosLike(value))],
      { body },
      [...start, ...captures],
    );
    const ofCarried = new Map(moving.map((index, position) => [2 + index, results[position]]));
    const ofCaptures = new Map(captures.map(({ name }, index) => [name, results[moving.length + index]]));
    return placed(context, ofCaptures, ofCarried);
  }),

  /** As Loop, over slices of the scanned inputs: their gradients are scanned outputs, in the other direction. */
  Scan: rule(1, (context) => {
    const ofCell = cellGradients(context);
    if (ofCell !== undefined) return ofCell;
    const { g, node, emission, inputs, gradients, differentiate } = context;
    const graph = bodyOf(node, "body");
    const scannedCount = integerAttribute(node, "num_scan_inputs", 1);
    const stateCount = inputs.length - scannedCount;
    const outputCount = graph.outputs.length - stateCount;
    const list = (name: string, length: number) => integersAttribute(node, name) ?? Array<number>(length).fill(0);
    const [inputAxes, inputDirections] = [
      list("scan_input_axes", scannedCount),
      list("scan_input_directions", scannedCount),
    ];
    const [outputAxes, outputDirections] = [
      list("scan_output_axes", outputCount),
      list("scan_output_directions", outputCount),
    ];

    const stateNames = graph.inputs.slice(0, stateCount).map(({ name }) => name);
    const facts = stateNames.map((name, index) => carriedFacts(node, name, inputs[index]));
    const kept = keptForGradient(graph, stateNames, g);
    const length = lengthOf(inputs[stateCount], inputAxes[0] ?? 0) ?? tripCountOf(node);
    const states = g.emitter.extend(
      emission,
      {
        body: kept,
        scan_output_axes: [...outputAxes, ...stateNames.map(() => 0)],
        scan_output_directions: [...outputDirections, ...stateNames.map(() => 0)],
      },
      facts.map((fact) => stacked(fact, node, length)),
    );
    const moving = range(stateCount).filter((index) => isFloatingPoint(facts[index]?.dataType ?? "undefined"));
    const captures = wantedCaptures(context);
    const scanned = inputs.slice(stateCount).map((value) => value ?? g.unreachable("Scan"));
    const wantedSlices = range(scannedCount).filter((index) => context.needs(stateCount + index));
    const seeded = range(outputCount).filter((index) => gradients[stateCount + index] !== undefined);
    const start = moving.map(
      (index) => gradients[index] ?? g.zerosLike(context.outputs[index] ?? inputs[index] ?? g.unreachable("Scan")),
    );
    const slice = (value: Facts | undefined, axis: number): Facts =>
      tensorFacts(value?.dataType ?? "undefined", withoutAxis(value, axis));
    const slices = scanned.map((value, index) => slice(value, inputAxes[index] ?? 0));
    const body = g.body(
      `${graph.name}/gradient`,
      [
        ...moving.map((index) => gradientInput(stateNames[index] ?? "", facts[index])),
        ...captures.map((value) => gradientInput(value.name, value)),
        ...stateNames.map((name, index) => ({ name, facts: facts[index] ?? tensorFacts("undefined", undefined) })),
        ...scanned.map(({ name }, index) => ({
          name: `${name}/slice`,
          facts: slices[index] ?? tensorFacts("undefined", undefined),
        })),
        ...seeded.map((index) => {
          const output = graph.outputs[stateCount + index]?.name ?? "";
          return gradientInput(output, slice(gradients[stateCount + index], outputAxes[index] ?? 0));
        }),
      ],
      (inner, all) => {
        const sums = all.slice(0, moving.length + captures.length);
        const values = all.slice(sums.length, sums.length + stateCount + scannedCount);
        const ofOutputs = all.slice(sums.length + stateCount + scannedCount);
        const bound = new Map(
          graph.inputs.map(({ name }, index) => [name, values[index] ?? inner.unreachable("Scan")]),
        );
        const results = recomputed(inner, graph, bound, context.captures);
        const seeds = seedsOf(results, [
          ...range(stateCount).map((index) => sums[moving.indexOf(index)]),
          ...range(outputCount).map((index) => ofOutputs[seeded.indexOf(index)]),
        ]);
        const value = (index: number) => values[index] ?? inner.unreachable("Scan");
        const towards = [...moving.map(value), ...captures, ...wantedSlices.map((index) => value(stateCount + index))];
        const found = totals(inner, differentiate(inner, { seeds, towards }), towards);
        return found.map((gradient, index) => {
          const sum = sums[index];
          return index >= moving.length && sum !== undefined ? inner.add(sum, gradient) : gradient;
        });
      },
      true,
    );
    const operands = [
      ...start,
      ...captures.map((value) => g.zerosLike(value)),
      ...states,
      ...scanned,
      ...seeded.map((index) => gradients[stateCount + index] ?? g.unreachable("Scan")),
    ];
    const results = g.emitter.emit({
      opType: "Scan",
      inputs: operands,
      attributes: {
        body: body.graph,
        num_scan_inputs: stateCount + scannedCount + seeded.length,
        scan_input_axes: [...stateNames.map(() => 0), ...inputAxes, ...seeded.map((index) => outputAxes[index] ?? 0)],
        scan_input_directions: [
          ...stateNames.map(() => 1),
          ...inputDirections.map((direction) => 1 - direction),
          ...seeded.map((index) => 1 - (outputDirections[index] ?? 0)),
        ],
        scan_output_axes: wantedSlices.map((index) => inputAxes[index] ?? 0),
        scan_output_directions: wantedSlices.map((index) => 1 - (inputDirections[index] ?? 0)),
      },
      outputs: body.outputs.length,
      bodies: new Map([["body", body.outputs]]),
    });
    const ofInputs = new Map<number, Value | undefined>([
      ...moving.map((index, position) => [index, results[position]] as const),
      ...wantedSlices.map(
        (index, position) => [stateCount + index, results[moving.length + captures.length + position]] as const,
      ),
    ]);
    const ofCaptures = new Map(captures.map(({ name }, index) => [name, results[moving.length + index]]));
    return placed(context, ofCaptures, ofInputs);
  }),
};

/** Values from outside that a node's bodies use, whose gradients are wanted. */
function wantedCaptures({ inputs, captures, needs }: GradientContext<number>): readonly Value[] {
  return captures.filter((_, index) => needs(inputs.length + index));
}

function bodyOf(node: Node, attribute: string): Graph {
  const body = node.attributes.get(attribute);
  if (body?.kind !== "graph") throw new InputError(describeNode(node), `lacks its attribute ${attribute}`);
  return body.value;
}

/** Emits the nodes of a body again. @returns its outputs */
function recomputed(
  g: Operators,
  body: Graph,
  inputs: ReadonlyMap<string, Value>,
  captures: readonly Value[],
): readonly Value[] {
  const values = new Map([...captures.map((value) => [value.name, value] as const), ...inputs]);
  const results = replay(body, g.emitter, values, {
    initializer: (tensor, emitter) => emitter.initializer(tensor),
    rewrite: () => undefined,
  });
  return body.outputs.map(({ name }) => results.get(name) ?? g.unreachable(body.name));
}

function seedsOf(values: readonly Value[], gradients: readonly (Value | undefined)[]) {
  return values.flatMap((value, index) => {
    const gradient = gradients[index];
    return gradient === undefined ? [] : [{ value, gradient }];
  });
}

/** Bodies return a gradient for everything: zeros where there is none. */
function totals(g: Operators, gradients: readonly (Value | undefined)[], of: readonly Value[]): readonly Value[] {
  return of.map((value, index) => gradients[index] ?? g.zerosLike(value));
}

function apply(
  g: Operators,
  opType: string,
  inputs: readonly Value[],
  bodies: Readonly<Record<string, Body>>,
  like: readonly Facts[],
): readonly (Value | undefined)[] {
  const entries = Object.entries(bodies);
  return g.emitter.emit({
    opType,
    inputs,
    attributes: Object.fromEntries(entries.map(([name, { graph }]) => [name, graph])),
    bodies: new Map(entries.map(([name, { outputs }]) => [name, outputs])),
    outputs: like.length,
    facts: like.map(({ dataType, shape }) => tensorFacts(dataType, shape)),
  });
}

/** Gradients in the order of inputs and captures. */
function placed(
  { inputs, captures }: GradientContext<number>,
  ofCaptures: ReadonlyMap<string, Value | undefined>,
  ofInputs: ReadonlyMap<number, Value | undefined> = new Map(),
): readonly (Value | undefined)[] {
  return [...inputs.map((_, index) => ofInputs.get(index)), ...captures.map(({ name }) => ofCaptures.get(name))];
}

/** A body that also returns some of its values, behind its outputs. */
function keptForGradient(body: Graph, names: readonly string[], g: Operators): Graph {
  const copies = names.map((name) => ({ name, copy: g.emitter.uniqueName(`${name}/kept`) }));
  return {
    ...body,
    nodes: [
      ...body.nodes,
      ...copies.map(({ name, copy }): Node => ({
        name: copy,
        domain: "",
        opType: "Identity",
        overload: "",
        inputs: [name],
        outputs: [copy],
        attributes: new Map(),
        metadata: new Map(),
      })),
    ],
    outputs: [...body.outputs, ...copies.map(({ copy }) => ({ name: copy }))],
  };
}

/** What a carried value is in every iteration. @throws InputError where its shape changes, as then iterations cannot be kept in one tensor */
function carriedFacts(node: Node, name: string, initial: Value | undefined): Facts {
  const body = bodyOf(node, "body");
  const declared = body.inputs.find((input) => input.name === name)?.type;
  const shape = initial?.shape;
  const isFixed =
    declared?.kind !== "tensor" ||
    isSameShape(
      shape,
      declared.shape?.map((extent) => extent ?? ""),
    );
  if (initial === undefined || !isFixed) {
    throw new InputError(
      describeNode(node),
      `"${name}" changes its shape from one iteration to the next, so that there is no gradient through it`,
      "leave what is behind it as it is with --freeze",
    );
  }
  return tensorFacts(initial.dataType, shape);
}

function stacked({ dataType, shape }: Facts, node: Node, length: Extent = tripCountOf(node)): Facts {
  return tensorFacts(dataType, shape === undefined ? undefined : [length, ...shape]);
}

/** How often a loop runs. */
function tripCountOf({ name }: Node): Extent {
  return `${name.replaceAll(/[^\p{L}\p{N}_]/gu, "_")}_iterations`;
}

function lengthOf(value: Facts | undefined, axis: number): Extent | undefined {
  return value?.shape?.at(axis);
}

function withoutAxis(value: Facts | undefined, axis: number): readonly Extent[] | undefined {
  const rank = value?.shape?.length ?? 0;
  const dropped = axis < 0 ? axis + rank : axis;
  return value?.shape?.filter((_, index) => index !== dropped);
}

function gradientInput(name: string, facts: Facts | undefined): BodyInput {
  return { name: `${name}/gradient`, facts: tensorFacts(facts?.dataType ?? "undefined", facts?.shape) };
}
