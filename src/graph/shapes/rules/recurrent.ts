import { integerAttribute, stringAttribute } from "../../model.js";
import { tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRule, ShapeRules } from "../shape-rule.js";
import { divideExactly, type Extent } from "../extent.js";
import { equalExtent, formatShape } from "../shape-math.js";

/**
 * X [sequence, batch, input], W [directions, gates·hidden, input], R [directions, gates·hidden, hidden] -> Y [sequence,
 * directions, batch, hidden], Y_h and Y_c [directions, batch, hidden]; with layout 1 batch comes first everywhere.
 */
function recurrent(gates: number): ShapeRule {
  return (context) => {
    const { node, fail } = context;
    const [x, w, r] = [context.shape(0), context.shape(1), context.shape(2)];
    for (const shape of [x, w, r]) {
      if (shape !== undefined && shape.length !== 3) fail(`needs X, W and R of rank 3, but has ${formatShape(shape)}`);
    }
    const isBatchFirst = integerAttribute(node, "layout", 0) === 1;
    const directions = directionsOf(context);
    if (w?.[0] !== undefined) equalExtent(w[0], directions, context);
    const [first, second] = [x?.[0] ?? context.unknownExtent(0, 0), x?.[1] ?? context.unknownExtent(0, 2)];
    const [sequence, batch] = isBatchFirst ? [second, first] : [first, second];
    const hidden = hiddenSize(context, gates) ?? context.unknownExtent(0, 3);
    const { dataType } = context.input(0);
    const last = isBatchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
    const all = isBatchFirst ? [batch, sequence, directions, hidden] : [sequence, directions, batch, hidden];
    return [tensorFacts(dataType, all), tensorFacts(dataType, last), tensorFacts(dataType, last)];
  };
}

function directionsOf({ node, fail }: ShapeContext): number {
  const direction = stringAttribute(node, "direction") ?? "forward";
  if (direction === "bidirectional") return 2;
  return direction === "forward" || direction === "reverse" ? 1 : fail(`has direction "${direction}"`);
}

function hiddenSize(context: ShapeContext, gates: number): Extent | undefined {
  const stated = integerAttribute(context.node, "hidden_size", 0);
  const [w, r] = [context.shape(1), context.shape(2)];
  const weighted = r?.[2] ?? (w?.[1] === undefined ? undefined : divideExactly(w[1], gates));
  if (stated === 0 || weighted === undefined) return stated === 0 ? weighted : stated;
  return equalExtent(weighted, stated, context);
}

/** RNN, GRU and LSTM. */
export const recurrentLayers: ShapeRules = {
  GRU: recurrent(3),
  LSTM: recurrent(4),
  RNN: recurrent(1),
};
