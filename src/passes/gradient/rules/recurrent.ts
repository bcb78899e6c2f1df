import type { Value } from "../../../graph/emitter.js";
import { integersAttribute } from "../../../graph/model.js";
import type { Operators } from "../../../graph/operators.js";
import { scan } from "../../../graph/scan.js";
import { tuple, type Tuple } from "../../../graph/tuple.js";
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
 * The rules. The forward pass has put out the states and gates of all steps: what they contribute is computed for all
 * steps at once, and only what a step hands to the one before it is computed step by step. So are the gradients of the
 * weights one product each.
 */
const cellRules: ReadonlyMap<string, (context: GradientContext<number>) => InputGradients | undefined> = new Map(
  Object.entries({
    /**
     * c' = f·c + i·n, h' = o·tanh(c').  dc' += dh'·o·(1 − tanh²c'), di = dc'·n, do = dh'·tanh(c'), df = dc'·c, dn =
     * dc'·i, each times the slope of its gate; dc = dc'·f, dh = dz·R.
     */
    LSTM: cell(2, 1, 5, (steps) => {
      const { g, start, weights, gates, before, end, outside, isReversed } = steps;
      const [cells, i, o, f, n] = gates;
      const squashed = g.tanh(cells);
      const intoCell = g.mul(o, slopeOfTanh(g, squashed));
      const ofInput = g.mul(n, slopeOfSigmoid(g, i));
      const ofOutput = g.mul(squashed, slopeOfSigmoid(g, o));
      const ofForget = g.mul(shifted(g, cells, start[1], isReversed), slopeOfSigmoid(g, f));
      const ofCandidate = g.mul(i, slopeOfTanh(g, n));
      const r = g.transposeLast(weights[0]);
      const backwards = scan(g, {
        name: "backwards",
        states: end,
        inputs: [intoCell, ofInput, ofOutput, ofForget, ofCandidate, f, ...outside],
        isReversed: !isReversed,
        body: (inner, [dh, carried], [into, byInput, byOutput, byForget, byCandidate, forget, fromOutside]) => {
          const dc = inner.add(carried, inner.mul(dh, into));
          const parts = [
            inner.mul(dc, byInput),
            inner.mul(dh, byOutput),
            inner.mul(dc, byForget),
            inner.mul(dc, byCandidate),
          ];
          const dz = inner.concat(parts, -1);
          return { states: [inner.op("Gemm", [dz, r, fromOutside]), inner.mul(dc, forget)], outputs: [dz] };
        },
      });
      const [dz] = backwards.outputs;
      return { start: backwards.states, input: dz, captures: [productOfAll(g, before, dz)] };
    }),

    /**
     * h' = n + z·(h − n), n = tanh(xₙ + (r·h)·Rₙᵀ).  dz = dh'·(h − n)·σ', dn = dh'·(1 − z)·tanh', dr = (dn·Rₙ)·h·σ', dh
     * = dh'·z + (dn·Rₙ)·r + [dz, dr]·R.
     */
    GRU: cell(1, 2, 3, (steps) => {
      const { g, weights, gates, before, end, outside, isReversed } = steps;
      const [z, r, n] = gates;
      const { ofUpdate, ofCandidate } = mixing(g, before, z, n);
      const ofReset = g.mul(before, slopeOfSigmoid(g, r));
      const [rOfGates, rOfCandidate] = [g.transposeLast(weights[0]), g.transposeLast(weights[1])];
      const backwards = scan(g, {
        name: "backwards",
        states: end,
        inputs: [z, r, ofUpdate, ofCandidate, ofReset, ...outside],
        isReversed: !isReversed,
        body: (inner, [dh], [update, reset, byUpdate, byCandidate, byReset, fromOutside]) => {
          const dn = inner.mul(dh, byCandidate);
          const dResetHidden = inner.matMul(dn, rOfCandidate);
          const dGates = inner.concat([inner.mul(dh, byUpdate), inner.mul(dResetHidden, byReset)], -1);
          const kept = [inner.mul(dh, update), inner.mul(dResetHidden, reset)];
          const others = inner.sum(fromOutside === undefined ? kept : [...kept, fromOutside]);
          return { states: [inner.op("Gemm", [dGates, rOfGates, others])], outputs: [dGates, dn] };
        },
      });
      const [dGates, dn] = backwards.outputs;
      return {
        start: backwards.states,
        input: g.concat([dGates, dn], -1),
        captures: [productOfAll(g, before, dGates), productOfAll(g, g.mul(r, before), dn)],
      };
    }),

    /**
     * h' = n + z·(h − n), n = tanh(xₙ + r·q), q = h·Rₙᵀ + b.  dz, dn as above, dr = dn·q·σ', dq = dn·r, dh = dh'·z +
     * [dz, dr, dq]·R.
     */
    "GRU, linear before reset": cell(1, 1, 4, (steps) => {
      const { g, weights, gates, before, end, outside, isReversed } = steps;
      const [z, r, n, q] = gates;
      const { ofUpdate, ofCandidate } = mixing(g, before, z, n);
      const ofReset = g.mul(q, slopeOfSigmoid(g, r));
      const weight = g.transposeLast(weights[0]);
      const backwards = scan(g, {
        name: "backwards",
        states: end,
        inputs: [z, r, ofUpdate, ofCandidate, ofReset, ...outside],
        isReversed: !isReversed,
        body: (inner, [dh], [update, reset, byUpdate, byCandidate, byReset, fromOutside]) => {
          const dn = inner.mul(dh, byCandidate);
          const gatesOfStep = [inner.mul(dh, byUpdate), inner.mul(dn, byReset)];
          const ofHidden = inner.concat([...gatesOfStep, inner.mul(dn, reset)], -1);
          const kept = inner.mul(dh, update);
          const others = fromOutside === undefined ? kept : inner.add(kept, fromOutside);
          return {
            states: [inner.op("Gemm", [ofHidden, weight, others])],
            outputs: [inner.concat([...gatesOfStep, dn], -1), ofHidden],
          };
        },
      });
      const [dz, ofHidden] = backwards.outputs;
      return {
        start: backwards.states,
        input: dz,
        captures: [productOfAll(g, before, ofHidden), g.reduceSum(ofHidden, [0, 1], false)],
      };
    }),

    "RNN, tanh": simpleCell(slopeOfTanh),
    "RNN, relu": simpleCell((g, h) => g.cast(g.greater(h, 0), h.dataType)),
    "RNN, sigmoid": simpleCell(slopeOfSigmoid),
  }),
);

