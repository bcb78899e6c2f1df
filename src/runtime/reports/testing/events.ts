import type { EpochEvent, GradientNormsEvent, ProgressEvent, StartEvent, TrainingEvent } from "../../events.js";

export function startEvent(more?: Partial<StartEvent>): StartEvent {
  return {
    event: "start",
    examples: 16_512,
    validationExamples: 4128,
    epochs: 20,
    stepsPerEpoch: 129,
    elements: 2689,
    step: 0,
    epoch: 0,
    ...more,
  };
}

export function progressEvent(more?: Partial<ProgressEvent>): ProgressEvent {
  return {
    event: "progress",
    epoch: 3,
    step: 316,
    batch: 58,
    loss: 0.412,
    learningRate: 0.001,
    examplesPerSecond: 12_300,
    secondsLeft: 80,
    ...more,
  };
}

export function epochEvent(epoch: number, more?: Partial<EpochEvent>): EpochEvent {
  return {
    event: "epoch",
    epoch,
    step: 129 * epoch,
    loss: 0.6 / epoch,
    validationLoss: 0.65 / epoch,
    metrics: { rmse: 0.8 / epoch, "r²": 1 - 0.4 / epoch },
    learningRate: 0.001,
    seconds: 0.8,
    isBest: true,
    ...more,
  };
}

/** Norms that differ by parameter and epoch; `gradient` of the first parameter may be given. */
export function gradientNorms(epoch: number, names: readonly string[], gradient?: number): GradientNormsEvent {
  const norms = names.map((name, index) => [
    name,
    { gradient: index === 0 && gradient !== undefined ? gradient : 0.5 ** index / epoch, parameter: 2 + index },
  ]);
  return {
    event: "gradient-norms",
    epoch,
    step: 129 * epoch,
    norms: Object.fromEntries(norms) as GradientNormsEvent["norms"],
  };
}

/** A whole run. */
export function runEvents(epochs: number, names: readonly string[]): readonly TrainingEvent[] {
  const numbers = Array.from({ length: epochs }, (_, index) => index + 1);
  return [
    startEvent({ epochs }),
    ...numbers.flatMap((epoch) => [epochEvent(epoch), gradientNorms(epoch, names)]),
    { event: "end", reason: "epochs", epoch: epochs, step: 129 * epochs, seconds: 0.8 * epochs },
  ];
}
