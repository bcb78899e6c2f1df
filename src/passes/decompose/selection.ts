import { describeNode, integerAttribute, stringAttribute } from "../../graph/model.js";
import { rowsOfTuples, scatterRows } from "../../graph/rows.js";
import { type Decompositions, decomposition } from "./decomposition.js";

/** Elements chosen by conditions and index tuples. */
export const selections: Decompositions = {
  /** The slices, or without an axis the elements, where the condition holds: Gather at the places where it does. */
  Compress: decomposition(2, ({ g, node, inputs: [x, condition] }) => {
    const isFlat = !node.attributes.has("axis");
    const places = g.reshape(g.op("NonZero", [condition]), [-1]);
    return [g.gather(isFlat ? g.reshape(x, [-1]) : x, places, integerAttribute(node, "axis", 0))];
  }),

  /**
   * Updates reduced into slices that index tuples name, some of them more than once: in one thread, that none is lost.
   */
  ScatterND: decomposition(3, ({ g, node, inputs: [x, indices, updates] }) => {
    const reduction = stringAttribute(node, "reduction") ?? "none";
    if (reduction === "none") return undefined;
    return [scatterRows(g, x, rowsOfTuples(g, x, indices, 0, describeNode(node)), updates, reduction)];
  }),
};
