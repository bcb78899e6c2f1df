import { type MlpOptions, newMlp } from "../../passes/new-model/mlp.js";
import type { Model } from "../../graph/model.js";
import { xoshiro128 } from "../data/random.js";
import { datasetFrom } from "../data/arrays.js";
import type { Dataset } from "../data/dataset.js";
import type { TrainingEvent } from "../events.js";
import type { TrainingData, TrainOptions } from "../train-options.js";
import type { Values } from "../training-state.js";
import { train } from "../train.js";

/** Trainings that take milliseconds. */

/** 3 features, 6 hidden units, 2 outputs, tanh between. */
export function smallMlp(options: Partial<MlpOptions> = {}): Model {
  return newMlp({ sizes: [3, 6, 2], activation: "tanh", ...options });
}

/** Examples of a smooth function with a little noise, for the regression of `smallMlp`. */
export function regression(count: number, seed = 1): Dataset {
  const random = xoshiro128([seed, 2, 3, 4]);
  const drawn = () => random() / 2 ** 31 - 1;
  const x = Float32Array.from({ length: count * 3 }, drawn);
  const target = Float32Array.from({ length: count * 2 }, (_, index) => {
    const row = Math.floor(index / 2) * 3;
    const [a = 0, b = 0, c = 0] = x.subarray(row, row + 3);
    return (index % 2 === 0 ? a * b - c : Math.sin(2 * a) + b) + 0.1 * drawn();
  });
  return datasetFrom({ x: { data: x, dims: [count, 3] }, target: { data: target, dims: [count, 2] } });
}

/** Trains, and keeps what happened. */
export async function trained(model: Model, data: TrainingData, options: TrainOptions) {
  const events: TrainingEvent[] = [];
  const result = await train(model, data, {
    threads: 1,
    ...options,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  }).result();
  return { ...result, events, values: numbersOf(result.values) };
}

/** Plain numbers, by name, to compare bit for bit. */
export function numbersOf(values: Values): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries([...values].map(([name, { data }]) => [name, Array.from(data, Number)]));
}
