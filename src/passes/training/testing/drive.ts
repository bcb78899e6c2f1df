import { InferenceSession, Tensor } from "onnxruntime-node";
import { encodeModel } from "../../../graph/encode-model.js";
import type { Model } from "../../../graph/model.js";
import { elementCount } from "../../../graph/tensor.js";
import { stepNumbers } from "../../optimizer/step-numbers.js";
import { portKey } from "../artifact.js";
import type { ArtifactName, Contract, ContractTensor } from "../contract.js";
import { initialState } from "../initial-state.js";
import type { TrainingArtifacts } from "../rewrite.js";

type Numbers = readonly number[] | Float32Array | Float64Array;

/** The batch of a step: values by the names of features and targets. */
export type BatchOf = (step: number) => Readonly<Record<string, Numbers>>;

/** How to train with artifacts. */
export interface Drive {
  readonly steps: number;
  readonly batch: BatchOf;
  /** Examples in a batch. */
  readonly examples: number;
  readonly learningRate?: number;
}

/** What training has come to: values of all state, by role and parameter, packs taken apart; and the loss of each step. */
export interface Driven {
  readonly state: ReadonlyMap<string, readonly number[]>;
  readonly losses: readonly number[];
}

/** An artifact in a session. */
interface Opened {
  readonly session: InferenceSession;
  readonly inputs: readonly ContractTensor[];
  readonly outputs: readonly ContractTensor[];
}

/** Trains by calling these artifacts one after another in each step, as their contract alone says. */
export async function driveSteps(
  model: Model,
  artifacts: TrainingArtifacts,
  names: readonly ArtifactName[],
  { steps, batch, examples, learningRate = 0.01 }: Drive,
): Promise<Driven> {
  const { contract } = artifacts;
  const state = startOf(model, contract, names);
  const opened = await Promise.all(names.map((name) => open(artifacts, name)));
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const fed = batch(step);
    const numbers: Readonly<Record<string, number>> = {
      ...stepNumbers(contract.optimizer, learningRate, step + 1),
      seed: step,
    };
    for (const artifact of opened) {
      const loss = await call(artifact, state, (port) => {
        const values = isOfBatch(port) ? fed[port.name] : numbers[port.role];
        return values === undefined ? undefined : tensorOf(port, values, extentsOf(port, { batch: examples }));
      });
      if (loss !== undefined) losses.push(...loss);
    }
  }
  for (const { session } of opened) await session.release();
  return { state: unpacked(state, contract), losses };
}

/** Trains with `loop`, so many steps in each call but the last. */
export async function driveLoop(
  model: Model,
  artifacts: TrainingArtifacts,
  stepsOfCall: number,
  { steps, batch, examples, learningRate = 0.01 }: Drive,
): Promise<Driven> {
  const { contract } = artifacts;
  const state = startOf(model, contract, ["loop"]);
  const opened = await open(artifacts, "loop");
  const losses: number[] = [];
  for (let first = 0; first < steps; first += stepsOfCall) {
    const ofCall = Array.from({ length: Math.min(stepsOfCall, steps - first) }, (_, index) => first + index);
    const batches = ofCall.map(batch);
    const numbers = ofCall.map((step): Readonly<Record<string, number>> => ({
      ...stepNumbers(contract.optimizer, learningRate, step + 1),
      seed: step,
    }));
    const loss = await call(opened, state, (port) => {
      const values = ofCall.map((_, index) =>
        isOfBatch(port) ? batches[index]?.[port.name] : numbers[index]?.[port.role],
      );
      if (values.includes(undefined)) return undefined;
      const flat = values.flatMap((value) => (typeof value === "number" ? [value] : [...(value ?? [])]));
      return tensorOf(port, flat, [ofCall.length, ...extentsOf(port, { batch: examples }).slice(1)]);
    });
    losses.push(...(loss ?? []));
  }
  await opened.session.release();
  return { state: unpacked(state, contract), losses };
}

function isOfBatch({ role }: ContractTensor): boolean {
  return role === "feature" || role === "target";
}

/** All state that these artifacts begin with, by role and parameter. */
function startOf(model: Model, contract: Contract, names: readonly ArtifactName[]): Map<string, Tensor> {
  return new Map(
    names.flatMap((name) => {
      const ports = contract.artifacts[name];
      if (ports === undefined) return [];
      const initial = initialState(model, ports, contract);
      return ports.inputs.flatMap((port) => {
        const tensor = initial[port.name];
        return tensor === undefined
          ? []
          : [[portKey(port), new Tensor(tensor.type, tensor.data, tensor.dims)] as const];
      });
    }),
  );
}

async function open({ models, contract }: TrainingArtifacts, name: ArtifactName): Promise<Opened> {
  const [model, ports] = [models.get(name), contract.artifacts[name]];
  if (model === undefined || ports === undefined) throw new Error(`there is no ${name}`);
  const session = await InferenceSession.create(encodeModel(model), {
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  return { session, inputs: ports.inputs, outputs: ports.outputs };
}

/** Calls an artifact; what it gives of parameters and buffers becomes state. @returns the losses, if it gives any */
async function call(
  { session, inputs, outputs }: Opened,
  state: Map<string, Tensor>,
  given: (port: ContractTensor) => Tensor | undefined,
): Promise<readonly number[] | undefined> {
  const feeds = inputs.map((port) => {
    const tensor = port.of === undefined ? given(port) : state.get(portKey(port));
    if (tensor === undefined) throw new Error(`nothing to feed to ${port.role} "${port.name}"`);
    return [port.name, tensor] as const;
  });
  const results = await session.run(Object.fromEntries(feeds));
  let losses: readonly number[] | undefined;
  for (const port of outputs) {
    const tensor = results[port.name];
    if (tensor === undefined) throw new Error(`no ${port.role} "${port.name}"`);
    if (port.of !== undefined) state.set(portKey(port), tensor);
    if (port.role === "loss") losses = valuesOf(tensor);
  }
  return losses;
}

function unpacked(
  state: ReadonlyMap<string, Tensor>,
  { packs = [] }: Contract,
): ReadonlyMap<string, readonly number[]> {
  const membersOf = new Map(packs.map(({ name, members }) => [name, members]));
  const parts = [...state].flatMap(([key, tensor]): (readonly [string, readonly number[]])[] => {
    const [role, of] = JSON.parse(key) as [string, string];
    const values = valuesOf(tensor);
    const members = role === "buffer" ? undefined : membersOf.get(of);
    if (members === undefined) return role === "scale" ? [] : [[`${role} ${of}`, values]];
    if (role === "scale") return [];
    return members.map(({ name, offset, shape }) => [
      `${role} ${name}`,
      values.slice(offset, offset + elementCount(shape)),
    ]);
  });
  return new Map(parts.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function valuesOf({ data }: Tensor): readonly number[] {
  return Array.from(data as Float32Array, Number);
}

function tensorOf({ dtype }: ContractTensor, values: number | Numbers, dims: readonly number[]): Tensor {
  const numbers = typeof values === "number" ? [values] : [...values];
  if (dtype === "int64") return new Tensor("int64", BigInt64Array.from(numbers, BigInt), dims);
  return dtype === "float64"
    ? new Tensor("float64", Float64Array.from(numbers), dims)
    : new Tensor("float32", Float32Array.from(numbers), dims);
}

/** The first symbol is the batch. */
function extentsOf({ shape }: ContractTensor, { batch }: { readonly batch: number }): readonly number[] {
  return (shape ?? []).map((extent) => (typeof extent === "number" ? extent : batch));
}
