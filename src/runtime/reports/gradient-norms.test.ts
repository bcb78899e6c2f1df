import { describe, expect, it } from "vitest";
import type { GradientNormsEvent } from "../events.js";
import { gradientNormsByLayer } from "./gradient-norms.js";

function event(epoch: number, norms: GradientNormsEvent["norms"]): GradientNormsEvent {
  return { event: "gradient-norms", epoch, step: epoch, norms };
}

const layers = [
  { name: "fc", parameters: ["fc.weight", "fc.bias"] },
  { name: "frozen", parameters: ["frozen.weight"] },
];

describe("gradient norms by layer", () => {
  it("are those of all its parameters as one vector", () => {
    const norms = { "fc.weight": { gradient: 3, parameter: 6 }, "fc.bias": { gradient: 4, parameter: 8 } };
    expect(gradientNormsByLayer([event(1, norms)], layers)).toEqual({
      epochs: [1],
      layers: [{ name: "fc", gradient: [5], relative: [0.5] }],
    });
  });

  it("count the last report of an epoch, and keep what is not finite", () => {
    const of = (gradient: number) => ({ "fc.weight": { gradient, parameter: 0 } });
    const events = [event(1, of(1)), event(2, of(2)), event(2, of(Number.NaN)), event(3, {})];
    expect(gradientNormsByLayer(events, layers)).toEqual({
      epochs: [1, 2, 3],
      layers: [{ name: "fc", gradient: [1, Number.NaN, null], relative: [null, null, null] }],
    });
  });

  it.each([2, 99, 100, 101, 150, 250, 1000, 1001])(
    "of %i epochs are at most a hundred, from the first to the last",
    (count) => {
      const events = Array.from({ length: count }, (_, index) =>
        event(index + 1, { "fc.weight": { gradient: 1, parameter: 1 } }),
      );
      const { epochs } = gradientNormsByLayer(events, layers);
      expect(epochs.length).toBeLessThanOrEqual(100);
      expect(epochs.length).toBeGreaterThanOrEqual(Math.min(count, 50));
      expect([epochs[0], epochs.at(-1)]).toEqual([1, count]);
    },
  );
});
