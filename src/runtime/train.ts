import type { Model } from "../graph/model.js";
import type { TrainingEvent } from "./events.js";
import { refuseUnknownOptions, type TrainingData, type TrainOptions } from "./train-options.js";
import { Training } from "./training.js";
import type { TrainingResult } from "./training-result.js";

/** A training that runs while it is asked for events or for its result. */
export interface TrainingRun extends AsyncIterable<TrainingEvent> {
  /**
   * Trains to the end; asked again, gives the same.
   * @throws InputError for what is wrong with model, data or options, for a loss that is not finite, and where somebody
   *   left the events before their end
   */
  result(): Promise<TrainingResult>;
}

/**
 * Trains a model on the stock ONNX Runtime: `await train(model, data, options).result()` for what it comes to, `for await
 * (const event of train(model, data, options))` to look on; both in turn for both. Nothing happens before one of them.
 * Same seed, same machine: same weights, bit for bit.
 * @throws InputError at once for an option that there is not
 */
export function train(model: Model, data: TrainingData, options: TrainOptions): TrainingRun {
  refuseUnknownOptions(options);
  return trainingRun(model, data, options);
}

/** {@link train} with options among which are others. */
export function trainingRun(model: Model, data: TrainingData, options: TrainOptions): TrainingRun {
  const training = new Training(model, data, options);
  const events = training.events();
  const finish = async () => {
    for await (const event of events) void event;
    return training.result();
  };
  let result: Promise<TrainingResult> | undefined;
  return {
    [Symbol.asyncIterator]: () => events,
    result: () => (result ??= finish()),
  };
}
