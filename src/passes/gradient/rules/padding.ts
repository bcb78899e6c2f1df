import type { Value } from "../../../graph/emitter.js";
import { InputError } from "../../../graph/errors.js";
import { describeNode, integersAttribute, stringAttribute } from "../../../graph/model.js";
import { type Operators, range } from "../../../graph/operators.js";
import { knownNumbers } from "../../../graph/shapes/facts.js";
import { type GradientContext, type GradientRules, type InputGradients, rule } from "../rule.js";

/** Elements added around a tensor, or taken away. */
export const paddings: GradientRules = {
  /** X with elements around it, which are a constant or, in other modes, elements of X. */
  Pad: rule(2, (context) =>
    (stringAttribute(context.node, "mode") ?? "constant") === "constant" ? ofConstant(context) : [ofCopies(context)],
  ),

  /**
   * X cropped or padded on both sides.  dX = dY padded or cropped to the shape of X: the same places are its middle.
   */
  CenterCropPad: rule(2, ({ g, node, inputs: [x], dY }) => {
    const axes = integersAttribute(node, "axes");
    if (axes === undefined) return [g.op("CenterCropPad", [dY, g.shapeOf(x)])];
    const extents = axes.map((axis) => g.shape(x)[g.axis(x, axis)] ?? 1);
    return [g.op("CenterCropPad", [dY, g.extents(extents)], { axes })];
  }),
};

/** dX = dY with the pads taken away, where they were taken away with zeros; dC = Σ dY where Y is C. */
function ofConstant({ g, inputs: [x, pads, constant, axes], needs, dY }: GradientContext<2>): InputGradients {
  const isPadding = () => g.op("Pad", [g.zerosLike(x), pads, g.scalar(1, x.dataType), axes]);
  const numbers = knownNumbers(pads);
  const opposite = numbers === undefined ? g.neg(pads) : g.integers(numbers.map((pad) => 0 - pad));
  return [
    needs(0) && g.op("Pad", [dY, opposite, undefined, axes]),
    false,
    constant !== undefined &&
      needs(2) &&
      g.reshapeLike(g.reduceSum(g.mul(dY, isPadding()), undefined, false), constant),
  ];
}

/** dX[i] = Σ dY at the places that are copies of X[i], axis by axis. */
function ofCopies({ g, node, inputs: [x, pads, , axesInput], dY }: GradientContext<2>): Value {
  const axes = axesInput === undefined ? range(g.rank(x)) : knownNumbers(axesInput);
  if (axes === undefined) throw new InputError(describeNode(node), "pads axes that are not known");
  let gradient = dY;
  for (const [position, axis] of axes.entries()) {
    const own = [position, position + axes.length].map((at) => g.slice(pads, 0, at, at + 1));
    gradient = alongAxis(g, gradient, x, g.axis(x, axis), g.concat(own, 0), stringAttribute(node, "mode") ?? "");
  }
  return gradient;
}

function alongAxis(g: Operators, dY: Value, x: Value, axis: number, pads: Value, mode: string): Value {
  const [before, after] = knownNumbers(pads) ?? [];
  if (before === 0 && after === 0) return dY;
  const extent = g.shape(x)[axis] ?? 1;
  /** Where in X each element of Y comes from. */
  const sources = g.op("Pad", [g.range(extent), pads], { mode });
  const added = (to: Value, from: Value, parts: Value) => {
    const aligned = g.reshape(from, [-1, ...range(g.rank(dY) - axis - 1).map(() => 1)]);
    return g.scatterAdd(to, g.expandLike(aligned, parts), parts, axis);
  };
  if (before === undefined || after === undefined || before < 0 || after < 0) {
    return added(g.full(g.extents(g.shape(dY).with(axis, extent)), 0, dY.dataType), sources, dY);
  }
  const end = after === 0 ? undefined : -after;
  const borders = (of: Value, along: number) =>
    g.concat(
      [
        ...(before === 0 ? [] : [g.slice(of, along, 0, before)]),
        ...(end === undefined ? [] : [g.slice(of, along, end)]),
      ],
      along,
    );
  return added(g.slice(dY, axis, before, end), borders(sources, 0), borders(dY, axis));
}
