import type { Tensor } from "onnxruntime-node";
import type { StepNumbers } from "../passes/optimizer/step-numbers.js";
import type { Artifact } from "../passes/training/artifact.js";
import { type ContractArtifact, type ContractTensor, lossesOf } from "../passes/training/contract.js";
import { packed } from "../passes/training/pack.js";
import type { TrainingPlan } from "../passes/training/rewrite.js";
import { updateArtifact } from "../passes/training/update-artifact.js";
import { Accumulation, type AccumulationPlace } from "./accumulation.js";
import { type Call, evaluateBatch, type Evaluation, feedsOf, openCall, tensorsOf } from "./call.js";
import type { Batch } from "./data/dataset.js";
import { firstNotFinite } from "./first-not-finite.js";
import { type FloatTensor, zeros } from "./host-tensor.js";
import { FusedUpdate } from "./fused/fused-update.js";
import { openUpdate, type Update } from "./fused/update.js";
import type { InPlaceSession } from "./in-place-session.js";
import { type Computing, runtimeTensor, type Tensors } from "./session.js";
import { Sessions } from "./sessions.js";
import { packsOf, slotsOf } from "../passes/training/slots.js";
import { StepInputs } from "./step-inputs.js";
import { TrainingState, type ValueSource } from "./training-state.js";

/**
 * Training graphs ready to run, and the state that they move. One step is `gradient` (of several batches: each followed
 * by `accumulate`) and `update`.
 */
export class Engine {
  readonly state: TrainingState;
  readonly #gradient: Call<InPlaceSession>;
  /** As it is run. */
  readonly #gradientArtifact: Artifact;
  readonly #update: Update;
  readonly #evaluation: Call | undefined;
  readonly #inputs: StepInputs;
  readonly #sessions: Sessions;
  readonly #loss: FloatTensor;
  readonly #lossTensor: Tensor;
  readonly #places = new Map<boolean, Places>();
  #accumulation: Accumulation | undefined;

