import { isFloatingPoint } from "../../../graph/data-type.js";
import type { Value } from "../../../graph/emitter.js";
import { floatAttribute, type Node } from "../../../graph/model.js";
import type { Operators } from "../../../graph/operators.js";
import { readFloats } from "../../../graph/tensor.js";
import { type GradientRules, rule } from "../rule.js";

/** Activations that are made of straight lines. At the kinks they have the slopes that PyTorch gives them. */
export const rectifiers: GradientRules = {
  /** y = max(x, 0).  dX = dY·[y > 0], 0 also where dY is infinite. */
  Relu: rule(1, ({ g, Y, dY }) => [
    mayBeInfinite(g, dY) ? g.where(g.greater(Y, 0), dY, 0) : g.mul(dY, isPositive(g, Y)),
  ]),

  /** y = x for x ≥ 0, else αx.  dX = dY·(α + (1 − α)·[x > 0]). */
  LeakyRelu: rule(1, ({ g, node, inputs: [x], dY }) => {
    const alpha = floatAttribute(node, "alpha", 0.01);
    return [g.mul(dY, g.add(g.mul(isPositive(g, x), 1 - alpha), alpha))];
  }),

  /**
   * y = x for x ≥ 0, else slope·x.  dX = dY for x > 0, else dY·slope; dSlope = dY·min(x, 0), summed over broadcast
   * axes.
   */
  PRelu: rule(2, ({ g, inputs: [x, slope], needs, dY }) => [
    needs(0) && g.where(g.greater(x, 0), dY, g.mul(dY, slope)),
    needs(1) && g.unbroadcast(g.mul(dY, g.min(x, 0)), slope),
  ]),

  /** y = x for x > α, else 0.  dX = dY for x > α, else 0. */
  ThresholdedRelu: rule(1, ({ g, node, inputs: [x], dY }) => [
    g.where(g.greater(x, floatAttribute(node, "alpha", 1)), dY, 0),
  ]),

  /** y = x + bias for x < −λ, x − bias for x > λ, else 0.  dX = dY for |x| > λ, else 0. */
  Shrink: rule(1, ({ g, node, inputs: [x], dY }) => {
    const lambda = floatAttribute(node, "lambd", 0.5);
    return [g.where(g.or(g.less(x, -lambda), g.greater(x, lambda)), dY, 0)];
  }),

  /** y = max(0, min(1, αx + β)).  dX = α·dY for 0 < y < 1, else 0. */
  HardSigmoid: rule(1, ({ g, node, Y, dY }) => {
    const isInside = g.and(g.greater(Y, 0), g.less(Y, 1));
    return [g.where(isInside, g.mul(dY, floatAttribute(node, "alpha", 0.2)), 0)];
  }),

  /** y = x·max(0, min(1, x/6 + ½)).  dX = dY·(x/3 + ½) for |x| < 3, else dY·[x > 0]. */
  HardSwish: rule(1, ({ g, inputs: [x], dY }) => [
    g.mul(dY, g.where(g.less(g.abs(x), 3), g.add(g.mul(x, 1 / 3), 0.5), isPositive(g, x))),
  ]),

  /**
   * Y = min(max(X, low), high).  dX = dY where low ≤ X ≤ high, dLow = Σ dY where X < low, dHigh = Σ dY where X > high;
   * where low > high all is high.
   */
  Clip: rule(1, ({ g, inputs: [x, low, high], needs, Y, dY }) => {
    const isCrossed = low && high && g.greater(low, high);
    const isRaised = (bound: Value) => {
      const isBelow = g.less(x, bound);
      return isCrossed === undefined ? isBelow : g.and(isBelow, g.not(isCrossed));
    };
    const isLowered = (bound: Value) => {
      const isAbove = g.greater(x, bound);
      return isCrossed === undefined ? isAbove : g.or(isAbove, isCrossed);
    };
    return [
      needs(0) && kept(g, dY, g.equal(x, Y)),
      needs(1) && low && g.unbroadcast(g.where(isRaised(low), dY, 0), low),
      needs(2) && high && g.unbroadcast(g.where(isLowered(high), dY, 0), high),
    ];
  }),
};

/** Behind these, infinite gradients would have made those of weights infinite, too. */
const linearMaps: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization"]);

/**
 * dY where a condition holds, else 0: by a multiplication, at three quarters of the time, but where dY may be infinite
 * and does not count, as that of a logarithm at 0.
 */
function kept(g: Operators, dY: Value, condition: Value): Value {
  return mayBeInfinite(g, dY) ? g.where(condition, dY, 0) : g.mul(dY, g.cast(condition, dY.dataType));
}

/** Whether a gradient has just been divided by something that may be 0, or been through what grows without bounds. */
function mayBeInfinite(g: Operators, gradient: Value, distance = 3): boolean {
  const { node, inputs } = g.emitter.emissionOf(gradient) ?? {};
  if (node === undefined || inputs === undefined || distance === 0 || linearMaps.has(node.opType)) return false;
  if (growing.has(node.opType) && !dividesByCount(node, inputs[1])) return true;
  return inputs.some((input) => input !== undefined && mayBeInfinite(g, input, distance - 1));
}

/** Whether a node divides by a number that is known, and not 0, as a mean does. */
function dividesByCount({ opType }: Node, divisor: Value | undefined): boolean {
  const constant = opType === "Div" ? divisor?.constant : undefined;
  if (constant === undefined || !isFloatingPoint(constant.dataType)) return false;
  return readFloats(constant, "float64").every((number) => number !== 0);
}

/** Operators whose results are infinite for some finite operands. */
const growing: ReadonlySet<string> = new Set("Div Reciprocal Pow Exp Log Tan".split(" "));

/**
 * Steep enough that all but the smallest of positive numbers are cut off at 1, and flat enough that no product
 * overflows early.
 */
const STEEP = 1e30;

/** 1 where x > 0, else 0. In float32 by one operator, which is cheaper than a comparison and a cast. */
function isPositive(g: Operators, x: Value): Value {
  return x.dataType === "float32"
    ? g.op("HardSigmoid", [x], { alpha: { float: STEEP }, beta: { float: 0 } })
    : g.cast(g.greater(x, 0), x.dataType);
}
