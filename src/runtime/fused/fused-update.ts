import type { StepNumbers } from "../../passes/optimizer/step-numbers.js";
import { type Artifact, type Port, portKey } from "../../passes/training/artifact.js";
import type { ContractArtifact, ContractTensor } from "../../passes/training/contract.js";
import { elementCount } from "../../graph/tensor.js";
import { type FloatTensor, zeros } from "../host-tensor.js";
import { elementWise, type ElementWise, type FloatType, type Loop, type Rest } from "./element-wise.js";
import { VECTOR_BYTES, loopFunction } from "./loop-code.js";
import { ScalarProgram } from "./scalar-program.js";
import { memoryImport, MOST_PAGES, PAGE_BYTES, wasmModule } from "./wasm-module.js";

/** Arrays begin at multiples of this: a line of the cache. */
const ALIGNMENT = 64;

/**
 * Bytes of each array for one call. Fewer than an array has, so that what V8 optimizes while a call runs is used by the
 * next one.
 */
const BYTES_PER_CALL = 2 ** 18;

/** What is computed before the loops, by a session. */
export interface FusedRest extends Omit<Rest, "outputs"> {
  /** Where the session writes what it computes, by the names of its outputs. */
  readonly outputs: ReadonlyMap<string, FloatTensor>;
}

type LoopCall = (...operands: readonly number[]) => void;

/** A slot with its memory and its code. */
interface PlacedLoop {
  readonly call: LoopCall;
  readonly addresses: readonly number[];
  readonly bytes: number;
  /** The names of its numbers. */
  readonly scalars: readonly string[];
}

/**
 * An update as one pass over memory: the state is in the memory of WebAssembly, as arrays that sessions take like any
 * other, and code made for the update's graph reads and writes each element once. What it computes is bit for bit what
 * ONNX Runtime computes of the graph, but that moments end as 0 ({@link loopFunction}); of maxima and minima of 0 and −0,
 * which are either with ONNX Runtime, it takes 0 for the greater.
 */
export class FusedUpdate {
  /** What a session is to compute before {@link run}, if anything. */
  readonly rest: FusedRest | undefined;
  /** By what they are. */
  readonly #arrays: ReadonlyMap<string, FloatTensor>;
  readonly #loops: readonly (Omit<PlacedLoop, "scalars"> & { readonly scalars: readonly number[] })[];
  readonly #scalars: ScalarProgram<StepNumbers>;

  private constructor(
    plan: ElementWise,
    { inputs }: ContractArtifact,
    arrays: ReadonlyMap<string, FloatTensor>,
    loops: readonly PlacedLoop[],
  ) {
    const scales = inputs.flatMap((port) => (isNumberScale(port) ? [[port, zeros(floatType(port), [])] as const] : []));
    const outputs = new Map(plan.rest?.outputs.map(({ name, dataType }) => [name, zeros(dataType, [])] as const));
    this.rest = plan.rest && { ...plan.rest, outputs };
    this.#arrays = new Map([...arrays, ...scales.map(([port, tensor]) => [portKey(port), tensor] as const)]);

    const held = new Map([...outputs, ...scales.map(([{ name }, tensor]) => [name, tensor] as const)]);
    const roles = new Map(inputs.flatMap(({ name, role }) => (isStepNumber(role) ? [[name, role] as const] : [])));
    const scalars = new ScalarProgram<StepNumbers>(plan.scalars, (name) => {
      const [role, tensor] = [roles.get(name), held.get(name)];
      return role === undefined ? () => tensor?.data[0] ?? NaN : (numbers) => numbers[role] ?? 0;
    });
    this.#scalars = scalars;
    this.#loops = loops.map((one) => ({ ...one, scalars: one.scalars.map((name) => scalars.indexOf(name)) }));
  }

