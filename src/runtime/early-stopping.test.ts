import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { refusal } from "../graph/testing/input-error.js";
import { fixture } from "../graph/testing/models.js";
import {
  type EarlyStoppingOptions,
  earlyStoppingState,
  judgeEpoch,
  noEpochs,
  refuseUnfitStopping,
} from "./early-stopping.js";

/** See fixtures/schedules/make_schedules.py. */
interface Golden {
  readonly options: EarlyStoppingOptions;
  readonly monitored: readonly (number | "NaN")[];
  readonly epochs: readonly { readonly wait: number; readonly bestEpoch: number | null; readonly stop: boolean }[];
  /** The epoch whose weights are restored. */
  readonly restored: number;
}

const goldens = JSON.parse(readFileSync(fixture("schedules/early-stopping.json"), "utf8")) as readonly Golden[];

describe("early stopping is Keras'", () => {
  test.each(goldens)("$options", ({ options, monitored, epochs, restored }) => {
    let state = noEpochs;
    let weightsOf: number | undefined;
    const judged = monitored.map((value, index) => {
      const verdict = judgeEpoch(state, index + 1, Number(value), options);
      state = earlyStoppingState.parse(JSON.parse(JSON.stringify(verdict.state)));
      if (verdict.isBest) weightsOf = index + 1;
      return { wait: state.wait, bestEpoch: state.bestEpoch, stop: verdict.shouldStop };
    });
    expect(judged).toEqual(epochs);
    expect(weightsOf).toBe(restored);
  });
});

describe("early stopping", () => {
  it("takes no value for the best that is not finite", () => {
    const first = judgeEpoch(noEpochs, 1, NaN);
    expect(first).toEqual({ state: { best: null, bestEpoch: null, wait: 1 }, isBest: false, shouldStop: false });
    expect(judgeEpoch(first.state, 2, -Infinity).isBest).toBe(false);
    expect(judgeEpoch(first.state, 2, 5)).toEqual({
      state: { best: 5, bestEpoch: 2, wait: 0 },
      isBest: true,
      shouldStop: false,
    });
  });

  it("refuses options out of range", () => {
    expect(() => refuseUnfitStopping({ patience: 0, minDelta: 0, startFromEpoch: 0 })).not.toThrow();
    expect(refusal(() => refuseUnfitStopping({ patience: 1.5 }))).toBe(
      "early stopping with a patience of 1.5: is not possible: it takes a whole number",
    );
    expect(refusal(() => refuseUnfitStopping({ startFromEpoch: -1 }))).toMatch(/a start after epoch -1/);
    expect(refusal(() => refuseUnfitStopping({ minDelta: NaN }))).toMatch(/a number that is not negative$/);
  });
});
