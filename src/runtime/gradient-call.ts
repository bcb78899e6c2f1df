import type { Tensor } from "onnxruntime-node";
import type { Artifact } from "../passes/training/artifact.js";
import type { ContractArtifact, ContractLoss, ContractTensor } from "../passes/training/contract.js";
import { type Call, feedsOf, openCall, tensorsOf } from "./call.js";
import type { Batch } from "./data/dataset.js";
import type { InPlaceSession } from "./in-place-session.js";
import type { Tensors } from "./session.js";
import type { Sessions } from "./sessions.js";
import type { TrainingState } from "./training-state.js";

/** Memory that a session reads and writes. */
interface Places {
  readonly feeds: Tensors;
  readonly outputs: Tensors;
}

/** Where a gradient is computed. */
interface Place {
  readonly state: TrainingState;
  /** The memory of inputs that stay the same. */
  readonly tensorOf: (port: ContractTensor) => Tensor | undefined;
  /** Where to write the loss. */
  readonly loss: Tensor;
  readonly losses: readonly ContractLoss[];
  readonly sessions: Sessions;
}

/** A graph of the gradient, ready to run, with the memory of its inputs and outputs. */
export class GradientCall {
  readonly #call: Call<InPlaceSession>;
  readonly #state: TrainingState;
  readonly #loss: Tensor;
  /** In either place of the running statistics. */
  readonly #places = new Map<boolean, Places>();

  private constructor(call: Call<InPlaceSession>, state: TrainingState, loss: Tensor) {
    this.#call = call;
    this.#state = state;
    this.#loss = loss;
  }

  /** Opens a session for the gradient. */
  static async open(artifact: Artifact, { state, tensorOf, loss, losses, sessions }: Place): Promise<GradientCall> {
    return new GradientCall(await openCall(artifact, tensorOf, sessions.openInPlace, losses), state, loss);
  }

  /** Whether the graph is for batches of this shape. */
  fits(batch: Batch): boolean {
    return this.#call.batch.inputs.every(({ name, shape }) => {
      const dims = batch[name]?.dims;
      if (shape === null || dims?.length !== shape.length) return shape === null;
      return shape.every((extent, axis) => typeof extent === "string" || extent === dims[axis]);
    });
  }

  /** Writes loss, gradients and the next running statistics. @throws InputError for a batch that does not fit the model */
  async run(batch: Batch): Promise<void> {
    const { feeds, outputs } = this.#placesOfNow();
    await this.#call.session.run({ ...feeds, ...feedsOf(this.#call, batch) }, outputs);
  }

  #placesOfNow(): Places {
    const known = this.#places.get(this.#state.isTurned);
    if (known !== undefined) return known;
    const { contract, feeds } = this.#call;
    const outputs = tensorsOf(contract.outputs, (port) => {
      if (port.role === "loss") return this.#loss;
      return port.role === "buffer" ? this.#state.buffer(port.of ?? "")?.next : this.#state.tensor(port);
    });
    const places = { feeds: { ...feeds, ...currentBuffers(contract, this.#state) }, outputs };
    this.#places.set(this.#state.isTurned, places);
    return places;
  }
}

/** The running statistics as they are, by the names of inputs. */
export function currentBuffers(contract: ContractArtifact, state: TrainingState): Tensors {
  return tensorsOf(contract.inputs, ({ role, of = "" }) => (role === "buffer" ? state.buffer(of)?.current : undefined));
}
