import { Emitter } from "../../graph/emitter.js";
import type { Graph } from "../../graph/model.js";
import { type Artifact, artifactOf, inputPorts, type Port } from "./artifact.js";
import { emitForward, type ParameterType } from "./forward.js";
import { emitLosses, type EmittedLoss, type LossSpecification } from "./losses.js";
import type { TrainingMode } from "./training-mode.js";

/**
 * From a batch and the parameters to the loss, the predictions and metrics; nothing is dropped, and running statistics
 * are used.
 */
export function evalArtifact(
  graph: Graph,
  parameters: readonly ParameterType[],
  specifications: readonly LossSpecification[],
  { freezeBatchNorm = false }: TrainingMode,
): Artifact & { readonly loss: EmittedLoss } {
  const emitter = Emitter.into(graph);
  const forward = emitForward(graph, emitter, {
    parameters,
    batchNorm: freezeBatchNorm ? "frozen" : "running",
    isDropoutActive: false,
    isDifferentiated: false,
  });
  const loss = emitter.scoped("loss", () => emitLosses(specifications, graph, forward, emitter));
  const lossOutputs = new Set(loss.resolved.flatMap(({ name, output }) => (name === "model" ? [output] : [])));
  const predictions = graph.outputs.flatMap(({ name }): Port[] => {
    const value = forward.values.get(name);
    return value === undefined || lossOutputs.has(name) ? [] : [{ name, role: "prediction", value, of: name }];
  });
  const outputs: readonly Port[] = [
    { name: "loss", role: "loss", value: loss.value },
    ...predictions,
    ...[...loss.metrics].map(([name, value]): Port => ({ name, role: "metric", value })),
  ];
  const all = new Set(forward.parameters.keys());
  return { ...artifactOf("eval", emitter, inputPorts(forward, loss, all), outputs), loss };
}

/**
 * The parameters that a loss is made of: those that its gradient reaches, where nothing on the way has steps for
 * slopes.
 */
export function reachedByLoss(
  graph: Graph,
  candidates: readonly ParameterType[],
  specifications: readonly LossSpecification[],
): { readonly reached: ReadonlySet<string>; readonly loss: EmittedLoss } {
  const emitter = Emitter.into(graph);
  const how = {
    parameters: candidates,
    batchNorm: "running",
    isDropoutActive: false,
    isDifferentiated: false,
  } as const;
  const forward = emitForward(graph, emitter, how);
  const loss = emitLosses(specifications, graph, forward, emitter);
  const needed = emitter.neededFor([loss.value]);
  const reached = [...forward.parameters].flatMap(([name, parameter]) => (needed.has(parameter.name) ? [name] : []));
  return { reached: new Set(reached), loss };
}
