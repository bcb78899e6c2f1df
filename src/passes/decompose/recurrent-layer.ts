import type { Value } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import { describeNode, floatAttribute, integerAttribute, type Node, stringAttribute } from "../../graph/model.js";
import type { Operators } from "../../graph/operators.js";
import { scan } from "../../graph/scan.js";
import type { Extent } from "../../graph/shapes/extent.js";
import { knownElements } from "../../graph/shapes/facts.js";
import { type ForEach, tuple, type Tuple, tupleLike } from "../../graph/tuple.js";
import { type CellName, cellMetadata } from "../gradient/rules/recurrent.js";
import type { DecompositionContext } from "./decomposition.js";
import { type Activation, activationsOf } from "./recurrent-activations.js";

/** One direction of a recurrent layer. */
export interface Direction<Names extends readonly string[] = readonly string[]> {
  readonly g: Operators;
  /** [steps, batch, input size]. */
  readonly x: Value;
  /** [gates·hidden, input size] and [gates·hidden, hidden]. */
  readonly w: Value;
  readonly r: Value;
  /** What is added to x·Wᵀ and to h·Rᵀ, [gates·hidden]. */
  readonly inputBias: Value | undefined;
  readonly hiddenBias: Value | undefined;
  /** [3·hidden]. */
  readonly peepholes: Value | undefined;
  /** The states before the first step, [batch, hidden]. */
  readonly h: Value;
  readonly c: Value;
  readonly activations: ForEach<Names, Activation>;
  /** Whether nothing is clipped and all sequences have the same length, so that a gradient rule may know the cell. */
  readonly isUsual: boolean;
  readonly isReversed: boolean;
  /** Which steps are within their sequence, [steps, batch, 1]; undefined where all are. */
  readonly isInside: Value | undefined;
}

/** What a direction yields. */
export interface Outcome {
  /** The hidden states after each step, [steps, batch, hidden]. */
  readonly all: Value;
  /** The states after the last step. */
  readonly last: readonly Value[];
}

/**
 * A recurrent layer, direction by direction.
 * @param defaults the names of the activation functions of one direction
 * @returns the layer's outputs
 */
export function recurrentLayer<const Names extends readonly string[]>(
  { g, node, inputs }: DecompositionContext<3>,
  defaults: Names,
  outcomeOf: (direction: Direction<Names>) => Outcome,
): readonly Value[] {
  const [xGiven, w, r, bias, lengths, h, c, peepholes] = inputs;
  const isBatchFirst = integerAttribute(node, "layout", 0) !== 0;
  /** [batch, ..., ...] where layout is 1, the first two axes swapped. */
  const swapped = (value: Value) => (isBatchFirst ? g.transpose(value, [1, 0, 2]) : value);
  const x = swapped(xGiven);
  const [steps, batch] = shapeOf(g, node, x);
  const [, , hidden] = shapeOf(g, node, r);
  const isInside = lengths === undefined ? undefined : withinSequences(g, lengths, steps);
  const zeros = g.full(g.extents([batch, hidden]), 0, x.dataType);
  const direction = stringAttribute(node, "direction") ?? "forward";
  const activations = activationsOf(node, defaults, direction === "bidirectional" ? 2 : 1);
  const clip = floatAttribute(node, "clip", 0);

  const outcomes = activations.map((functions, index) => {
    const own = (value: Value) =>
      g.squeeze(activations.length === 1 ? value : g.slice(value, 0, index, index + 1), [0]);
    // Empty sequences end with zeros, as in the runtime.
    const state = (given: Value | undefined) => {
      if (given === undefined) return zeros;
      const start = own(swapped(given));
      return lengths === undefined || isInside === undefined
        ? start
        : g.where(g.unsqueeze(g.greater(lengths, 0), [1]), start, 0);
    };
    const [inputBias, hiddenBias] = bias === undefined ? [] : g.split(own(bias), 2, 0);
    return outcomeOf({
      g,
      x,
      w: own(w),
      r: own(r),
      inputBias,
      hiddenBias,
      peepholes: peepholes === undefined ? undefined : own(peepholes),
      h: state(h),
      c: state(c),
      activations: functions,
      isUsual: clip <= 0 && isInside === undefined,
      isReversed: direction === "reverse" || index === 1,
      isInside,
    });
  });

  const stacked = (values: readonly Value[], axis: number) => {
    const parts = values.map((value) => g.unsqueeze(value, [axis]));
    return g.concat(parts, axis);
  };
  const hiddenStates = outcomes.map(({ all }) => all);
  const lastStates = (outcomes[0]?.last ?? []).map((_, index) => outcomes.flatMap(({ last }) => last[index] ?? []));
  return [
    isBatchFirst ? g.transpose(stacked(hiddenStates, 1), [2, 0, 1, 3]) : stacked(hiddenStates, 1),
    ...lastStates.map((values) => swapped(stacked(values, 0))),
  ];
}