  /**
   * Compiles an update and allocates its state, all zeros.
   * @param mostPages pages of 64 KiB in one memory: slots that do not fit into one are in several
   * @returns undefined where the artifact is more than arithmetic on elements, where a slot is larger than a memory,
   *   where there is not so much memory, and where there is no WebAssembly with vectors
   */
  static compile(artifact: Artifact, mostPages = MOST_PAGES): FusedUpdate | undefined {
    if (typeof WebAssembly === "undefined") return undefined;
    const plan = elementWise(artifact);
    const layout = plan && layoutOf(plan, mostPages * PAGE_BYTES);
    const memories = layout && allocated(layout.sizes);
    if (plan === undefined || layout === undefined || memories === undefined) return undefined;

    const names = new Map<string, { readonly name: string; readonly loop: Loop }>();
    const keyed = plan.slots.map((slot) => {
      const key = JSON.stringify(slot.loop);
      if (!names.has(key)) names.set(key, { name: `loop${names.size}`, loop: slot.loop });
      return { ...slot, name: names.get(key)?.name ?? "" };
    });
    const code = wasmModule([...names.values()].map(({ name, loop }) => loopFunction(name, loop)));
    // A machine may have no vectors.
    if (!WebAssembly.validate(code)) return undefined;
    const module = new WebAssembly.Module(code);
    const instances = memories.map(
      (memory) => new WebAssembly.Instance(module, { [memoryImport.module]: { [memoryImport.name]: memory } }),
    );
    const arrays = new Map(
      plan.arrays.flatMap((port) => {
        const place = layout.places.get(portKey(port));
        const memory = memories[place?.memory ?? -1];
        if (place === undefined || memory === undefined) return [];
        return [[portKey(port), arrayOver(memory.buffer, place.address, port)] as const];
      }),
    );
    const loops = keyed.map(({ name, of, loop, elements, scalars }): PlacedLoop => {
      const places = loop.arrays.flatMap((role) => layout.places.get(portKey({ role, of })) ?? []);
      const call = instances[places[0]?.memory ?? -1]?.exports[name];
      if (!isLoopCall(call)) throw new Error("each loop has a function");
      return {
        call,
        addresses: places.map(({ address }) => address),
        bytes: roundedUp(elements * bytesOf(loop.dataType), VECTOR_BYTES),
        scalars,
      };
    });
    return new FusedUpdate(plan, artifact.contract, arrays, loops);
  }

  /** The memory of an input or output of the artifact; undefined for the numbers of a step. */
  array(port: Pick<Port, "role" | "of">): FloatTensor | undefined {
    return this.#arrays.get(portKey(port));
  }

  /** Moves the state by the gradients as they are. A session has computed the rest, where there is one. */
  run(numbers: StepNumbers): void {
    const values = this.#scalars.evaluate(numbers);
    for (const { call, addresses, bytes, scalars } of this.#loops) {
      const own = scalars.map((index) => values[index] ?? NaN);
      for (let start = 0; start < bytes; start += BYTES_PER_CALL) {
        const length = Math.min(BYTES_PER_CALL, bytes - start);
        call(...addresses.map((address) => address + start), length, ...own);
      }
    }
  }
}

/** Where an array is. */
interface Place {
  readonly memory: number;
  readonly address: number;
}

type ArrayPort = ElementWise["arrays"][number];

interface Layout {
  /** By what the array is. */
  readonly places: ReadonlyMap<string, Place>;
  /** Bytes of each memory. */
  readonly sizes: readonly number[];
}

/** The arrays of a slot side by side in one memory. @returns undefined where a slot has more than a memory */
function layoutOf({ arrays, slots }: ElementWise, mostBytes: number): Layout | undefined {
  const places = new Map<string, Place>();
  const sizes: number[] = [];
  const bySlot = new Map(slots.map(({ of }): readonly [string, ArrayPort[]] => [of, []]));
  for (const port of arrays) bySlot.get(port.of ?? "")?.push(port);
  for (const ports of bySlot.values()) {
    const lengths = ports.map(({ shape, dtype }) => roundedUp(elementCount(shape) * bytesOf(dtype), ALIGNMENT));
    const length = lengths.reduce((sum, one) => sum + one, 0);
    if (length > mostBytes) return undefined;
    if (sizes.length === 0 || (sizes.at(-1) ?? 0) + length > mostBytes) sizes.push(0);
    const memory = sizes.length - 1;
    for (const [index, port] of ports.entries()) {
      const address = sizes[memory] ?? 0;
      places.set(portKey(port), { memory, address });
      sizes[memory] = address + (lengths[index] ?? 0);
    }
  }
  return { places, sizes };
}

/** Memories that never grow, as views of what has grown are of no use. @returns undefined where there are none so large */
function allocated(sizes: readonly number[]): readonly WebAssembly.Memory[] | undefined {
  try {
    return sizes.map((bytes) => {
      const pages = Math.ceil(bytes / PAGE_BYTES);
      return new WebAssembly.Memory({ initial: pages, maximum: pages });
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function arrayOver(buffer: ArrayBuffer, address: number, { dtype, shape: dims }: ArrayPort): FloatTensor {
  const elements = elementCount(dims);
  return dtype === "float64"
    ? { type: dtype, data: new Float64Array(buffer, address, elements), dims }
    : { type: dtype, data: new Float32Array(buffer, address, elements), dims };
}

function bytesOf(dataType: FloatType): number {
  return dataType === "float64" ? 8 : 4;
}

function roundedUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

function isNumberScale({ role, shape }: ContractTensor): boolean {
  return role === "scale" && shape?.length === 0;
}

function floatType({ dtype }: ContractTensor): FloatType {
  return dtype === "float64" ? dtype : "float32";
}

function isStepNumber(role: ContractTensor["role"]): role is keyof StepNumbers {
  return role === "alpha" || role === "epsilon" || role === "decay";
}

/** What instances export is a function of the numbers that its code says. */
function isLoopCall(value: unknown): value is LoopCall {
  return typeof value === "function";
}
