import { integerAttribute, integersAttribute } from "../../model.js";
import { typeOfFacts } from "../declared-facts.js";
import type { Extent, Shape } from "../extent.js";
import { type Facts, tensorFacts, unknownFacts } from "../facts.js";
import { generalize } from "../generalize.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";
import { equalExtent, formatShape, normalizedAxis } from "../shape-math.js";

/** Outputs are what holds for both branches, or those of the one that a known condition takes. */
function branches(context: ShapeContext): readonly Facts[] {
  const [thenFacts, elseFacts] = [context.body("then_branch"), context.body("else_branch")];
  const condition = context.input(0).elements?.[0];
  if (condition === 0 || condition === 1) return condition === 1 ? thenFacts : elseFacts;
  return thenFacts.map((facts, output) => merged(context, output, facts, elseFacts[output]));
}

/** Carried values are the initial ones or those of the last iteration; scan outputs stack those of all iterations. */
function loop(context: ShapeContext): readonly Facts[] {
  const body = context.body("body").slice(1);
  const carried = context.inputs.slice(2);
  return body.map((facts, output) => {
    if (output < carried.length) return merged(context, output, context.input(output + 2), facts);
    if (facts.shape === undefined) return tensorFacts(facts.dataType, undefined);
    const iterations = iterationsOf(context) ?? context.unknownExtent(output, 0);
    return tensorFacts(facts.dataType, [iterations, ...facts.shape]);
  });
}

/** The trip count, where neither the condition given nor the one that the body returns ends the loop before it. */
function iterationsOf({ inputs: [count, condition], body }: ShapeContext): Extent | undefined {
  const trips = count?.elements?.[0] ?? undefined;
  const runsThrough =
    (condition === undefined || condition.elements?.[0] === 1) && body("body")[0]?.elements?.[0] === 1;
  if (!runsThrough || trips === undefined) return undefined;
  return typeof trips === "number" ? Math.max(trips, 0) : trips;
}

/**
 * State variables are the initial ones or the last ones; scan outputs stack those of all iterations along an axis each.
 */
function scan(context: ShapeContext): readonly Facts[] {
  const { node, inputs } = context;
  const states = inputs.length - integerAttribute(node, "num_scan_inputs", 0);
  const inputAxes = integersAttribute(node, "scan_input_axes") ?? [];
  const outputAxes = integersAttribute(node, "scan_output_axes") ?? [];
  let length: Extent | undefined;
  for (const [index, facts] of inputs.slice(states).entries()) {
    if (facts?.shape === undefined) continue;
    const extent = facts.shape[normalizedAxis(inputAxes[index] ?? 0, facts.shape.length, context)];
    if (extent !== undefined) length = length === undefined ? extent : equalExtent(length, extent, context);
  }
  return context.body("body").map((facts, output) => {
    if (output < states) {
      const { shape } = context.input(output);
      return merged(context, output, context.input(output), {
        ...facts,
        shape: sameShape(shape, facts.shape, context),
      });
    }
    if (facts.shape === undefined) return tensorFacts(facts.dataType, undefined);
    const axis = normalizedAxis(outputAxes[output - states] ?? 0, facts.shape.length + 1, context);
    return tensorFacts(facts.dataType, facts.shape.toSpliced(axis, 0, length ?? context.unknownExtent(output, axis)));
  });
}

/** A state's shape, which Scan requires to stay as it is. */
function sameShape(initial: Shape | undefined, last: Shape | undefined, context: ShapeContext): Shape | undefined {
  if (initial === undefined || last === undefined) return initial;
  const isSame =
    initial.length === last.length &&
    initial.every((extent, axis) => {
      const other = last[axis];
      return typeof extent !== "number" || typeof other !== "number" || extent === other;
    });
  return isSame
    ? initial
    : context.fail(`has a state ${formatShape(initial)} of which its body makes ${formatShape(last)}`);
}

/** Sequences of what the body makes of each item. */
function sequenceMap(context: ShapeContext): readonly Facts[] {
  return context.body("body").map((facts) => {
    const element = typeOfFacts(facts);
    return { ...unknownFacts, container: { kind: "sequence", ...(element === undefined ? {} : { element }) } };
  });
}

function merged(context: ShapeContext, output: number, a: Facts, b: Facts | undefined): Facts {
  return generalize(a, b ?? unknownFacts, (axis) => context.unknownExtent(output, axis), context.fail);
}

/** If, Loop, Scan and SequenceMap, by what their bodies return. */
export const controlFlow: ShapeRules = {
  If: branches,
  Loop: loop,
  Scan: scan,
  SequenceMap: sequenceMap,
};
