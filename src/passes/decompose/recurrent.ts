import type { Value } from "../../graph/emitter.js";
import { integerAttribute } from "../../graph/model.js";
import type { Operators } from "../../graph/operators.js";
import type { CellName } from "../gradient/rules/recurrent.js";
import { decomposition, type Decompositions } from "./decomposition.js";
import type { Activation } from "./recurrent-activations.js";
import { beside, recurrentLayer, run } from "./recurrent-layer.js";

/**
 * Recurrent layers, each direction a Scan. The runtime's own kernels do not put out the gates, which the gradient
 * needs, are hardly faster, and know neither float64 nor layout 1. Cells as most layers have them have names: there are
 * gradient rules for them.
 */
export const recurrentLayers: Decompositions = {
  /** h' = f(W·x + R·h + b). */
  RNN: decomposition(3, (context) =>
    recurrentLayer(context, ["Tanh"], (direction) => {
      const { g, w, r, inputBias, hiddenBias, h, activations, isUsual } = direction;
      const [f] = activations;
      const weights = beside(g, [r, w], total(g, inputBias, hiddenBias));
      return run(direction, {
        states: [h],
        name: isUsual ? rnnCells.get(f.name) : undefined,
        cell: (inner, [hidden], x) => {
          const seen = inner.concat([hidden, x], 0);
          return { states: [f.apply(inner, inner.matMul(weights, seen))], gates: [seen] };
        },
      });
    }),
  ),

  /**
   * i, o, f = f(W·x + R·h + P·c + b), n = g(W·x + R·h + b), c' = f·c + i·n, h' = o·h(c'), with the gates in this
   * order. The peepholes P let o see c' instead of c; input_forget makes f = 1 − i.
   */
  LSTM: decomposition(3, (context) =>
    recurrentLayer(context, ["Sigmoid", "Tanh", "Tanh"], (direction) => {
      const { g, w, r, inputBias, hiddenBias, peepholes, h, c, activations } = direction;
      const [gate, candidate, squash] = activations;
      const isCoupled = integerAttribute(context.node, "input_forget", 0) !== 0;
      const isUsual =
        direction.isUsual && !isCoupled && peepholes === undefined && areNamed(activations, "sigmoid", "tanh", "tanh");
      const weights = beside(g, [r, w], total(g, inputBias, hiddenBias));
      const [pi, po, pf] = peepholes === undefined ? [] : g.split(peepholes, 3, 0);
      return run(direction, {
        states: [h, c],
        name: isUsual ? "LSTM" : undefined,
        cell: (inner, [hidden, cell], x) => {
          const seeing = (value: Value, state: Value, peephole: Value | undefined) =>
            peephole === undefined ? value : inner.add(value, inner.mul(peephole, state));
          const seen = inner.concat([hidden, x], 0);
          const [zi, zo, zf, zn] = inner.split(inner.matMul(weights, seen), 4, 0);
          const i = gate.apply(inner, seeing(zi, cell, pi));
          const f = isCoupled ? inner.sub(1, i) : gate.apply(inner, seeing(zf, cell, pf));
          const n = candidate.apply(inner, zn);
          const [remembered, entered] = [inner.mul(f, cell), inner.mul(i, n)];
          const next = inner.add(remembered, entered);
          const o = gate.apply(inner, seeing(zo, next, po));
          const squashed = squash.apply(inner, next);
          return {
            states: [inner.mul(o, squashed), next],
            gates: [i, o, f, n, remembered, entered, squashed, seen],
          };
        },
      });
    }),
  ),

  /**
   * z, r = f(W·x + R·h + b), n = g(W·x + R·(r·h) + b), h' = (1 − z)·n + z·h, with the gates in this order. With
   * linear_before_reset n = g(W·x + b + r·(R·h + bᵣ)).
   */
  GRU: decomposition(3, (context) =>
    recurrentLayer(context, ["Sigmoid", "Tanh"], (direction) => {
      const { g, w, r, inputBias, hiddenBias, h, activations } = direction;
      const [gate, candidate] = activations;
      const isUsual = direction.isUsual && areNamed(activations, "sigmoid", "tanh");
      const [wz, wr, wn] = g.split(w, 3, 0);
      const [rz, rr, rn] = g.split(r, 3, 0);
      const both = total(g, inputBias, hiddenBias);
      const [bz, br, bn] = both === undefined ? [] : g.split(both, 3, 0);
      const ofGates = [beside(g, [rz, wz], bz), beside(g, [rr, wr], br)];
      if (integerAttribute(context.node, "linear_before_reset", 0) !== 0) {
        const [inputBiasOfCandidate, hiddenBiasOfCandidate] = [inputBias, hiddenBias].map((bias) =>
          bias === undefined ? undefined : g.split(bias, 3, 0)[2],
        );
        const weights = g.concat([...ofGates, beside(g, [rn, g.zerosLike(wn)], hiddenBiasOfCandidate)], 0);
        const weightsOfInput = beside(g, [wn], inputBiasOfCandidate);
        return run(direction, {
          states: [h],
          name: isUsual ? "GRU, linear before reset" : undefined,
          cell: (inner, [hidden], x) => {
            const seen = inner.concat([hidden, x], 0);
            const [zz, zr, q] = inner.split(inner.matMul(weights, seen), 3, 0);
            const [z, reset] = [gate.apply(inner, zz), gate.apply(inner, zr)];
            const entered = inner.mul(reset, q);
            const n = candidate.apply(inner, inner.add(inner.matMul(weightsOfInput, x), entered));
            const kept = inner.mul(z, inner.sub(hidden, n));
            return { states: [inner.add(n, kept)], gates: [z, reset, n, kept, entered, seen] };
          },
        });
      }
      const weights = g.concat(ofGates, 0);
      const weightsOfCandidate = beside(g, [rn, wn], bn);
      return run(direction, {
        states: [h],
        name: isUsual ? "GRU" : undefined,
        cell: (inner, [hidden], x) => {
          const seen = inner.concat([hidden, x], 0);
          const [zz, zr] = inner.split(inner.matMul(weights, seen), 2, 0);
          const [z, reset] = [gate.apply(inner, zz), gate.apply(inner, zr)];
          const entered = inner.mul(reset, hidden);
          const seenByCandidate = inner.concat([entered, x], 0);
          const n = candidate.apply(inner, inner.matMul(weightsOfCandidate, seenByCandidate));
          const kept = inner.mul(z, inner.sub(hidden, n));
          return { states: [inner.add(n, kept)], gates: [z, reset, n, kept, entered, seen, seenByCandidate] };
        },
      });
    }),
  ),
};

const rnnCells: ReadonlyMap<string, CellName> = new Map([
  ["tanh", "RNN, tanh"],
  ["relu", "RNN, relu"],
  ["sigmoid", "RNN, sigmoid"],
]);

function areNamed(activations: readonly Activation[], ...names: readonly string[]): boolean {
  return activations.every(({ name }, index) => name === names[index]);
}

/** The sum of both biases, which there are or are not. */
function total(g: Operators, a: Value | undefined, b: Value | undefined): Value | undefined {
  return a === undefined || b === undefined ? undefined : g.add(a, b);
}
