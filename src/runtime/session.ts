import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { encodeModel } from "../graph/encode-model.js";
import { InputError, oneLine } from "../graph/errors.js";
import { externalWeights } from "../graph/external-weights.js";
import type { Model } from "../graph/model.js";
import { writeFile } from "../graph/write-file.js";
import type { HostTensor } from "./host-tensor.js";

/** How sessions compute. */
export interface SessionOptions {
  /** Threads for one operator; by default as many as the machine has cores. */
  readonly threads?: number;
}

/** Tensors by the names of inputs or outputs. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Tensors to write outputs into, by their names; null for new ones. */
export type Outputs = Readonly<Record<string, Tensor | null>>;

/** A graph that ONNX Runtime is ready to run. */
export class Session {
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  /** @throws InputError where the runtime does not take the graph, such as for types that it has no kernels for */
  static async open(model: Model, { threads }: SessionOptions = {}): Promise<Session> {
    const options: InferenceSession.SessionOptions = {
      // Messages of the runtime are for its developers; what goes wrong is thrown.
      logSeverityLevel: 4,
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    };
    try {
      return new Session(await create(model, options));
    } catch (error) {
      throw new InputError(model.label, `cannot be run by ONNX Runtime: ${reasonOf(error)}`);
    }
  }

  /**
   * @param outputs names of the outputs to compute, or the tensors to write them into, null for new ones; by default
   *   all, into new tensors
   * @throws InputError for what the runtime refuses to compute
   */
  async run(feeds: Tensors, outputs?: readonly string[] | Outputs): Promise<Tensors> {
    try {
      if (outputs === undefined) return await this.#session.run(feeds);
      return await this.#session.run(feeds, isList(outputs) ? [...outputs] : outputs);
    } catch (error) {
      throw new InputError("ONNX Runtime", `could not compute a step: ${reasonOf(error)}`);
    }
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

/** A tensor as the runtime takes it, over the same memory. */
export function runtimeTensor({ type, data, dims }: HostTensor): Tensor {
  // The constructor has a signature for each of these.
  if (type === "string") return new Tensor(type, data, dims);
  return type === "bool" ? new Tensor(type, data, dims) : new Tensor(type, data, dims);
}

/** A tensor of the runtime, over the same memory. @throws InputError for types that JavaScript has no arrays for */
export function hostTensor({ type, data, dims }: Tensor): HostTensor {
  if (data instanceof Float32Array) return { type: "float32", data, dims };
  if (data instanceof Float64Array) return { type: "float64", data, dims };
  if (data instanceof BigInt64Array) return { type: "int64", data, dims };
  if (data instanceof BigUint64Array) return { type: "uint64", data, dims };
  if (data instanceof Int32Array) return { type: "int32", data, dims };
  if (data instanceof Uint32Array) return { type: "uint32", data, dims };
  if (data instanceof Int16Array) return { type: "int16", data, dims };
  if (data instanceof Uint16Array) return { type: type === "float16" ? type : "uint16", data, dims };
  if (data instanceof Int8Array) return { type: "int8", data, dims };
  if (data instanceof Uint8Array) return { type: type === "bool" ? type : "uint8", data, dims };
  if (Array.isArray(data)) return { type: "string", data, dims };
  throw new InputError("ONNX Runtime", `gave a tensor of ${type}, which cannot be read`);
}

/** A model with weights that are too large for one message is handed over as files. */
async function create(model: Model, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  const weights = externalWeights([model], "weights.bin");
  if (weights === undefined) return await InferenceSession.create(encodeModel(model), options);
  const folder = mkdtempSync(join(tmpdir(), "caadam-onnx-"));
  try {
    const path = join(folder, "model.onnx");
    writeFile(join(folder, "weights.bin"), weights.content);
    writeFileSync(path, encodeModel(model, weights.locationOf));
    return await InferenceSession.create(path, options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function isList(outputs: readonly string[] | Outputs): outputs is readonly string[] {
  return Array.isArray(outputs);
}

function reasonOf(error: unknown): string {
  return oneLine(error instanceof Error ? error.message : String(error));
}
