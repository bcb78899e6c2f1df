import { describe, expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { tensorFacts } from "../facts.js";
import { expectRuntimeAgrees, filled, inferredTypes, zeros } from "../testing/runtime-agreement.js";

describe("losses", () => {
  it.each(["none", "mean", "sum"])("agree with ONNX Runtime, reduction %s", async (reduction) => {
    for (const [scores, labels] of [
      [[2, 3], [2]],
      [
        [2, 3, 4, 5],
        [2, 4, 5],
      ],
    ] as const) {
      const inputs = [zeros(...scores), filled("int64", labels, 0)];
      await expectRuntimeAgrees("SoftmaxCrossEntropyLoss", inputs, { reduction }, 2);
      await expectRuntimeAgrees("NegativeLogLikelihoodLoss", inputs, { reduction });
    }
  });

  it("refuse labels of another shape", () => {
    const infer = (labels: readonly number[], attributes = {}) =>
      refusal(() =>
        inferredTypes(
          "SoftmaxCrossEntropyLoss",
          [tensorFacts("float32", [2, 3, 4]), tensorFacts("int64", labels)],
          attributes,
        ),
      );
    expect(infer([2])).toContain("has labels [2] for scores [2, 3, 4]");
    expect(infer([2, 5])).toContain("has extents 5 and 4 that must be equal");
    expect(infer([2, 4], { reduction: "median" })).toContain('has reduction "median"');
  });
});
