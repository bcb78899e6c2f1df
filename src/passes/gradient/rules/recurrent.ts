import type { Value } from "../../../graph/emitter.js";
import { integersAttribute } from "../../../graph/model.js";
import type { Operators } from "../../../graph/operators.js";
import { scan } from "../../../graph/scan.js";
import { tuple, type Tuple } from "../../../graph/tuple.js";
import type { Extent } from "../../../graph/shapes/extent.js";
import type { GradientContext, InputGradients } from "../rule.js";
import { productOfAll } from "./iteration-products.js";

/** The cells of recurrent layers that have gradient rules. */
export type CellName = "LSTM" | "GRU" | "GRU, linear before reset" | "RNN, tanh" | "RNN, relu" | "RNN, sigmoid";

const METADATA_KEY = "caadam.cell";

/**
 * Marks a Scan as the steps of a cell: its inputs, captures and outputs are those that {@link Steps} tells, in that
 * order.
 */
export function cellMetadata(name: CellName): ReadonlyMap<string, string> {
  return new Map([[METADATA_KEY, name]]);
}

/** The gradients of a Scan that is marked as the steps of a cell; undefined for others. */
export function cellGradients(context: GradientContext<number>): InputGradients | undefined {
  return cellRules.get(context.node.metadata.get(METADATA_KEY) ?? "")?.(context);
}

/**
 * The rules. The forward pass has put out the states and gates of all steps, and the factors of its products: what they
 * contribute is computed for all steps at once, and only what a step hands to the one before it is computed step by
 * step. So are the gradients of the weights one product each. States and gates have examples as columns.
 */
