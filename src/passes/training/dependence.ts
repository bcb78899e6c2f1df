import { bodiesOf, capturedNames } from "../../graph/bodies.js";
import type { Graph } from "../../graph/model.js";
import { nodesInOrder } from "../../graph/shapes/infer-graph.js";
import { noGradient } from "../gradient/rule.js";
import { gradientRules } from "../gradient/rules/index.js";

/** The names of all values that change with some others, so that a gradient may have to pass what makes them. */
export function dependentOn(names: ReadonlySet<string>, graph: Graph): ReadonlySet<string> {
  const dependent = new Set(names);
  mark(graph, dependent);
  return dependent;
}

function mark(graph: Graph, dependent: Set<string>): void {
  for (const node of nodesInOrder(graph, new Set())) {
    const bodies = bodiesOf(node);
    for (const body of bodies) mark(body, dependent);
    const isDependent =
      [...node.inputs, ...capturedNames(node)].some((name) => dependent.has(name)) ||
      bodies.some((body) => body.outputs.some(({ name }) => dependent.has(name)));
    if (!isDependent || (node.domain === "" && gradientRules.get(node.opType) === noGradient)) continue;
    for (const name of node.outputs) if (name !== "") dependent.add(name);
    // What a body is fed with may depend on what another iteration of it made.
    for (const body of bodies) {
      const before = dependent.size;
      for (const { name } of body.inputs) dependent.add(name);
      if (dependent.size > before) mark(body, dependent);
    }
  }
}