  private constructor(
    state: TrainingState,
    inputs: StepInputs,
    gradient: Artifact,
    calls: readonly [Call<InPlaceSession>, Update, Call | undefined],
    sessions: Sessions,
  ) {
    this.#gradientArtifact = gradient;
    this.state = state;
    this.#inputs = inputs;
    this.#sessions = sessions;
    const lossType = gradient.contract.outputs.find(({ role }) => role === "loss")?.dtype;
    this.#loss = zeros(lossType === "float64" ? lossType : "float32", []);
    this.#lossTensor = runtimeTensor(this.#loss);
    [this.#gradient, this.#update, this.#evaluation] = calls;
  }

  /** @param initial values of all parameters and running statistics */
  static async open(plan: TrainingPlan, initial: ValueSource, computing: Computing): Promise<Engine> {
    const { gradient, evaluation, optimizer, parameters, table } = plan;
    if (gradient === undefined) throw new Error("training needs the graph of the gradient");
    const slots = slotsOf(parameters, optimizer.clip?.by !== "norm");
    const isScaled = parameters.some(({ scaleShape }) => scaleShape !== undefined);
    const scales = new Map(table.parameters.map(({ name, scale }) => [name, scale]));
    const buffers = gradient.contract.inputs.filter(({ role }) => role === "buffer");
    const update = updateArtifact(slots, optimizer);
    const fused = FusedUpdate.compile(update);
    const state = new TrainingState(slots, buffers, optimizer, initial, isScaled ? scales : undefined, (port) =>
      fused?.array(port),
    );
    const inputs = new StepInputs(update.contract);
    const packs = packsOf(slots);
    const tensorOf = (port: ContractTensor) => state.tensor(port) ?? inputs.tensor(port.role);
    // What is evaluated, and kept in the end, are averages where there are any.
    const evaluated = ({ role, of }: ContractTensor) =>
      (role === "parameter" ? state.tensor({ role: "average", of }) : undefined) ?? state.tensor({ role, of });
    const packedGradient = packed(gradient, packs);
    const losses = lossesOf(plan.loss);
    const sessions = new Sessions(computing);
    try {
      const calls = [
        await openCall(packedGradient, tensorOf, sessions.openInPlace, losses),
        await openUpdate(update, fused, tensorOf, (numbers) => inputs.setNumbers(numbers), sessions),
        evaluation && (await openCall(packed(evaluation, packs), evaluated, sessions.open, losses)),
      ] as const;
      return new Engine(state, inputs, packedGradient, calls, sessions);
    } catch (error) {
      await sessions.close();
      throw error;
    }
  }

  /** Whether anything is dropped, and a seed is of use. */
  get hasDropout(): boolean {
    return this.#gradientArtifact.contract.inputs.some(({ role }) => role === "seed");
  }

  /**
   * Computes the loss and the gradients of a batch, and moves the running statistics.
   * @param seed from 0 to 2³² − 1: what is dropped follows from it
   * @returns the loss
   * @throws InputError for a batch that does not fit the model
   */
  async gradient(batch: Batch, seed: number): Promise<number> {
    const { feeds, outputs } = this.#gradientPlaces();
    this.#inputs.setSeed(seed);
    await this.#gradient.session.run({ ...feeds, ...feedsOf(this.#gradient, batch) }, outputs);
    this.state.turnBuffers();
    return this.#loss.data[0] ?? NaN;
  }

  /**
   * Takes back what the last gradient, that of this batch, did to the running statistics, and looks for the first number
   * in it that is none, in the order of computation.
   * @returns what it is in, in words; undefined where all are finite
   */
  async firstNotFinite(batch: Batch, seed: number): Promise<string | undefined> {
    this.state.turnBuffers();
    this.#inputs.setSeed(seed);
    const fed = { ...this.#gradientPlaces().feeds, ...feedsOf(this.#gradient, batch) };
    return firstNotFinite(this.#gradientArtifact, fed, this.state, this.#sessions.computing);
  }

  /**
   * Moves the parameters by the gradients as they are.
   * @param isFirst whether averages begin here: they are then what the parameters have become, as in Keras
   */
  async update(numbers: StepNumbers, isFirst: boolean): Promise<void> {
    await this.#update.run(numbers);
    if (isFirst) this.state.startAverages();
  }

  /** Adds the gradients of a batch to those of the batches before it; with the last one, the gradients are the sum. */
  async accumulate(place: AccumulationPlace): Promise<void> {
    this.#accumulation ??= await Accumulation.open(this.state, this.#sessions);
    await this.#accumulation.add(place);
  }

  /** What the parameters, or their averages where there are any, make of a batch. @param outputs whose values are wanted */
  async evaluate(batch: Batch, outputs: ReadonlySet<string>): Promise<Evaluation> {
    if (this.#evaluation === undefined) throw new Error("the training was planned without an evaluation");
    return evaluateBatch(this.#evaluation, this.#buffers(this.#evaluation.contract), batch, outputs);
  }

  /** Frees what computes; the state stays. May be called again. */
  async close(): Promise<void> {
    await this.#sessions.close();
  }

  /** What the gradient reads and writes in every step, in either place of the running statistics. */
  #gradientPlaces(): Places {
    const known = this.#places.get(this.state.isTurned);
    if (known !== undefined) return known;
    const { contract, feeds } = this.#gradient;
    const outputs = tensorsOf(contract.outputs, (port) => {
      if (port.role === "loss") return this.#lossTensor;
      return port.role === "buffer" ? this.state.buffer(port.of ?? "")?.next : this.state.tensor(port);
    });
    const places = { feeds: { ...feeds, ...this.#buffers(contract) }, outputs };
    this.#places.set(this.state.isTurned, places);
    return places;
  }

  #buffers(contract: ContractArtifact): Tensors {
    return tensorsOf(contract.inputs, ({ role, of = "" }) =>
      role === "buffer" ? this.state.buffer(of)?.current : undefined,
    );
  }
}

/** Memory that a session reads and writes. */
interface Places {
  readonly feeds: Tensors;
  readonly outputs: Tensors;
}
