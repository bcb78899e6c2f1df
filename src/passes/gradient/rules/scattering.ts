import type { Value } from "../../../graph/emitter.js";
import { integerAttribute, stringAttribute } from "../../../graph/model.js";
import { type Operators, range } from "../../../graph/operators.js";
import { type GradientContext, type GradientRules, type InputGradients, rule } from "../rule.js";

/**
 * Elements written at indices. Where two are written to one place without a reduction, ONNX leaves open which stays.
 */
export const scatterings: GradientRules = {
  /** Y = X with updates written, or reduced, into it at indices along an axis. */
  ScatterElements: rule(3, (context) => {
    const { node } = context;
    const axis = integerAttribute(node, "axis", 0);
    const reduction = stringAttribute(node, "reduction") ?? "none";
    switch (reduction) {
      case "add":
        return sums(context, axis);
      case "mul":
        return products(context, axis);
      case "max":
      case "min":
        return extremes(context, axis);
      default:
        return written(context, axis);
    }
  }),

  /**
   * Y = X with slices written into it at index tuples.  dX = dY with zeros there, dU = dY there. Reductions are
   * decomposed before.
   */
  ScatterND: rule(3, ({ g, node, inputs: [, indices, updates], needs, dY }) => {
    const reduction = stringAttribute(node, "reduction") ?? "none";
    if (reduction !== "none") return g.unreachable(`ScatterND with reduction ${reduction}`);
    return [
      needs(0) && g.op("ScatterND", [dY, indices, g.zerosLike(updates)]),
      false,
      needs(2) && g.op("GatherND", [dY, indices]),
    ];
  }),

  /**
   * Y = X with entries written along an axis from an index on, each batch its own.  dX = dY with zeros there, dU = dY
   * there.
   */
  TensorScatter: rule(2, ({ g, node, inputs: [past, update, starts], needs, dY }) => {
    const axis = g.axis(past, integerAttribute(node, "axis", -2));
    const mode = stringAttribute(node, "mode") ?? "linear";
    return [
      needs(0) && g.op("TensorScatter", [dY, g.zerosLike(update), starts], { axis, mode }),
      needs(1) && g.op("GatherElements", [dY, writtenPlaces(g, past, update, starts, axis, mode)], { axis }),
    ];
  }),
};

/** dX = dY with zeros at the indices, dU = dY at the indices. */
function written({ g, inputs: [, indices, updates], needs, dY }: GradientContext<3>, axis: number): InputGradients {
  return [
    needs(0) && g.op("ScatterElements", [dY, indices, g.zerosLike(updates)], { axis }),
    false,
    needs(2) && g.op("GatherElements", [dY, indices], { axis }),
  ];
}

/** Y = X + Σ U.  dX = dY, dU = dY at the indices. */
function sums({ g, inputs: [, indices], needs, dY }: GradientContext<3>, axis: number): InputGradients {
  return [dY, false, needs(2) && g.op("GatherElements", [dY, indices], { axis })];
}

/** Y = X·∏ U.  dX = dY·∏ U, dU = dY·(the product of all other factors), which Y / U would not be where U is 0. */
function products({ g, inputs: [x, indices, updates], needs, dY }: GradientContext<3>, axis: number): InputGradients {
  const reduced = (base: Value, values: Value, reduction: string) =>
    g.op("ScatterElements", [base, indices, values], { axis, reduction });
  const at = (values: Value) => g.op("GatherElements", [values, indices], { axis });
  const dUpdates = () => {
    const isZero = g.equal(updates, 0);
    const [nonZero, zero] = [g.where(isZero, 1, updates), g.cast(isZero, x.dataType)];
    const otherZeros = g.sub(at(reduced(g.zerosLike(x), zero, "add")), zero);
    const others = g.div(at(g.mul(dY, reduced(x, nonZero, "mul"))), nonZero);
    return g.where(g.equal(otherZeros, 0), others, 0);
  };
  return [needs(0) && g.mul(dY, reduced(g.onesLike(x), updates, "mul")), false, needs(2) && dUpdates()];
}

/** Y = max(X, U) or min.  dY goes in equal shares to those that are Y, as in PyTorch. */
function extremes(
  { g, inputs: [x, indices, updates], needs, Y, dY }: GradientContext<3>,
  axis: number,
): InputGradients {
  const at = (values: Value) => g.op("GatherElements", [values, indices], { axis });
  const [isData, isUpdate] = [g.equal(x, Y), g.equal(updates, at(Y))];
  const count = g.scatterAdd(g.cast(isData, x.dataType), indices, g.cast(isUpdate, x.dataType), axis);
  const share = g.div(dY, count);
  return [needs(0) && g.where(isData, share, 0), false, needs(2) && g.where(isUpdate, at(share), 0)];
}

/** Where each entry of the update is in the cache: indices along the axis, in the shape of the update. */
function writtenPlaces(
  g: Operators,
  past: Value,
  update: Value,
  starts: Value | undefined,
  axis: number,
  mode: string,
): Value {
  const rank = g.rank(past);
  const steps = g.reshape(g.range(g.shape(update)[axis] ?? 1), [-1, ...range(rank - axis - 1).map(() => 1)]);
  const places = starts === undefined ? steps : g.add(g.reshape(starts, [-1, ...range(rank - 1).map(() => 1)]), steps);
  const wrapped = mode === "circular" ? g.op("Mod", [places, g.extent(g.shape(past)[axis] ?? 1)]) : places;
  return g.expandLike(wrapped, update);
}
