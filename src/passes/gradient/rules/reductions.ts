import type { Value } from "../../../graph/emitter.js";
import { integerAttribute } from "../../../graph/model.js";
import { type Operators, range } from "../../../graph/operators.js";
import { knownNumbers } from "../../../graph/shapes/facts.js";
import { type GradientContext, type GradientRule, type GradientRules, rule } from "../rule.js";

/** Reductions: of all axes, of some (known or given while the graph runs), or of none. */
export const reductions: GradientRules = {
  /** y = Σ x.  dX = dY. */
  ReduceSum: reduction(({ g, x, dY }) => g.expandLike(dY, x)),

  ReduceMean: reduction(mean),

  ReduceMax: extreme(),
  ReduceMin: extreme(),

  /** y = ∏ x.  dX = dY·∏ of the others: the product of all that are not 0, over x; 0 where another one is 0. */
  ReduceProd: reduction(({ g, x, dY, again }) => {
    const isZero = g.equal(x, 0);
    const nonZero = g.where(isZero, 1, x);
    const zero = g.cast(isZero, x.dataType);
    const otherZeros = g.sub(again("ReduceSum", zero), zero);
    const ofOthers = g.div(again("ReduceProd", nonZero), nonZero);
    return g.where(g.equal(otherZeros, 0), g.mul(dY, ofOthers), 0);
  }),

  /** y = Σ |x|.  dX = dY·sign x. */
  ReduceL1: reduction(({ g, x, dY }) => g.mul(g.sign(x), dY)),

  /** y = √(Σ x²).  dX = dY·x/y, 0 where y = 0. */
  ReduceL2: reduction(({ g, x, Y, dY }) => g.mul(x, g.where(g.equal(Y, 0), 0, g.div(dY, Y)))),

  /** y = ln Σ x.  dX = dY / Σ x. */
  ReduceLogSum: reduction(({ g, x, dY, again }) => g.expandLike(g.div(dY, again("ReduceSum", x)), x)),

  /** y = ln Σ eˣ.  dX = dY·exp(x − y). */
  ReduceLogSumExp: reduction(({ g, x, Y, dY }) => g.mul(g.exp(g.sub(x, Y)), dY)),

  /** y = Σ x².  dX = dY·2x. */
  ReduceSumSquare: reduction(({ g, x, dY }) => g.mul(x, g.mul(dY, 2))),
};

/** What the rule of a reduction works with. */
interface Reduced extends Pick<GradientContext<1>, "g"> {
  readonly x: Value;
  /** The axes that were reduced; undefined where they are known only when the graph runs. */
  readonly axes: readonly number[] | undefined;
  /** The output and its gradient, such that they broadcast to x. */
  readonly Y: Value;
  readonly dY: Value;
  /** Another reduction along the same axes, such that it broadcasts to x. */
  readonly again: (opType: string, value: Value) => Value;
}

function reduction(gradient: (reduced: Reduced) => Value): GradientRule {
  return rule(1, (context) => {
    const { g, node, Y, dY } = context;
    const [x, given] = context.inputs;
    const isWithout = integerAttribute(node, "noop_with_empty_axes", 0) !== 0;
    const dX = gradient({
      g,
      x,
      axes: reducedAxes(g, x, given, isWithout),
      Y: broadcastable(context, Y),
      dY: broadcastable(context, dY),
      again: (opType, value) => g.op(opType, [value, given], { noop_with_empty_axes: isWithout ? 1 : 0 }),
    });
    return [g.reshapeLike(dX, x)];
  });
}

/** The axes that a list of axes stands for: if it is omitted or empty all, or none. */
function reducedAxes(
  g: Operators,
  x: Value,
  given: Value | undefined,
  isWithout: boolean,
): readonly number[] | undefined {
  const axes = given === undefined ? [] : knownNumbers(given);
  return axes?.length === 0 && !isWithout ? range(g.rank(x)) : axes;
}

/** A value in the shape of the output with the axes that were reduced as 1. A scalar broadcasts as it is. */
function broadcastable({ g, node, inputs: [, axes] }: GradientContext<1>, value: Value): Value {
  const isWhole = axes === undefined || knownNumbers(axes)?.length === 0 || value.shape?.length === 0;
  const keeps = integerAttribute(node, "keepdims", 1) !== 0;
  return isWhole || keeps ? value : g.op("Unsqueeze", [value, axes]);
}

/** y = Σ x / n.  dX = dY/n. */
function mean({ g, x, axes, Y, dY }: Reduced): Value {
  if (axes !== undefined) return g.expandLike(g.div(dY, g.count(x, axes)), x);
  const size = (value: Value) => g.cast(g.sizeOf(value), x.dataType);
  return g.expandLike(g.mul(dY, g.div(size(Y), size(x))), x);
}

/** y = the greatest or least x.  dX = dY where x = y, evenly shared where several are. */
function extreme(): GradientRule {
  return reduction(({ g, x, Y, dY, again }) => {
    const isChosen = g.equal(x, Y);
    const count = again("ReduceSum", g.cast(isChosen, x.dataType));
    return g.where(isChosen, g.div(dY, count), 0);
  });
}
