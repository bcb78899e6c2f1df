import type { Tensor } from "onnxruntime-node";
import { InputError } from "../graph/errors.js";
import type { Graph, Model } from "../graph/model.js";
import { formatShape } from "../graph/shapes/shape-math.js";
import { standardModel } from "../graph/standard-model.js";
import { elementCount } from "../graph/tensor.js";
import type { Artifact } from "../passes/training/artifact.js";
import type { ContractArtifact, ContractLoss, ContractTensor } from "../passes/training/contract.js";
import { checkFeeds } from "../passes/training/feeds.js";
import { classNumberCheck } from "./class-numbers.js";
import type { Batch } from "./data/dataset.js";
import type { HostTensor } from "./host-tensor.js";
import { hostTensor, runtimeTensor, type Session, type Tensors } from "./session.js";

/** What the model makes of a batch. */
export interface Evaluation {
  readonly loss: number;
  /** By output of the model. */
  readonly predictions: ReadonlyMap<string, HostTensor>;
}

/** The tensors that each call of an artifact takes again, and those that it brings. */
export interface CallPorts {
  readonly contract: ContractArtifact;
  /** Inputs that are the same memory in every call. */
  readonly feeds: Tensors;
  /** Inputs that each call brings: features and targets. */
  readonly batch: ContractArtifact;
  /** Throws an InputError for a batch whose targets are no classes of the model. */
  readonly checkClasses: (batch: Batch) => void;
}

/** An artifact in a session. */
export interface Call<Kind = Session> extends CallPorts {
  readonly session: Kind;
}

/**
 * Opens a session for an artifact.
 * @param tensorOf the memory of an input that stays the same in every call; undefined for others
 * @param open opens a session of the kind that is wanted
 * @param losses whose targets are checked
 */
export async function openCall<Kind>(
  artifact: Artifact,
  tensorOf: (port: ContractTensor) => Tensor | undefined,
  open: (model: Model) => Promise<Kind>,
  losses: readonly ContractLoss[] = [],
): Promise<Call<Kind>> {
  const session = await open(runtimeModel(artifact.graph, `${artifact.name}.onnx`));
  return { session, ...callPorts(artifact, tensorOf, losses) };
}

/** {@link openCall} without a session. */
export function callPorts(
  { contract }: Artifact,
  tensorOf: (port: ContractTensor) => Tensor | undefined,
  losses: readonly ContractLoss[],
): CallPorts {
  const batch = contract.inputs.filter(({ role }) => role === "feature" || role === "target");
  return {
    contract,
    feeds: tensorsOf(contract.inputs, (port) => (port.role === "buffer" ? undefined : tensorOf(port))),
    batch: { file: "the model", inputs: batch, outputs: [] },
    checkClasses: classNumberCheck(losses),
  };
}

/** A model around a graph that may have operators of the runtime's own. */
function runtimeModel(graph: Graph, label: string): Model {
  const model = standardModel(graph, label);
  const domains = new Set(graph.nodes.map(({ domain }) => domain).filter((domain) => domain !== ""));
  return { ...model, opsetImports: new Map([...model.opsetImports, ...[...domains].map((one) => [one, 1] as const)]) };
}

/** A batch as sessions take it. @throws InputError for one that does not fit the model */
export function feedsOf({ batch: wanted, checkClasses }: CallPorts, batch: Batch): Tensors {
  checkFeeds(wanted, batch);
  checkClasses(batch);
  const feeds: Record<string, Tensor> = {};
  for (const [name, tensor] of Object.entries(batch)) feeds[name] = fedTensor(name, tensor);
  return feeds;
}

/** Batches are read into the same tensors again and again. */
const fedBefore = new WeakMap<HostTensor, Tensor>();

function fedTensor(name: string, tensor: HostTensor): Tensor {
  const [count, elements] = [tensor.data.length, elementCount(tensor.dims)];
  if (count !== elements) {
    throw new InputError(`"${name}"`, `has ${count} values, which do not make ${formatShape(tensor.dims)}`);
  }
  const known = fedBefore.get(tensor);
  // Who makes batches may put other arrays into them.
  if (known?.data === tensor.data && known.dims === tensor.dims && known.type === tensor.type) return known;
  const made = runtimeTensor(tensor);
  fedBefore.set(tensor, made);
  return made;
}

/** The memory of inputs or outputs, where they have any. */
export function tensorsOf(
  ports: readonly ContractTensor[],
  tensorOf: (port: ContractTensor) => Tensor | undefined,
): Tensors {
  return Object.fromEntries(
    ports.flatMap((port) => {
      const tensor = tensorOf(port);
      return tensor === undefined ? [] : [[port.name, tensor] as const];
    }),
  );
}

/**
 * What an evaluation makes of a batch.
 * @param buffers the running statistics
 * @param outputs of the model, whose values are wanted
 */
export async function evaluateBatch(
  call: Call,
  buffers: Tensors,
  batch: Batch,
  outputs: ReadonlySet<string>,
): Promise<Evaluation> {
  const { session, contract, feeds } = call;
  const predictions = contract.outputs.filter(({ role, of }) => role === "prediction" && outputs.has(of ?? ""));
  const loss = contract.outputs.filter(({ role }) => role === "loss");
  const results = await session.run(
    { ...feeds, ...buffers, ...feedsOf(call, batch) },
    [...loss, ...predictions].map(({ name }) => name),
  );
  return {
    loss: Number(results[loss[0]?.name ?? ""]?.data[0]),
    predictions: new Map(
      predictions.flatMap(({ name, of = name }) => {
        const tensor = results[name];
        return tensor === undefined ? [] : [[of, hostTensor(tensor)] as const];
      }),
    ),
  };
}
