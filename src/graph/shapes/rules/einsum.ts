import { stringAttribute } from "../../model.js";
import type { Extent, Shape } from "../extent.js";
import { type Facts, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";
import { broadcastShapes, formatShape } from "../shape-math.js";

const ellipsis = "...";

/**
 * Einsum: labels shared by terms have one extent, or 1; an ellipsis stands for any number of axes that broadcast.
 * Without an arrow the output has the ellipsis and the labels that occur once, in alphabetical order.
 */
function einsum(context: ShapeContext): readonly Facts[] {
  const { node, inputs, fail } = context;
  const equation = (stringAttribute(node, "equation") ?? fail("lacks its attribute equation")).replaceAll(" ", "");
  const [left = "", right] = equation.split("->");
  const terms = left.split(",").map((term) => labelsOf(term, context));
  if (terms.length !== inputs.length) fail(`has ${inputs.length} inputs for the equation "${equation}"`);
  const extents = new Map<string, Extent>();
  const broadcastAxes: (Shape | undefined)[] = [];
  for (const [index, labels] of terms.entries()) {
    const shape = context.shape(index);
    const named = labels.filter((label) => label !== ellipsis);
    const hidden = (shape?.length ?? 0) - named.length;
    const spread = labels.indexOf(ellipsis);
    if (shape === undefined) {
      if (spread >= 0) broadcastAxes.push(undefined);
      continue;
    }
    if (hidden < 0 || (hidden > 0 && spread < 0)) {
      fail(`has an input ${formatShape(shape)} for "${left.split(",")[index] ?? ""}" in the equation "${equation}"`);
    }
    if (spread >= 0) broadcastAxes.push(shape.slice(spread, spread + hidden));
    const namedExtents = spread < 0 ? shape : shape.toSpliced(spread, hidden);
    for (const [axis, label] of named.entries()) {
      const [extent] = broadcastShapes([[extents.get(label) ?? 1], [namedExtents[axis] ?? 1]], context) ?? [];
      if (extent !== undefined) extents.set(label, extent);
    }
  }
  const outputLabels = right === undefined ? implicitOutput(terms.flat()) : labelsOf(right, context);
  const hiddenShape = broadcastAxes.length === 0 ? [] : broadcastShapes(broadcastAxes, context);
  const { dataType } = context.input(0);
  if (hiddenShape === undefined && outputLabels.includes(ellipsis)) return [tensorFacts(dataType, undefined)];
  const known = new Set(terms.flat());
  const shape: Extent[] = [];
  for (const label of outputLabels) {
    if (label === ellipsis) shape.push(...(hiddenShape ?? []));
    else if (known.has(label)) shape.push(extents.get(label) ?? context.unknownExtent(0, shape.length));
    else fail(`has an equation "${equation}" whose output has "${label}", which no input has`);
  }
  return [tensorFacts(dataType, shape)];
}

/** The labels of a term, an ellipsis as one of them. */
function labelsOf(term: string, { fail }: ShapeContext): readonly string[] {
  const labels = term.match(/\.\.\.|[A-Za-z]/gu) ?? [];
  if (labels.join("") !== term) fail(`has an equation with the term "${term}"`);
  return labels;
}

function implicitOutput(labels: readonly string[]): readonly string[] {
  const once = labels.filter((label) => label !== ellipsis && labels.indexOf(label) === labels.lastIndexOf(label));
  return [...(labels.includes(ellipsis) ? [ellipsis] : []), ...once.toSorted()];
}

/** Einsum, by its equation. */
export const einsums: ShapeRules = {
  Einsum: einsum,
};
