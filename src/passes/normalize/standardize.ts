import { bodiesOf } from "../../graph/bodies.js";
import { Emitter } from "../../graph/emitter.js";
import { type Graph, type Model, operatorName } from "../../graph/model.js";
import { declaredInputs, replay, replayedGraph } from "../../graph/replay.js";
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
  const values = replay(graph, emitter, declaredInputs(graph, emitter), {
    initializer: (tensor, inner) => inner.initializer(tensor),
    rewrite: (replayed) => (isStandard(replayed.node) ? undefined : decompose(replayed)),
  });
  return { ...model, graph: replayedGraph(graph, emitter, values) };
}

/** Whether there are operators that are not standard ones and have a decomposition. */
function hasOthers({ nodes }: Graph): boolean {
  return nodes.some(
    (node) => (!isStandard(node) && decompositions.has(operatorName(node))) || bodiesOf(node).some(hasOthers),
  );
}
