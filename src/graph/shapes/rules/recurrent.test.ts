import { describe, expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { tensorFacts } from "../facts.js";
import { expectRuntimeAgrees, inferredTypes, zeros } from "../testing/runtime-agreement.js";

describe("recurrent layers", () => {
  it.each([
    ["LSTM", 4, 3],
    ["GRU", 3, 2],
    ["RNN", 1, 2],
  ])("%s agrees with ONNX Runtime", async (opType, gates, outputs) => {
    const weights = (directions: number) => [zeros(directions, 4 * gates, 3), zeros(directions, 4 * gates, 4)];
    await expectRuntimeAgrees(opType, [zeros(5, 2, 3), ...weights(1)], { hidden_size: 4 }, outputs);
    const attributes = { hidden_size: 4, direction: "bidirectional" };
    await expectRuntimeAgrees(opType, [zeros(5, 2, 3), ...weights(2)], attributes, outputs);
  });

  const w = tensorFacts("float32", [1, 16, 3]);
  const r = tensorFacts("float32", [1, 16, 4]);

  it("puts the batch first where layout says so", () => {
    const x = tensorFacts("float32", ["batch", "time", 3]);
    expect(inferredTypes("LSTM", [x, w, r], { layout: 1 }, 3)).toEqual([
      "float32[batch, time, 1, 4]",
      "float32[batch, 1, 4]",
      "float32[batch, 1, 4]",
    ]);
  });

  it("knows the hidden size by either weights or by its attribute", () => {
    const unknown = tensorFacts("float32", undefined);
    const expected = ["float32[o0_dim0, 1, o0_dim2, 4]", "float32[1, o0_dim2, 4]"];
    expect(inferredTypes("LSTM", [unknown, w, unknown], {}, 2)).toEqual(expected);
    expect(inferredTypes("LSTM", [unknown, unknown, r], {}, 2)).toEqual(expected);
    expect(inferredTypes("LSTM", [unknown, unknown, unknown], { hidden_size: 4 }, 2)).toEqual(expected);
  });

  it("refuses what contradicts itself", () => {
    const x = tensorFacts("float32", ["time", "batch", 3]);
    const infer = (attributes: Parameters<typeof inferredTypes>[2]) =>
      refusal(() => inferredTypes("LSTM", [x, w, r], attributes));
    expect(infer({ hidden_size: 5 })).toContain("has extents 4 and 5 that must be equal");
    expect(infer({ direction: "bidirectional" })).toContain("has extents 1 and 2 that must be equal");
    expect(infer({ direction: "sideways" })).toContain('has direction "sideways"');
    expect(refusal(() => inferredTypes("GRU", [tensorFacts("float32", [5, 3]), w, r]))).toContain("of rank 3");
  });
});
