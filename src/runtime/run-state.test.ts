import { describe, expect, it } from "vitest";
import { refusal } from "../graph/testing/input-error.js";
import type { EpochEvent } from "./events.js";
import { decodeRun, encodeRun, type RunState, startOfRun } from "./run-state.js";

const state: RunState = {
  epoch: 3,
  batch: 7,
  step: 1234,
  lossSum: 0.1 + 0.2,
  weightSum: 17,
  fullBatch: 32,
  schedule: { learningRate: 1 / 3, best: null, wait: 2, cooldown: 0 },
  stopping: { best: Number.MIN_VALUE, bestEpoch: 1, wait: 1 },
  isStopped: false,
};
const epoch: EpochEvent = {
  event: "epoch",
  epoch: 1,
  step: 5,
  loss: 1 / 3,
  metrics: { r2: NaN, mae: 1e-300 },
  learningRate: 0.1,
  seconds: 2,
  isBest: true,
};

describe("a run", () => {
  it("comes back from its texts to the last bit, numbers that are none included", () => {
    const record = { state, history: [epoch, { ...epoch, validationLoss: NaN }, { ...epoch, validationLoss: 0 }] };
    expect(decodeRun(encodeRun(record), "file")).toEqual(record);
    expect(decodeRun(encodeRun({ state: startOfRun, history: [] }), "file")).toEqual({
      state: startOfRun,
      history: [],
    });
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ["nothing", {}],
    ["no JSON", { ...encodeRun({ state, history: [] }), state: "{" }],
    ["something else", { ...encodeRun({ state, history: [] }), state: "[]" }],
    ["epochs that are none", { ...encodeRun({ state, history: [] }), history: '[{"event":"epoch"}]' }],
    ["steps below 0", encodeRun({ state: { ...state, step: -1 }, history: [] })],
  ])("is not made of %s", (_, metadata) => {
    expect(refusal(() => decodeRun(metadata, "file"))).toBe(
      "file: does not hold the state of a training; is it a checkpoint of caadam-onnx?",
    );
  });
});
