import type { Tensor } from "onnxruntime-node";
import { InputError } from "../graph/errors.js";
import { formatShape } from "../graph/shapes/shape-math.js";
import type { OptimizerSettings } from "../passes/optimizer/optimizer.js";
import { updateRule } from "../passes/optimizer/index.js";
import { type Port, portKey } from "../passes/training/artifact.js";
import type { ContractTensor } from "../passes/training/contract.js";
import { type FloatTensor, type HostTensor, zeros } from "./host-tensor.js";
import { runtimeTensor } from "./session.js";
import type { Member, Slot } from "../passes/training/slots.js";

/** The kinds of state that a training has. */
export const stateKinds = ["parameter", "buffer", "moment1", "moment2", "moment2max", "average"] as const;
export type StateKind = (typeof stateKinds)[number];

type Floats = Float32Array | Float64Array;

/** Values of parameters and running statistics, by the names that the model has for them. */
export type Values = ReadonlyMap<string, FloatTensor>;

/** Where values are asked for by name. */
export type ValueSource = Pick<ReadonlyMap<string, HostTensor>, "get">;

/** Where a tensor of a slot is; undefined for one that has no memory yet. */
type MemoryOf = (port: Pick<Port, "role" | "of">) => FloatTensor | undefined;

/** A running statistic: where it is, and where what it becomes is written. They change places with each batch. */
interface Buffer {
  readonly name: string;
  current: FloatTensor;
  next: FloatTensor;
}

/**
 * What training moves, in memory that stays where it is: parameters, gradients, moments, averages, scales and running
 * statistics, as sessions take them.
 */
export class TrainingState {
  readonly slots: readonly Slot[];
  /** By role and slot. */
  readonly #arrays = new Map<string, FloatTensor>();
  readonly #tensors = new Map<string, Tensor>();
  readonly #buffers: readonly Buffer[];
  #isTurned = false;
  /** The kinds that slots have. */
  readonly #kinds: readonly StateKind[];

  /**
   * @param initial the values of all parameters and buffers
   * @param scales S of each parameter; undefined for optimizers that have none
   * @param memoryOf memory that is there already, all zeros, for the tensor of a slot
   */
  constructor(
    slots: readonly Slot[],
    buffers: readonly ContractTensor[],
    settings: OptimizerSettings,
    initial: ValueSource,
    scales: ReadonlyMap<string, number> | undefined,
    memoryOf: MemoryOf = () => undefined,
  ) {
    this.slots = slots;
    const hasAverage = settings.averageMomentum !== undefined;
    this.#kinds = ["parameter", ...updateRule(settings).moments, ...(hasAverage ? ["average" as const] : [])];
    for (const slot of slots) {
      for (const role of [...this.#kinds, "gradient"] as const) this.#allocate(role, slot, slot.shape, memoryOf);
      if (scales !== undefined) {
        this.#allocate("scale", slot, slot.members.length === 1 ? [] : slot.shape, memoryOf);
      }
    }
    this.#buffers = buffers.map(({ of = "", dtype, shape }) => {
      const dataType = dtype === "float64" ? dtype : "float32";
      const dims = numbersOf(shape);
      return { name: of, current: zeros(dataType, dims), next: zeros(dataType, dims) };
    });
    this.set("parameter", initial);
    this.set("buffer", initial);
    this.startAverages();
    if (scales !== undefined) this.setScales(scales);
  }

  /** The tensor that stands for an input or output of a training graph; undefined for what is no state. */
  tensor(port: Pick<Port, "role" | "of">): Tensor | undefined {
    return this.#tensors.get(portKey(port));
  }

  /** The running statistics as they are, and the memory for what they become. */
  buffer(name: string): { readonly current: Tensor; readonly next: Tensor } | undefined {
    const buffer = this.#buffers.find((one) => one.name === name);
    return buffer && { current: runtimeTensor(buffer.current), next: runtimeTensor(buffer.next) };
  }

  /** Whether running statistics are in the second of their two places. */
  get isTurned(): boolean {
    return this.#isTurned;
  }

