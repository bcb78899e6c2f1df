import { bodiesOf } from "../../graph/bodies.js";
import { Emitter, type Value } from "../../graph/emitter.js";
import { type Graph, type Model, operatorName } from "../../graph/model.js";
import { replay } from "../../graph/replay.js";
import { factsOfType } from "../../graph/shapes/declared-facts.js";
import { symbol } from "../../graph/shapes/extent.js";
import { isStandard } from "../../graph/standard-model.js";
import { decompose, decompositions } from "../decompose/index.js";

/**
 * A model in which operators of other domains (com.microsoft), and those that ONNX Runtime writes into the standard
 * domain, are written in standard ones. Operators for which there is no decomposition stay; a model without any is
 * returned as it is.
 * @param model at the working opset, without local functions
 */
export function standardize(model: Model): Model {
  const { graph } = model;
  if (!hasOthers(graph)) return model;
  const emitter = Emitter.into(graph);
  const initializers = new Set(graph.initializers.map(({ name }) => name));
  const inputs = graph.inputs
    .filter(({ name }) => !initializers.has(name))
    .map(({ name, type }): [string, Value] => {
      const facts = factsOfType(type, (axis) => symbol(`${name}_dim${axis}`));
      return [name, emitter.input(name, facts)];
    });
  const values = replay(graph, emitter, new Map(inputs), {
    initializer: (tensor, inner) => inner.initializer(tensor),
    rewrite: (replayed) => (isStandard(replayed.node) ? undefined : decompose(replayed)),
  });
  const outputs = graph.outputs.flatMap(({ name }) => {
    const value = values.get(name);
    return value === undefined ? [] : [{ name, value }];
  });
  return { ...model, graph: { ...emitter.graph(graph.name, outputs), metadata: graph.metadata } };
}

/** Whether there are operators that are not standard ones and have a decomposition. */
function hasOthers({ nodes }: Graph): boolean {
  return nodes.some(
    (node) => (!isStandard(node) && decompositions.has(operatorName(node))) || bodiesOf(node).some(hasOthers),
  );
}
