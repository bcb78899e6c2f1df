import { describe, expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { filled } from "../testing/runtime-agreement.js";
import { integers } from "../../testing/run-model.js";
import { tensorFacts } from "../facts.js";
import { expectRuntimeAgrees, inferredTypes, zeros } from "../testing/runtime-agreement.js";

const scalar = (value: number) => integers([value], []);

describe("signals against ONNX Runtime", () => {
  it("DFT", async () => {
    await expectRuntimeAgrees("DFT", [zeros(2, 10, 1)]);
    await expectRuntimeAgrees("DFT", [zeros(2, 10, 1)], { onesided: 1 });
    await expectRuntimeAgrees("DFT", [zeros(2, 6, 2)], { onesided: 1, inverse: 1 });
    await expectRuntimeAgrees("DFT", [zeros(2, 10, 1), scalar(7), scalar(-2)], { onesided: 1 });
    await expectRuntimeAgrees("DFT", [zeros(2, 3, 10, 2), scalar(7), scalar(1)], { inverse: 1 });
  });

  it("STFT", async () => {
    await expectRuntimeAgrees("STFT", [zeros(2, 20, 1), scalar(3), zeros(8)]);
    await expectRuntimeAgrees("STFT", [zeros(2, 20, 1), scalar(3), undefined, scalar(8)]);
    await expectRuntimeAgrees("STFT", [zeros(2, 20, 1), scalar(3), zeros(8), scalar(8)], { onesided: 0 });
    await expectRuntimeAgrees("STFT", [zeros(2, 20), scalar(3), zeros(8)]);
  });

  it("windows and the mel scale", async () => {
    for (const opType of ["HannWindow", "HammingWindow", "BlackmanWindow"]) {
      await expectRuntimeAgrees(opType, [scalar(10)]);
      await expectRuntimeAgrees(opType, [scalar(10)], { output_datatype: 11 });
    }
    const hertz = [filled("float32", [], 20), filled("float32", [], 4000)];
    await expectRuntimeAgrees("MelWeightMatrix", [scalar(8), scalar(16), scalar(8000), ...hertz]);
  });
});

describe("signals of unknown extents", () => {
  it("counts frames and bins of symbolic extents", () => {
    const signal = tensorFacts("float32", ["batch", "samples", 1]);
    expect(inferredTypes("DFT", [signal], { onesided: 1 })).toEqual(["float32[batch, floor(samples/2) + 1, 2]"]);
    const step = tensorFacts("int64", [], [4]);
    expect(inferredTypes("STFT", [signal, step, tensorFacts("float32", [16])])).toEqual([
      "float32[batch, floor(samples/4) - 3, 9, 2]",
    ]);
  });

  it("refuses the axis of real and imaginary parts", () => {
    const inputs = [tensorFacts("float32", [2, 10, 1]), undefined, tensorFacts("int64", [], [-1])];
    expect(refusal(() => inferredTypes("DFT", inputs))).toContain("has axis -1, the last one");
  });
});