/**
 * h' = f(z).  dz = dh'·f'(z), dh = dz·R.
 * @param slope f'(z) from h'
 */
function simpleCell(slope: (g: Operators, h: Value) => Value) {
  return cell(1, 1, 0, ({ g, weights, after, before, end, outside, isReversed }) => {
    const r = g.transposeLast(weights[0]);
    const backwards = scan(g, {
      name: "backwards",
      states: end,
      inputs: [slope(g, after), ...outside],
      isReversed: !isReversed,
      body: (inner, [dh], [slopeOfStep, fromOutside]) => {
        const dz = inner.mul(dh, slopeOfStep);
        return { states: [inner.op("Gemm", [dz, r, fromOutside])], outputs: [dz] };
      },
    });
    const [dz] = backwards.outputs;
    return { start: backwards.states, input: dz, captures: [productOfAll(g, before, dz)] };
  });
}

/** A cell that was run over all steps, with so many states, weights and gates. */
interface Steps<States extends number, Weights extends number, Gates extends number> {
  readonly g: Operators;
  readonly isReversed: boolean;
  /** The first inputs: the states before the first step. The other input is what X contributes to the gates. */
  readonly start: Tuple<Value, States>;
  /** The first captures: R transposed, or parts of it. Another one is a bias of h·Rᵀ. */
  readonly weights: Tuple<Value, Weights>;
  /** Behind the states after the last step among the outputs: the hidden states after each step, and the gates. */
  readonly after: Value;
  readonly gates: Tuple<Value, Gates>;
  /** The hidden states before each step. */
  readonly before: Value;
  /** The gradients of the states after the last step. */
  readonly end: Tuple<Value, States>;
  /** What the hidden state before each step gets as an output, 0 for the first one; or nothing. */
  readonly outside: readonly Value[];
}

/** The gradients of the inputs and captures. */
interface StepGradients {
  readonly start: readonly Value[];
  readonly input: Value;
  readonly captures: readonly Value[];
}

function cell<const States extends 1 | 2, const Weights extends number, const Gates extends number>(
  states: States,
  weights: Weights,
  gates: Gates,
  rule: (steps: Steps<States, Weights, Gates>) => StepGradients,
): (context: GradientContext<number>) => InputGradients | undefined {
  return ({ g, node, inputs, outputs, captures, gradients }) => {
    const start = inputs.slice(0, states).filter((input) => input !== undefined);
    const [after, ...behind] = outputs.slice(states).filter((output) => output !== undefined);
    if (start.length < states || after === undefined || behind.length !== gates || captures.length < weights) {
      return undefined;
    }
    const isReversed = integersAttribute(node, "scan_input_directions")?.[0] === 1;
    const dy = gradients[states];
    const end = start.map((state, index) => {
      const later = gradients[index];
      const own =
        index === 0 && dy !== undefined
          ? g.squeeze(isReversed ? g.slice(dy, 0, 0, 1) : g.slice(dy, 0, -1), [0])
          : undefined;
      if (later === undefined || own === undefined) return later ?? own ?? g.zerosLike(state);
      return g.add(later, own);
    });
    const [first] = tuple(start.slice(0, 1), 1);
    const found = rule({
      g,
      isReversed,
      start: tuple(start, states),
      weights: tuple(captures.slice(0, weights), weights),
      after,
      gates: tuple(behind, gates),
      before: shifted(g, after, first, isReversed),
      end: tuple(end, states),
      outside: dy === undefined ? [] : [shifted(g, dy, g.zerosLike(first), isReversed)],
    });
    return [...found.start, found.input, ...found.captures];
  };
}

/** What n + z·(h − n) hands on of its gradient to the sums that the gates z and n are made of. */
function mixing(g: Operators, h: Value, z: Value, n: Value) {
  return {
    ofUpdate: g.mul(g.sub(h, n), slopeOfSigmoid(g, z)),
    ofCandidate: g.mul(g.sub(1, z), slopeOfTanh(g, n)),
  };
}

/** What is before each step, from what is after it. */
function shifted(g: Operators, after: Value, start: Value, isReversed: boolean): Value {
  const first = g.unsqueeze(start, [0]);
  return isReversed ? g.concat([g.slice(after, 0, 1), first], 0) : g.concat([first, g.slice(after, 0, 0, -1)], 0);
}

function slopeOfSigmoid(g: Operators, y: Value): Value {
  return g.mul(y, g.sub(1, y));
}

function slopeOfTanh(g: Operators, y: Value): Value {
  return g.sub(1, g.square(y));
}
