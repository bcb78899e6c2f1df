import type { Value } from "../../graph/emitter.js";
import { integerAttribute } from "../../graph/model.js";
import type { Operators } from "../../graph/operators.js";
import type { CellName } from "../gradient/rules/recurrent.js";
import { decomposition, type Decompositions } from "./decomposition.js";
import type { Activation } from "./recurrent-activations.js";
import { projected, recurrentLayer, run } from "./recurrent-layer.js";

/**
 * Recurrent layers, each direction a Scan. The runtime's own kernels do not put out the gates, which the gradient
 * needs, are hardly faster, and know neither float64 nor layout 1. Cells as most layers have them have names: there are
 * gradient rules for them.
 */
export const recurrentLayers: Decompositions = {
  /** h' = f(x·Wᵀ + h·Rᵀ + b). */
  RNN: decomposition(3, (context) =>
    recurrentLayer(context, ["Tanh"], (direction) => {
      const { g, r, inputBias, hiddenBias, h, activations, isUsual } = direction;
      const [f] = activations;
      const weight = g.transposeLast(r);
      return run(direction, {
        states: [h],
        input: projected(g, direction, total(g, inputBias, hiddenBias)),
        name: isUsual ? rnnCells.get(f.name) : undefined,
        cell: (inner, [hidden], x) => ({
          states: [f.apply(inner, inner.op("Gemm", [hidden, weight, x]))],
          gates: [],
        }),
      });
    }),
  ),

  /**
   * i, o, f = f(x·Wᵀ + h·Rᵀ + P·c + b), n = g(x·Wᵀ + h·Rᵀ + b), c' = f·c + i·n, h' = o·h(c'), with the gates in this
   * order. The peepholes P let o see c' instead of c; input_forget makes f = 1 − i.
   */
  LSTM: decomposition(3, (context) =>
    recurrentLayer(context, ["Sigmoid", "Tanh", "Tanh"], (direction) => {
      const { g, r, inputBias, hiddenBias, peepholes, h, c, activations } = direction;
      const [gate, candidate, squash] = activations;
      const isCoupled = integerAttribute(context.node, "input_forget", 0) !== 0;
      const isUsual =
        direction.isUsual && !isCoupled && peepholes === undefined && areNamed(activations, "sigmoid", "tanh", "tanh");
      const weight = g.transposeLast(r);
      const [pi, po, pf] = peepholes === undefined ? [] : g.split(peepholes, 3, 0);
      return run(direction, {
        states: [h, c],
        input: projected(g, direction, total(g, inputBias, hiddenBias)),
        name: isUsual ? "LSTM" : undefined,
        cell: (inner, [hidden, cell], x) => {
          const seeing = (value: Value, state: Value, peephole: Value | undefined) =>
            peephole === undefined ? value : inner.add(value, inner.mul(peephole, state));
          const [zi, zo, zf, zn] = inner.split(inner.op("Gemm", [hidden, weight, x]), 4, -1);
          const i = gate.apply(inner, seeing(zi, cell, pi));
          const f = isCoupled ? inner.sub(1, i) : gate.apply(inner, seeing(zf, cell, pf));
          const n = candidate.apply(inner, zn);
          const next = inner.add(inner.mul(f, cell), inner.mul(i, n));
          const o = gate.apply(inner, seeing(zo, next, po));
          return { states: [inner.mul(o, squash.apply(inner, next)), next], gates: [next, i, o, f, n] };
        },
      });
    }),
  ),

  /**
   * z, r = f(x·Wᵀ + h·Rᵀ + b), n = g(x·Wᵀ + (r·h)·Rᵀ + b), h' = (1 − z)·n + z·h, with the gates in this order. With
   * linear_before_reset n = g(x·Wᵀ + b + r·(h·Rᵀ + bᵣ)).
   */
  GRU: decomposition(3, (context) =>
    recurrentLayer(context, ["Sigmoid", "Tanh"], (direction) => {
      const { g, r, inputBias, hiddenBias, h, activations } = direction;
      const [gate, candidate] = activations;
      const isUsual = direction.isUsual && areNamed(activations, "sigmoid", "tanh");
      const mixed = (inner: Operators, z: Value, n: Value, hidden: Value) =>
        inner.add(n, inner.mul(z, inner.sub(hidden, n)));
      if (integerAttribute(context.node, "linear_before_reset", 0) !== 0) {
        const weight = g.transposeLast(r);
        return run(direction, {
          states: [h],
          input: projected(g, direction, inputBias),
          name: isUsual ? "GRU, linear before reset" : undefined,
          cell: (inner, [hidden], x) => {
            const [xz, xr, xn] = inner.split(x, 3, -1);
            const [hz, hr, hn] = inner.split(inner.op("Gemm", [hidden, weight, hiddenBias]), 3, -1);
            const z = gate.apply(inner, inner.add(xz, hz));
            const reset = gate.apply(inner, inner.add(xr, hr));
            const n = candidate.apply(inner, inner.add(xn, inner.mul(reset, hn)));
            return { states: [mixed(inner, z, n, hidden)], gates: [z, reset, n, hn] };
          },
        });
      }
      const [rz, rr, rn] = g.split(r, 3, 0);
      const [weightOfGates, weightOfCandidate] = [g.transposeLast(g.concat([rz, rr], 0)), g.transposeLast(rn)];
      return run(direction, {
        states: [h],
        input: projected(g, direction, total(g, inputBias, hiddenBias)),
        name: isUsual ? "GRU" : undefined,
        cell: (inner, [hidden], x) => {
          const [xz, xr, xn] = inner.split(x, 3, -1);
          const [hz, hr] = inner.split(inner.matMul(hidden, weightOfGates), 2, -1);
          const z = gate.apply(inner, inner.add(xz, hz));
          const reset = gate.apply(inner, inner.add(xr, hr));
          const n = candidate.apply(inner, inner.op("Gemm", [inner.mul(reset, hidden), weightOfCandidate, xn]));
          return { states: [mixed(inner, z, n, hidden)], gates: [z, reset, n] };
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