/** x·Wᵀ + b of all steps, as one product. */
export function projected(g: Operators, { x, w }: Pick<Direction, "x" | "w">, bias: Value | undefined): Value {
  const flat = g.op("Gemm", [g.op("Flatten", [x], { axis: 2 }), w, bias], { transB: 1 });
  return g.reshape(flat, [...g.shape(x).slice(0, 2), ...g.shape(w).slice(0, 1)]);
}

/**
 * What a step makes of the states before it, the hidden state first, and of what the input contributes to the gates.
 */
export type Cell<States extends readonly Value[]> = (
  g: Operators,
  states: ForEach<States, Value>,
  input: Value,
) => {
  readonly states: ForEach<States, Value>;
  /** What the cell's gradient rule wants to know of each step. */
  readonly gates: readonly Value[];
};

/** A cell to run over all steps. */
interface Course<States extends readonly Value[]> {
  /** The states before the first step. */
  readonly states: States;
  /** What the input contributes to the gates, [steps, batch, ...]. */
  readonly input: Value;
  readonly cell: Cell<States>;
  /** The cell, where there is a gradient rule for it. */
  readonly name: CellName | undefined;
}

/** Runs a cell over all steps. Beyond the end of a sequence its states stay as they are, and what it puts out is 0. */
export function run<const States extends readonly [Value, ...Value[]]>(
  { g, isReversed, isInside }: Direction,
  { states, input, cell, name }: Course<States>,
): Outcome {
  const ofSteps: readonly [Value, ...Value[]] = isInside === undefined ? [input] : [input, isInside];
  const { states: last, outputs } = scan(g, {
    name: "cell",
    states,
    inputs: ofSteps,
    isReversed,
    ...(name === undefined ? {} : { metadata: cellMetadata(name) }),
    body: (inner, before, [step, inside]) => {
      const { states: after, gates } = cell(inner, before, step);
      if (inside === undefined) return { states: after, outputs: [after[0], ...(name === undefined ? [] : gates)] };
      const kept = after.map((state, index) => inner.where(inside, state, before[index] ?? state));
      return { states: tupleLike(kept, states), outputs: [inner.where(inside, after[0], 0)] };
    },
  });
  return { all: outputs[0] ?? g.unreachable("Scan"), last };
}

/** Which steps are within their sequence, [steps, batch, 1]; undefined where it is known that all are. */
function withinSequences(g: Operators, lengths: Value, steps: Extent): Value | undefined {
  if (knownElements(lengths)?.every((length) => length === steps) === true) return undefined;
  return g.less(g.unsqueeze(g.range(steps), [1, 2]), g.unsqueeze(g.cast(lengths, "int64"), [0, 2]));
}

function shapeOf(g: Operators, node: Node, value: Value): Tuple<Extent, 3> {
  const shape = g.shape(value);
  if (shape.length !== 3)
    throw new InputError(describeNode(node), `needs "${value.name}" to have rank 3, not ${shape.length}`);
  return tuple(shape, 3);
}