const cellRules: ReadonlyMap<string, (context: GradientContext<number>) => InputGradients | undefined> = new Map(
  Object.entries({
    /**
     * c' = f·c + i·n, h' = o·tanh(c').  dc' += dh'·o·(1 − tanh²c'), di = dc'·n, do = dh'·tanh(c'), df = dc'·c, dn =
     * dc'·i, each times the slope of its gate; dc = dc'·f, dh = Rᵀ·dz.
     */
    LSTM: cell(2, 1, 8, ({ g, hidden, after, weights: [weights], gates, end, outside, isReversed }) => {
      const [i, o, f, n, remembered, entered, squashed, seen] = gates;
      const intoCell = g.sub(o, g.mul(after, squashed));
      const ofInput = g.mul(entered, g.sub(1, i));
      const ofOutput = g.mul(after, g.sub(1, o));
      const ofForget = g.mul(remembered, g.sub(1, f));
      const ofCandidate = g.sub(i, g.mul(entered, n));
      const r = transposedPart(g, weights, hidden);
      const backwards = scan(g, {
        name: "backwards",
        states: end,
        inputs: [intoCell, ofInput, ofOutput, ofForget, ofCandidate, f, ...outside],
        isReversed: !isReversed,
        body: (inner, [later, carried], [into, byInput, byOutput, byForget, byCandidate, forget, fromOutside]) => {
          const dh = plus(inner, later, fromOutside);
          const dc = inner.add(carried, inner.mul(dh, into));
          const parts = [
            inner.mul(dc, byInput),
            inner.mul(dh, byOutput),
            inner.mul(dc, byForget),
            inner.mul(dc, byCandidate),
          ];
          const dz = inner.concat(parts, 0);
          return { states: [inner.matMul(r, dz), inner.mul(dc, forget)], outputs: [dz] };
        },
      });
      const [dz] = backwards.outputs;
      return {
        start: backwards.states,
        input: () => towardsInput(g, weights, hidden, dz),
        captures: [productOfAll(g, dz, seen, "columns")],
      };
    }),

    /**
     * h' = n + z·(h − n), n = tanh(W·x + R·(r·h)).  dz = dh'·(h − n)·σ', dn = dh'·(1 − z)·tanh', dr = (Rₙᵀ·dn)·h·σ', dh
     * = dh'·z + (Rₙᵀ·dn)·r + Rᵀ·[dz, dr].
     */
    GRU: cell(1, 2, 7, ({ g, hidden, weights, gates, end, outside, isReversed }) => {
      const [z, r, n, kept, entered, seen, seenByCandidate] = gates;
      const { ofUpdate, ofCandidate, ofReset } = mixing(g, { z, r, n, kept, entered });
      const [rOfGates, rOfCandidate] = [transposedPart(g, weights[0], hidden), transposedPart(g, weights[1], hidden)];
      const backwards = scan(g, {
        name: "backwards",
        states: end,
        inputs: [z, r, ofUpdate, ofCandidate, ofReset, ...outside],
        isReversed: !isReversed,
        body: (inner, [later], [update, reset, byUpdate, byCandidate, byReset, fromOutside]) => {
          const dh = plus(inner, later, fromOutside);
          const dn = inner.mul(dh, byCandidate);
          const dResetHidden = inner.matMul(rOfCandidate, dn);
          const dGates = inner.concat([inner.mul(dh, byUpdate), inner.mul(dResetHidden, byReset)], 0);
          const parts = [inner.mul(dh, update), inner.mul(dResetHidden, reset), inner.matMul(rOfGates, dGates)];
          return { states: [inner.sum(parts)], outputs: [dGates, dn] };
        },
      });
      const [dGates, dn] = backwards.outputs;
      return {
        start: backwards.states,
        input: () => g.add(towardsInput(g, weights[0], hidden, dGates), towardsInput(g, weights[1], hidden, dn)),
        captures: [productOfAll(g, dGates, seen, "columns"), productOfAll(g, dn, seenByCandidate, "columns")],
      };
    }),

    /**
     * h' = n + z·(h − n), n = tanh(W·x + r·q), q = R·h + b.  dz, dn as above, dr = dn·q·σ', dq = dn·r, dh = dh'·z +
     * Rᵀ·[dz, dr, dq].
     */
    "GRU, linear before reset": cell(1, 2, 6, ({ g, x, hidden, weights, gates, end, outside, isReversed }) => {
      const [z, r, n, kept, entered, seen] = gates;
      const { ofUpdate, ofCandidate, ofReset } = mixing(g, { z, r, n, kept, entered });
      const weight = transposedPart(g, weights[0], hidden);
      const backwards = scan(g, {
        name: "backwards",
        states: end,
        inputs: [z, r, ofUpdate, ofCandidate, ofReset, ...outside],
        isReversed: !isReversed,
        body: (inner, [later], [update, reset, byUpdate, byCandidate, byReset, fromOutside]) => {
          const dh = plus(inner, later, fromOutside);
          const dn = inner.mul(dh, byCandidate);
          const dz = inner.concat([inner.mul(dh, byUpdate), inner.mul(dn, byReset), inner.mul(dn, reset)], 0);
          return { states: [inner.add(inner.mul(dh, update), inner.matMul(weight, dz))], outputs: [dz, dn] };
        },
      });
      const [dz, dn] = backwards.outputs;
      return {
        start: backwards.states,
        input: () => g.add(towardsInput(g, weights[0], hidden, dz), g.matMul(g.transposeLast(weights[1]), dn)),
        captures: [productOfAll(g, dz, seen, "columns"), productOfAll(g, dn, x, "columns")],
      };
    }),

    "RNN, tanh": simpleCell((g, h) => g.sub(1, g.square(h))),
    "RNN, relu": simpleCell((g, h) => g.cast(g.greater(h, 0), h.dataType)),
    "RNN, sigmoid": simpleCell((g, h) => g.mul(h, g.sub(1, h))),
  }),
);

/**
 * h' = f(z).  dz = dh'·f'(z), dh = Rᵀ·dz.
 * @param slope f'(z) from h'
 */
