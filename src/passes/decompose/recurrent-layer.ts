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

/**
 * One direction of a recurrent layer. Examples are columns: then the weights are the left factors of products, of which
 * the runtime packs the right ones anew in each step, and gates are split and joined in whole blocks.
 */
export interface Direction<Names extends readonly string[] = readonly string[]> {
  readonly g: Operators;
  /** [steps, input size, batch]; where there are biases, with a row of ones below, their factor. */
  readonly x: Value;
  /** [gates·hidden, input size] and [gates·hidden, hidden]. */
  readonly w: Value;
  readonly r: Value;
  /** What is added to W·x and to R·h, [gates·hidden, 1]. */
  readonly inputBias: Value | undefined;
  readonly hiddenBias: Value | undefined;
  /** [3·hidden, 1]. */
  readonly peepholes: Value | undefined;
  /** The states before the first step, [hidden, batch]. */
  readonly h: Value;
  readonly c: Value;
  readonly activations: ForEach<Names, Activation>;
  /** Whether nothing is clipped and all sequences have the same length, so that a gradient rule may know the cell. */
  readonly isUsual: boolean;
  readonly isReversed: boolean;
  /** Which steps are within their sequence, [steps, 1, batch]; undefined where all are. */
  readonly isInside: Value | undefined;
}

/** What a direction yields. */
export interface Outcome {
  /** The hidden states after each step, [steps, hidden, batch]. */
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
  shapeOf(g, node, xGiven);
  const columns = g.transpose(xGiven, isBatchFirst ? [1, 2, 0] : [0, 2, 1]);
  const [steps, , batch] = shapeOf(g, node, columns);
  const [, , hidden] = shapeOf(g, node, r);
  const x =
    bias === undefined ? columns : g.concat([columns, g.full(g.extents([steps, 1, batch]), 1, columns.dataType)], 1);
  const isInside = lengths === undefined ? undefined : withinSequences(g, lengths, steps);
  const zeros = g.full(g.extents([hidden, batch]), 0, x.dataType);
  const direction = stringAttribute(node, "direction") ?? "forward";
  const activations = activationsOf(node, defaults, direction === "bidirectional" ? 2 : 1);
  const clip = floatAttribute(node, "clip", 0);

  const outcomes = activations.map((functions, index) => {
    const own = (value: Value) =>
      g.squeeze(activations.length === 1 ? value : g.slice(value, 0, index, index + 1), [0]);
    // Empty sequences end with zeros, as in the runtime.
    const state = (given: Value | undefined) => {
      if (given === undefined) return zeros;
      const start = g.transposeLast(own(isBatchFirst ? g.transpose(given, [1, 0, 2]) : given));
      return lengths === undefined || isInside === undefined
        ? start
        : g.where(g.unsqueeze(g.greater(lengths, 0), [0]), start, 0);
    };
    const column = (vector: Value) => g.unsqueeze(own(vector), [1]);
    const [inputBias, hiddenBias] = bias === undefined ? [] : g.split(column(bias), 2, 0);
    return outcomeOf({
      g,
      x,
      w: own(w),
      r: own(r),
      inputBias,
      hiddenBias,
      peepholes: peepholes === undefined ? undefined : column(peepholes),
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
    g.transpose(stacked(hiddenStates, 1), isBatchFirst ? [3, 0, 1, 2] : [0, 1, 3, 2]),
    ...lastStates.map((values) => g.transpose(stacked(values, 0), isBatchFirst ? [2, 0, 1] : [0, 2, 1])),
  ];
}

/** Matrices beside each other, and a bias behind them that there is or not: the factor of what is below each other. */
export function beside(g: Operators, matrices: readonly Value[], bias: Value | undefined): Value {
  return g.concat(bias === undefined ? matrices : [...matrices, bias], 1);
}

/**
 * What a step makes of the states before it, the hidden state first, and of its slice of x.
 */
export type Cell<States extends readonly Value[]> = (
  g: Operators,
  states: ForEach<States, Value>,
  x: Value,
) => {
  readonly states: ForEach<States, Value>;
  /** What the cell's gradient rule wants to know of each step. */
  readonly gates: readonly Value[];
};

/** A cell to run over all steps. */
interface Course<States extends readonly Value[]> {
  /** The states before the first step. */
  readonly states: States;
  readonly cell: Cell<States>;
  /** The cell, where there is a gradient rule for it. */
  readonly name: CellName | undefined;
}

/** Runs a cell over all steps. Beyond the end of a sequence its states stay as they are, and what it puts out is 0. */
export function run<const States extends readonly [Value, ...Value[]]>(
  { g, x, isReversed, isInside }: Direction,
  { states, cell, name }: Course<States>,
): Outcome {
  const ofSteps: readonly [Value, ...Value[]] = isInside === undefined ? [x] : [x, isInside];
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

/** Which steps are within their sequence, [steps, 1, batch]; undefined where it is known that all are. */
function withinSequences(g: Operators, lengths: Value, steps: Extent): Value | undefined {
  if (knownElements(lengths)?.every((length) => length === steps) === true) return undefined;
  return g.less(g.unsqueeze(g.range(steps), [1, 2]), g.unsqueeze(g.cast(lengths, "int64"), [0, 1]));
}

function shapeOf(g: Operators, node: Node, value: Value): Tuple<Extent, 3> {
  const shape = g.shape(value);
  if (shape.length !== 3)
    throw new InputError(describeNode(node), `needs "${value.name}" to have rank 3, not ${shape.length}`);
  return tuple(shape, 3);
}
