import type { Tensor } from "onnxruntime-node";
import { InputError } from "../graph/errors.js";
import { formatShape } from "../graph/shapes/shape-math.js";
import { standardModel } from "../graph/standard-model.js";
import { elementCount } from "../graph/tensor.js";
import type { Artifact } from "../passes/training/artifact.js";
import type { ContractArtifact, ContractTensor } from "../passes/training/contract.js";
import { checkFeeds } from "../passes/training/feeds.js";
import type { Batch } from "./data/dataset.js";
import type { HostTensor } from "./host-tensor.js";
import { hostTensor, type Outputs, runtimeTensor, Session, type SessionOptions, type Tensors } from "./session.js";

/** What the model makes of a batch. */
export interface Evaluation {
  readonly loss: number;
  /** By output of the model. */
  readonly predictions: ReadonlyMap<string, HostTensor>;
}

/** An artifact in a session, with the tensors that each call takes and gives again. */
export interface Call {
  readonly session: Session;
  readonly contract: ContractArtifact;
  /** Inputs that are the same memory in every call. */
  readonly feeds: Tensors;
  /** Inputs that each call brings: features and targets. */
  readonly batch: ContractArtifact;
}

/**
 * Opens a session for an artifact.
 * @param tensorOf the memory of an input that stays the same in every call; undefined for others
 */
export async function openCall(
  { name, graph, contract }: Artifact,
  tensorOf: (port: ContractTensor) => Tensor | undefined,
  options: SessionOptions,
): Promise<Call> {
  const feeds = contract.inputs.flatMap((port) => {
    const tensor = port.role === "buffer" ? undefined : tensorOf(port);
    return tensor === undefined ? [] : [[port.name, tensor] as const];
  });
  const batch = contract.inputs.filter(({ role }) => role === "feature" || role === "target");
  return {
    session: await Session.open(standardModel(graph, `${name}.onnx`), options),
    contract,
    feeds: Object.fromEntries(feeds),
    batch: { file: "the model", inputs: batch, outputs: [] },
  };
}

/** A batch as sessions take it. @throws InputError for one that does not fit the model */
export function feedsOf(wanted: ContractArtifact, batch: Batch): Tensors {
  checkFeeds(wanted, batch);
  return Object.fromEntries(
    Object.entries(batch).map(([name, tensor]) => {
      const [count, elements] = [tensor.data.length, elementCount(tensor.dims)];
      if (count === elements) return [name, runtimeTensor(tensor)];
      throw new InputError(`"${name}"`, `has ${count} values, which do not make ${formatShape(tensor.dims)}`);
    }),
  );
}

/** The memory that outputs are written into; null for new memory. */
export function outputsOf(
  { outputs }: ContractArtifact,
  tensorOf: (port: ContractTensor) => Tensor | undefined,
): Outputs {
  return Object.fromEntries(outputs.map((port) => [port.name, tensorOf(port) ?? null]));
}

export function lossOf({ outputs }: ContractArtifact, results: Tensors): number {
  const { name } = outputs.find(({ role }) => role === "loss") ?? {};
  return Number(results[name ?? ""]?.data[0]);
}

/**
 * What an evaluation makes of a batch.
 * @param buffers the running statistics
 * @param outputs of the model, whose values are wanted
 */
export async function evaluateBatch(
  { session, contract, feeds, batch: wanted }: Call,
  buffers: Tensors,
  batch: Batch,
  outputs: ReadonlySet<string>,
): Promise<Evaluation> {
  const predictions = contract.outputs.filter(({ role, of }) => role === "prediction" && outputs.has(of ?? ""));
  const loss = contract.outputs.filter(({ role }) => role === "loss");
  const results = await session.run(
    { ...feeds, ...buffers, ...feedsOf(wanted, batch) },
    [...loss, ...predictions].map(({ name }) => name),
  );
  return {
    loss: lossOf(contract, results),
    predictions: new Map(
      predictions.flatMap(({ name, of = name }) => {
        const tensor = results[name];
        return tensor === undefined ? [] : [[of, hostTensor(tensor)] as const];
      }),
    ),
  };
}