function simpleCell(slope: (g: Operators, h: Value) => Value) {
  return cell(1, 1, 1, ({ g, hidden, after, weights: [weights], gates: [seen], end, outside, isReversed }) => {
    const r = transposedPart(g, weights, hidden);
    const backwards = scan(g, {
      name: "backwards",
      states: end,
      inputs: [slope(g, after), ...outside],
      isReversed: !isReversed,
      body: (inner, [later], [slopeOfStep, fromOutside]) => {
        const dz = inner.mul(plus(inner, later, fromOutside), slopeOfStep);
        return { states: [inner.matMul(r, dz)], outputs: [dz] };
      },
    });
    const [dz] = backwards.outputs;
    return {
      start: backwards.states,
      input: () => towardsInput(g, weights, hidden, dz),
      captures: [productOfAll(g, dz, seen, "columns")],
    };
  });
}

/** A cell that was run over all steps, with so many states, weights and gates. */
interface Steps<States extends number, Weights extends number, Gates extends number> {
  readonly g: Operators;
  readonly isReversed: boolean;
  /** The last input; the others are the states before the first step. */
  readonly x: Value;
  /** How many rows a state has. */
  readonly hidden: Extent;
  /** The first captures: [R, W, b] beside each other. */
  readonly weights: Tuple<Value, Weights>;
  /**
   * Behind the states after the last step among the outputs: the hidden states after each step; and the gates, with
   * other factors of products.
   */
  readonly after: Value;
  readonly gates: Tuple<Value, Gates>;
  /** The gradients of the states after the last step. */
  readonly end: Tuple<Value, States>;
  /** The gradient of the hidden states of all steps; or nothing. */
  readonly outside: readonly Value[];
}

/** The gradients of the inputs and captures. */
interface StepGradients {
  readonly start: readonly Value[];
  readonly input: () => Value;
  readonly captures: readonly Value[];
}

function cell<const States extends 1 | 2, const Weights extends number, const Gates extends number>(
  states: States,
  weights: Weights,
  gates: Gates,
  rule: (steps: Steps<States, Weights, Gates>) => StepGradients,
): (context: GradientContext<number>) => InputGradients | undefined {
  return ({ g, node, inputs, outputs, captures, gradients, needs }) => {
    const start = inputs.slice(0, states).filter((input) => input !== undefined);
    const [x, hidden] = [inputs[states], start[0]?.shape?.[0]];
    const [after, ...behind] = outputs.slice(states).filter((output) => output !== undefined);
    if (start.length < states || x === undefined || hidden === undefined || after === undefined) return undefined;
    if (behind.length !== gates || captures.length < weights) return undefined;
    const dy = gradients[states];
    const steps = rule({
      g,
      isReversed: integersAttribute(node, "scan_input_directions")?.[0] === 1,
      x,
      hidden,
      weights: tuple(captures.slice(0, weights), weights),
      after,
      gates: tuple(behind, gates),
      end: tuple(
        start.map((state, index) => gradients[index] ?? g.zerosLike(state)),
        states,
      ),
      outside: dy === undefined ? [] : [dy],
    });
    return [...steps.start, needs(states) && steps.input(), ...steps.captures];
  };
}

/** What the sums that the gates are made of get of the gradient of n + z·(h − n); that of r, of what r multiplies. */
function mixing(
  g: Operators,
  { z, r, n, kept, entered }: { readonly [value in "z" | "r" | "n" | "kept" | "entered"]: Value },
) {
  const other = g.sub(1, z);
  return {
    ofUpdate: g.mul(kept, other),
    ofCandidate: g.mul(other, g.sub(1, g.square(n))),
    ofReset: g.mul(entered, g.sub(1, r)),
  };
}

/** Of [R, W, b] what the hidden state is multiplied with, transposed: R's. */
function transposedPart(g: Operators, weights: Value, hidden: Extent): Value {
  return g.transposeLast(g.slice(weights, 1, 0, g.integer(hidden)));
}

/** What x, with its row of ones, gets from the products with [R, W, b]. */
function towardsInput(g: Operators, weights: Value, hidden: Extent, dz: Value): Value {
  return g.matMul(g.transposeLast(g.slice(weights, 1, g.integer(hidden))), dz);
}

function plus(g: Operators, a: Value, b: Value | undefined): Value {
  return b === undefined ? a : g.add(a, b);
}
