import { Emitter } from "../graph/emitter.js";
import type { Model } from "../graph/model.js";
import { Operators } from "../graph/operators.js";
import { standardModel } from "../graph/standard-model.js";
import { tensorFacts } from "../graph/shapes/facts.js";
import { zeros } from "./host-tensor.js";
import type { InPlaceSession } from "./in-place-session.js";
import { runtimeTensor, type Tensors } from "./session.js";
import type { Sessions } from "./sessions.js";
import type { Slot } from "../passes/training/slots.js";
import type { TrainingState } from "./training-state.js";

/** Where a batch is among those whose gradients are added up. */
export interface AccumulationPlace {
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** How often it counts. */
  readonly weight: number;
  /** What the sum is multiplied by with the last batch: one over the sum of the weights for their mean. */
  readonly factor: number;
}

const WEIGHT = "weight";
const FACTOR = "factor";

/** Gradients of several batches, added up to those of all of them as one. */
export class Accumulation {
  readonly #session: InPlaceSession;
  readonly #totals: readonly (Float32Array | Float64Array)[];
  readonly #weight = zeros("float64", []);
  readonly #factor = zeros("float64", []);
  readonly #feeds: Tensors;
  readonly #totalOutputs: Tensors;
  readonly #gradientOutputs: Tensors;

  private constructor(session: InPlaceSession, state: TrainingState) {
    this.#session = session;
    const tensors = state.slots.flatMap(({ name: of, dataType, shape }, slot) => {
      const gradient = state.tensor({ role: "gradient", of });
      const total = zeros(dataType, shape);
      return gradient === undefined
        ? []
        : [{ names: namesOf(slot), gradient, total: runtimeTensor(total), data: total.data }];
    });
    this.#totals = tensors.map(({ data }) => data);
    this.#feeds = Object.fromEntries([
      ...tensors.flatMap(({ names, total, gradient }) => [
        [names.total, total] as const,
        [names.gradient, gradient] as const,
      ]),
      [WEIGHT, runtimeTensor(this.#weight)],
      [FACTOR, runtimeTensor(this.#factor)],
    ]);
    this.#totalOutputs = Object.fromEntries(tensors.map(({ names, total }) => [names.updated, total]));
    this.#gradientOutputs = Object.fromEntries(tensors.map(({ names, gradient }) => [names.updated, gradient]));
  }

  static async open(state: TrainingState, sessions: Sessions): Promise<Accumulation> {
    return new Accumulation(await sessions.openInPlace(accumulationModel(state.slots)), state);
  }

  /** Adds the gradients of a batch to those before it; with the last one, the gradients become the sum. */
  async add({ isFirst, isLast, weight, factor }: AccumulationPlace): Promise<void> {
    if (isFirst) for (const total of this.#totals) total.fill(0);
    this.#weight.data[0] = weight;
    this.#factor.data[0] = isLast ? factor : 1;
    await this.#session.run(this.#feeds, isLast ? this.#gradientOutputs : this.#totalOutputs);
  }
}

function namesOf(slot: number) {
  return { total: `total${slot}`, gradient: `gradient${slot}`, updated: `updated${slot}` };
}

/**
 * updated = (total + weight · gradient) · factor, for each slot. `updated` may have the memory of the total or of the
 * gradient.
 */
function accumulationModel(slots: readonly Slot[]): Model {
  const emitter = new Emitter();
  const g = new Operators(emitter);
  const weight = emitter.newInput(WEIGHT, tensorFacts("float64", []));
  const factor = emitter.newInput(FACTOR, tensorFacts("float64", []));
  const outputs = slots.map(({ dataType, shape }, slot) => {
    const names = namesOf(slot);
    const total = emitter.newInput(names.total, tensorFacts(dataType, shape));
    const gradient = emitter.newInput(names.gradient, tensorFacts(dataType, shape));
    const sum = g.add(total, g.mul(gradient, g.cast(weight, dataType)));
    return { name: names.updated, value: g.mul(sum, g.cast(factor, dataType)) };
  });
  return standardModel(emitter.graph("accumulation", outputs), "accumulation.onnx");
}
