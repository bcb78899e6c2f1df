import type { Tensor } from "onnxruntime-node";
import type { StepNumbers } from "../passes/optimizer/step-numbers.js";
import type { Artifact } from "../passes/training/artifact.js";
import { type ContractLoss, type ContractPack, type ContractTensor, lossesOf } from "../passes/training/contract.js";
import { packed } from "../passes/training/pack.js";
import type { TrainingPlan } from "../passes/training/rewrite.js";
import { packsOf, slotsOf } from "../passes/training/slots.js";
import { updateArtifact } from "../passes/training/update-artifact.js";
import { Accumulation, type AccumulationPlace } from "./accumulation.js";
import { type Call, callPorts, evaluateBatch, type Evaluation, feedsOf, openCall } from "./call.js";
import type { Batch } from "./data/dataset.js";
import { firstNotFinite } from "./first-not-finite.js";
import { FusedUpdate } from "./fused/fused-update.js";
import { openUpdate, type Update } from "./fused/update.js";
import { currentBuffers, GradientCall } from "./gradient-call.js";
import { type FloatTensor, zeros } from "./host-tensor.js";
import { blockedArtifact, gradientOfFullBatches } from "./blocked-artifacts.js";
import { type Computing, runtimeTensor } from "./session.js";
import { Sessions } from "./sessions.js";
import { StepInputs } from "./step-inputs.js";
import { TrainingState, type ValueSource } from "./training-state.js";

/**
 * Training graphs ready to run, and the state that they move. One step is `gradient` (of several batches: each followed
 * by `accumulate`) and `update`.
 */
export class Engine {
  readonly state: TrainingState;
  readonly #parts: Parts;
  #gradientOfAny: GradientCall | undefined;
  /** For full batches: null where they have no graph of their own; undefined before the first batch. */
  #gradientOfFull: GradientCall | null | undefined;
  #accumulation: Accumulation | undefined;

  private constructor(state: TrainingState, parts: Parts) {
    this.state = state;
    this.#parts = parts;
  }

  /**
   * @param initial values of all parameters and running statistics
   * @param channelBlock how many channels are in a block of the runtime's convolutions, if it has such
   */
  static async open(
    plan: TrainingPlan,
    initial: ValueSource,
    computing: Computing,
    channelBlock?: number,
  ): Promise<Engine> {
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
    const losses = lossesOf(plan.loss);
    const sessions = new Sessions(computing);
    const evaluating = evaluation && blockedArtifact(packed(evaluation, packs), channelBlock);
    try {
      const engine = new Engine(state, {
        plan,
        packs,
        channelBlock,
        gradient: packed(gradient, packs),
        tensorOf,
        losses,
        inputs,
        loss: lossOf(gradient),
        sessions,
        update: await openUpdate(update, fused, tensorOf, (numbers) => inputs.setNumbers(numbers), sessions),
        evaluation: evaluating && (await openCall(evaluating, evaluated, sessions.open, losses)),
      });
      // Full batches may have a graph of their own, and others may never come.
      if (channelBlock === undefined) await engine.#gradientForAny();
      return engine;
    } catch (error) {
      await sessions.close();
      throw error;
    }
  }

  /** Whether anything is dropped, and a seed is of use. */
  get hasDropout(): boolean {
    return this.#parts.gradient.contract.inputs.some(({ role }) => role === "seed");
  }

