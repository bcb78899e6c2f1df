import { Emitter } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import type { Graph } from "../../graph/model.js";
import { Operators } from "../../graph/operators.js";
import { differentiate } from "../gradient/differentiate.js";
import { type Artifact, artifactOf, inputPorts, type Port } from "./artifact.js";
import { emitForward, type ParameterType } from "./forward.js";
import { emitLosses, type EmittedLoss, type LossSpecification, requireOneNumber } from "./losses.js";
import type { TrainingMode } from "./training-mode.js";

/** Batches of one size, for a runtime that has convolutions in blocks of channels. */
export interface BlockedBatches {
  /** How many examples are in every batch. */
  readonly batchSize: number;
  /** How many channels are in a block of the runtime's convolutions for weights that change. */
  readonly channelBlock: number;
}

/** The artifact, its loss, and the parameters that the loss reaches. */
export interface GradientArtifact extends Artifact {
  readonly loss: EmittedLoss;
  readonly reached: ReadonlySet<string>;
}

/**
 * From a batch and the parameters to the loss, its gradients and the running statistics after the batch.
 * @throws InputError for a loss that is not one number or that no parameter reaches, and for an operator without a
 *   gradient in its way
 */
export function gradientArtifact(
  graph: Graph,
  candidates: readonly ParameterType[],
  specifications: readonly LossSpecification[],
  { freezeBatchNorm = false, noDropout = false }: TrainingMode,
  { batchSize, channelBlock }: Partial<BlockedBatches> = {},
): GradientArtifact {
  const emitter = Emitter.into(graph);
  const forward = emitForward(graph, emitter, {
    parameters: candidates,
    batchNorm: freezeBatchNorm ? "frozen" : "training",
    isDropoutActive: !noDropout,
    isDifferentiated: true,
    batchSize,
  });
  const loss = emitter.scoped("loss", () => emitLosses(specifications, graph, forward, emitter));
  const g = new Operators(emitter);
  requireOneNumber(loss.value);
  const towards = [...forward.parameters];
  const gradients = differentiate(g, {
    seeds: [{ value: loss.value, gradient: g.onesLike(loss.value) }],
    towards: towards.map(([, value]) => value),
    channelBlock,
  });
  const reached = towards.flatMap(([name, value], index) => {
    const gradient = gradients[index];
    return gradient === undefined ? [] : [{ name, value, gradient }];
  });
  if (reached.length === 0) {
    const on = loss.resolved.map(({ output }) => `"${output}"`).join(", ");
    const what = "has no parameter that the loss depends on: behind it are only steps, integers or quantized weights";
    throw new InputError(`the loss on ${on}`, what, "put it on another output with --loss OUTPUT=NAME");
  }
  const updated = forward.buffers.flatMap(({ name, updated: value }): Port[] =>
    value === undefined ? [] : [{ name: `${name}.updated`, role: "buffer", value, of: name }],
  );
  const outputs: readonly Port[] = [
    { name: "loss", role: "loss", value: loss.value },
    ...reached.map(({ name, gradient }): Port => ({
      name: `${name}.grad`,
      role: "gradient",
      value: gradient,
      of: name,
    })),
    ...updated,
  ];
  const names = new Set(reached.map(({ name }) => name));
  return { ...artifactOf("gradient", emitter, inputPorts(forward, loss, names), outputs), loss, reached: names };
}