  /** What running statistics have become is what they are. */
  turnBuffers(): void {
    this.#isTurned = !this.#isTurned;
    for (const buffer of this.#buffers) [buffer.current, buffer.next] = [buffer.next, buffer.current];
  }

  /** Views of the state of one kind, by parameter or buffer: what changes with the next step. */
  views(kind: StateKind | "gradient"): ReadonlyMap<string, FloatTensor> {
    if (kind === "buffer") return new Map(this.#buffers.map(({ name, current }) => [name, current]));
    return new Map(
      this.slots.flatMap(({ name, members }) => {
        const whole = this.#arrays.get(portKey({ role: kind, of: name }));
        return whole === undefined ? [] : members.map((member) => [member.name, viewOf(whole, member)] as const);
      }),
    );
  }

  /** Copies of all state that a checkpoint needs, by kind and name: "moment1/fc1.weight". */
  snapshot(): ReadonlyMap<string, HostTensor> {
    const kinds: readonly StateKind[] = [...this.#kinds, "buffer"];
    return new Map(
      kinds.flatMap((kind) => [...this.views(kind)].map(([name, tensor]) => [`${kind}/${name}`, tensor] as const)),
    );
  }

  /** Takes all state from a checkpoint. @throws InputError where a tensor is missing or of another shape */
  restore(tensors: ReadonlyMap<string, HostTensor>, label: string): void {
    for (const [key, view] of this.snapshot()) {
      const tensor = tensors.get(key);
      if (tensor === undefined) throw new InputError(label, `has no "${key}"`, "is it a checkpoint of another model?");
      copyInto(view, tensor, `${label}: "${key}"`);
    }
  }

  /**
   * Sets the values of one kind; names that are no state of this training are passed over.
   * @throws InputError where a value is missing or of another shape
   */
  set(kind: StateKind, values: ValueSource): void {
    for (const [name, view] of this.views(kind)) {
      const value = values.get(name);
      if (value === undefined) throw new InputError(`${kind} "${name}"`, "has no initial value");
      copyInto(view, value, `${kind} "${name}"`);
    }
  }

  /** Where parameters are averaged: the averages are what the parameters are. */
  startAverages(): void {
    if (this.#kinds.includes("average")) this.set("average", this.views("parameter"));
  }

  /** Sets S of every parameter. */
  setScales(scales: ReadonlyMap<string, number>): void {
    for (const { name, members } of this.slots) {
      const { data } = this.#arrays.get(portKey({ role: "scale", of: name })) ?? {};
      for (const { name: parameter, offset, elements } of members) {
        data?.fill(scales.get(parameter) ?? 1, offset, members.length === 1 ? 1 : offset + elements);
      }
    }
  }

  #allocate(
    role: ContractTensor["role"],
    { name: of, dataType }: Slot,
    dims: readonly number[],
    memoryOf: MemoryOf,
  ): void {
    const key = portKey({ role, of });
    const array = memoryOf({ role, of }) ?? zeros(dataType, dims);
    this.#arrays.set(key, array);
    this.#tensors.set(key, runtimeTensor(array));
  }
}

/** Copies of values that later steps do not change. */
export function copied(values: ReadonlyMap<string, FloatTensor>): Values {
  return new Map([...values].map(([name, tensor]) => [name, copyOf(tensor)]));
}

function copyOf(tensor: FloatTensor): FloatTensor {
  return tensor.type === "float64"
    ? { ...tensor, data: tensor.data.slice() }
    : { ...tensor, data: tensor.data.slice() };
}

function viewOf(whole: FloatTensor, { offset, elements, shape: dims }: Member): FloatTensor {
  return whole.type === "float64"
    ? { type: whole.type, data: whole.data.subarray(offset, offset + elements), dims }
    : { type: whole.type, data: whole.data.subarray(offset, offset + elements), dims };
}

function copyInto(view: HostTensor, from: HostTensor, where: string): void {
  const [to, values] = [floatsOf(view), floatsOf(from)];
  const isSameShape = from.dims.join() === view.dims.join() && to?.length === values?.length;
  if (to === undefined || values === undefined || !isSameShape) {
    const what = `holds ${from.type} of the shape ${formatShape(from.dims)}, and ${view.type} ${formatShape(view.dims)} is needed`;
    throw new InputError(where, what);
  }
  to.set(values);
}

function floatsOf({ data }: HostTensor): Floats | undefined {
  return data instanceof Float32Array || data instanceof Float64Array ? data : undefined;
}

function numbersOf(shape: ContractTensor["shape"]): readonly number[] {
  return (shape ?? []).map((extent) => {
    if (typeof extent !== "number") throw new Error("running statistics have a known shape");
    return extent;
  });
}
