import { stripVTControlCharacters } from "node:util";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import type { TrainingEvent } from "../events.js";
import { epochLine, type LineOptions, type Progress, progressAfter, progressLine } from "./progress.js";
import { epochEvent, gradientNorms, progressEvent, startEvent } from "./testing/events.js";

function line(events: readonly TrainingEvent[], options?: LineOptions): string {
  const begin: Progress = {};
  return progressLine(events.reduce(progressAfter, begin), options);
}

const underWay = [startEvent(), epochEvent(2, { validationLoss: 0.398 }), progressEvent()];

describe("a progress line", () => {
  it("says epoch, share, losses, rate and time left", () => {
    expect(line(underWay, { columns: 100 })).toBe(
      "epoch 3/20 ████████▉             44% loss 0.4120 val 0.3980 · 12,300 examples/s · 1 min 20 s left",
    );
  });

  it("gives up bar, rate and time left, in this order, where the terminal is narrow", () => {
    expect(line(underWay, { columns: 85 })).toBe(
      "epoch 3/20 ███▌      44% loss 0.4120 val 0.3980 · 12,300 examples/s · 1 min 20 s left",
    );
    expect(line(underWay, { columns: 75 })).toBe(
      "epoch 3/20 ████████            44% loss 0.4120 val 0.3980 · 1 min 20 s left",
    );
    expect(line(underWay, { columns: 38 })).toBe("epoch 3/20  44% loss 0.4120 val 0.3980");
    expect(line(underWay, { columns: 20 })).toBe("epoch 3/20  44% los…");
  });

  it.each([1, 7, 30, 55, 60, 79, 80, 120, 300])("takes no more than %i columns", (columns) => {
    for (const colors of [false, true]) {
      const written = line(underWay, { columns, colors });
      expect(stringWidth(written)).toBeLessThanOrEqual(columns);
      expect(stripVTControlCharacters(written)).toBe(line(underWay, { columns }));
    }
  });

  it("has no bar where the length of an epoch is not known", () => {
    const events = [startEvent({ stepsPerEpoch: null }), progressEvent({ secondsLeft: null, batch: 1200 })];
    expect(line(events)).toBe("epoch 3/20 batch 1,200 loss 0.4120 · 12,300 examples/s");
  });

  it("is full at the end of an epoch, and begins again with the next", () => {
    expect(line([startEvent(), progressEvent(), epochEvent(3), gradientNorms(3, ["w"])], { columns: 60 })).toBe(
      "epoch 3/20 ████████████████████ 100% loss 0.2000 val 0.2167",
    );
    expect(line([startEvent(), epochEvent(3), progressEvent({ epoch: 4, batch: 0 })])).toMatch(
      /^epoch 4\/20 .* 0% loss/,
    );
  });

  it("says before the first step where a run goes on", () => {
    expect(line([startEvent({ epoch: 7, step: 903 })], { columns: 40 })).toMatch(/^epoch 7\/20 +0%$/);
    expect(line([])).toBe("");
  });

  it("does not hide a loss that is no number", () => {
    expect(line([startEvent(), progressEvent({ loss: Number.NaN })])).toContain("loss n/a");
  });
});

describe("an epoch's line", () => {
  it("says losses, metrics and time, and whether it is the best", () => {
    expect(epochLine(epochEvent(2), 20)).toBe(
      "epoch  2/20  loss 0.3000  val 0.3250  rmse 0.4000  r² 0.8000  0.8 s  best",
    );
    expect(epochLine(epochEvent(1, { metrics: { r2: Number.NaN } }), 20)).toContain("  r2 n/a  ");
    const { validationLoss: _, ...epoch } = epochEvent(20, { isBest: false, metrics: {}, seconds: 3725 });
    expect(epochLine(epoch, 20)).toBe("epoch 20/20  loss 0.03000  1 h 2 min");
    expect(epochLine(epoch, 20, { columns: 18 })).toBe("epoch 20/20  loss…");
  });
});
