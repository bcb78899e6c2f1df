import { integerAttribute } from "../../graph/model.js";
import { range } from "../../graph/operators.js";
import { type Decompositions, decomposition } from "./decomposition.js";

/** Poolings that newer opsets define and runtimes have no kernels for. */
export const poolings: Decompositions = {
  /** Y = (Σ |X|ᵖ)^(1/p) over all positions; where that is 0, so are the gradients. */
  GlobalLpPool: decomposition(1, ({ g, node, inputs: [x] }) => {
    const axes = range(g.rank(x)).slice(2);
    const p = integerAttribute(node, "p", 2);
    if (p === 1 || p === 2) return [g.reduce(`ReduceL${p}`, x, axes)];
    const sum = g.reduceSum(g.pow(g.abs(x), p), axes);
    const isZero = g.equal(sum, 0);
    return [g.where(isZero, 0, g.pow(g.where(isZero, 1, sum), 1 / p))];
  }),
};