  /**
   * Computes the loss and the gradients of a batch, and moves the running statistics.
   * @param seed from 0 to 2³² − 1: what is dropped follows from it
   * @param fullBatch how many examples are in full batches, which may have a graph of their own; the first call tells
   * @returns the loss
   * @throws InputError for a batch that does not fit the model
   */
  async gradient(batch: Batch, seed: number, fullBatch: number): Promise<number> {
    const { inputs, loss } = this.#parts;
    inputs.setSeed(seed);
    await (await this.#gradientFor(batch, fullBatch)).run(batch);
    this.state.turnBuffers();
    return loss.data[0] ?? NaN;
  }

  /**
   * Takes back what the last gradient, that of this batch, did to the running statistics, and looks for the first number
   * in it that is none, in the order of computation.
   * @returns what it is in, in words; undefined where all are finite
   */
  async firstNotFinite(batch: Batch, seed: number): Promise<string | undefined> {
    const { inputs, gradient, tensorOf, losses, sessions } = this.#parts;
    this.state.turnBuffers();
    inputs.setSeed(seed);
    const ports = callPorts(gradient, tensorOf, losses);
    const fed = { ...ports.feeds, ...currentBuffers(gradient.contract, this.state), ...feedsOf(ports, batch) };
    return firstNotFinite(gradient, fed, this.state, sessions.computing);
  }

  /**
   * Moves the parameters by the gradients as they are.
   * @param isFirst whether averages begin here: they are then what the parameters have become, as in Keras
   */
  async update(numbers: StepNumbers, isFirst: boolean): Promise<void> {
    await this.#parts.update.run(numbers);
    if (isFirst) this.state.startAverages();
  }

  /** Adds the gradients of a batch to those of the batches before it; with the last one, the gradients are the sum. */
  async accumulate(place: AccumulationPlace): Promise<void> {
    this.#accumulation ??= await Accumulation.open(this.state, this.#parts.sessions);
    await this.#accumulation.add(place);
  }

  /** What the parameters, or their averages where there are any, make of a batch. @param outputs whose values are wanted */
  async evaluate(batch: Batch, outputs: ReadonlySet<string>): Promise<Evaluation> {
    const { evaluation } = this.#parts;
    if (evaluation === undefined) throw new Error("the training was planned without an evaluation");
    return evaluateBatch(evaluation, currentBuffers(evaluation.contract, this.state), batch, outputs);
  }

  /** Frees what computes; the state stays. May be called again. */
  async close(): Promise<void> {
    await this.#parts.sessions.close();
  }

  async #gradientFor(batch: Batch, fullBatch: number): Promise<GradientCall> {
    if (this.#gradientOfFull === undefined) this.#gradientOfFull = await this.#openGradientOfFull(fullBatch);
    return this.#gradientOfFull?.fits(batch) === true ? this.#gradientOfFull : this.#gradientForAny();
  }

  async #gradientForAny(): Promise<GradientCall> {
    return (this.#gradientOfAny ??= await this.#openGradient(this.#parts.gradient));
  }

  async #openGradientOfFull(batchSize: number): Promise<GradientCall | null> {
    const { plan, packs, channelBlock } = this.#parts;
    if (channelBlock === undefined) return null;
    const ofFull = gradientOfFullBatches(plan, packs, { batchSize, channelBlock });
    return ofFull === undefined ? null : this.#openGradient(ofFull);
  }

  #openGradient(artifact: Artifact): Promise<GradientCall> {
    return GradientCall.open(artifact, { ...this.#parts, state: this.state, loss: runtimeTensor(this.#parts.loss) });
  }
}

/** What an engine is made of. */
interface Parts {
  readonly plan: TrainingPlan;
  readonly packs: readonly ContractPack[];
  readonly channelBlock: number | undefined;
  /** For batches of any size. */
  readonly gradient: Artifact;
  /** The memory of inputs that stay the same. */
  readonly tensorOf: (port: ContractTensor) => Tensor | undefined;
  readonly losses: readonly ContractLoss[];
  readonly inputs: StepInputs;
  readonly loss: FloatTensor;
  readonly sessions: Sessions;
  readonly update: Update;
  readonly evaluation: Call | undefined;
}

/** Memory for the loss. */
function lossOf({ contract }: Artifact): FloatTensor {
  const type = contract.outputs.find(({ role }) => role === "loss")?.dtype;
  return zeros(type === "float64" ? type : "float32", []);
}
