import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { encodeModel } from "../graph/encode-model.js";
import { InputError, oneLine } from "../graph/errors.js";
import { externalWeights } from "../graph/external-weights.js";
import type { Model } from "../graph/model.js";
import { writeFile } from "../graph/write-file.js";
import { type HostTensor, tensorOver } from "./host-tensor.js";
import { requireWhole } from "./whole-number.js";

/** More threads than any machine has cores take memory for nothing, and more than it has. */
const MOST_THREADS = 1024;

/** How sessions compute. */
export interface SessionOptions {
  /** Threads for one operator, 1 to 1024; by default as many as the machine has cores, in the training of small networks 1. */
  readonly threads?: number;
}

/** The same with what follows from the model. */
export interface Computing extends SessionOptions {
  /** Whether a run allocates little. */
  readonly isSmall?: boolean;
}

/** Tensors by the names of inputs or outputs. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** A graph that ONNX Runtime is ready to run, with results in new memory. */
export class Session {
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  /** @throws InputError where the runtime does not take the graph, such as for types that it has no kernels for */
  static async open(model: Model, options: SessionOptions = {}): Promise<Session> {
    return new Session(await openSession(model, options));
  }

  /**
   * @param outputs names of the outputs to compute; by default all
   * @throws InputError for what the runtime refuses to compute
   */
  async run(feeds: Tensors, outputs?: readonly string[]): Promise<Tensors> {
    try {
      return await (outputs === undefined ? this.#session.run(feeds) : this.#session.run(feeds, outputs));
    } catch (error) {
      throw notComputed(error);
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
  const tensor = tensorOver(data, dims, type);
  if (tensor !== undefined) return tensor;
  throw new InputError("ONNX Runtime", `gave a tensor of ${type}, which cannot be read`);
}

/**
 * Opens a session. ONNX Runtime 1.30 keeps an identifier of the device in the home folder and sends telemetry; it does
 * neither here, unless the environment says otherwise.
 * @throws InputError for threads out of range, and where the runtime does not take the graph
 */
export async function openSession(model: Model, { threads, isSmall = false }: Computing): Promise<InferenceSession> {
  if (threads !== undefined) requireWhole("--threads", threads, 1, MOST_THREADS);
  const options: InferenceSession.SessionOptions = {
    // Messages of the runtime are for its developers; what goes wrong is thrown.
    logSeverityLevel: 4,
    // A plan of all memory saves time for each allocation; made after the first run, it is kept beside what that took.
    enableMemPattern: isSmall,
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
  };
  // ONNX Runtime reads it once, when its first session is opened.
  process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
  try {
    return await create(model, options);
  } catch (error) {
    throw new InputError(model.label, `cannot be run by ONNX Runtime: ${reasonOf(error)}`);
  }
}

/** What is thrown for an error of the runtime in a run. */
export function notComputed(error: unknown): InputError {
  return new InputError("ONNX Runtime", `could not compute a step: ${reasonOf(error)}`);
}

/** A model with weights that are too large for one message is handed over as files. */
async function create(model: Model, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  const weights = externalWeights([model], "weights.bin");
  if (weights === undefined) return await InferenceSession.create(encodeModel(model), options);
  const folder = mkdtempSync(join(tmpdir(), "caadam-onnx-"));
  try {
    const path = join(folder, "model.onnx");
    writeFile(join(folder, "weights.bin"), weights.content);
    writeFile(path, [encodeModel(model, weights.locationOf)]);
    return await InferenceSession.create(path, options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function reasonOf(error: unknown): string {
  return oneLine(error instanceof Error ? error.message : String(error));
}
