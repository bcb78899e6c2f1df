import { describe, expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { filled } from "../testing/runtime-agreement.js";
import { tensorFacts } from "../facts.js";
import { expectRuntimeAgrees, inferredTypes, zeros } from "../testing/runtime-agreement.js";

const image = zeros(2, 4, 3, 3);
const channels = zeros(4);

describe("normalizations", () => {
  it("agree with ONNX Runtime", async () => {
    const statistics = [channels, channels, channels, channels];
    await expectRuntimeAgrees("BatchNormalization", [image, ...statistics]);
    await expectRuntimeAgrees("BatchNormalization", [image, ...statistics], { training_mode: 1 }, 3);
    await expectRuntimeAgrees("BatchNormalization", [zeros(4), zeros(1), zeros(1), zeros(1), zeros(1)]);
    await expectRuntimeAgrees("InstanceNormalization", [image, channels, channels]);
    await expectRuntimeAgrees("GroupNormalization", [image, channels, channels], { num_groups: 2 });
    await expectRuntimeAgrees("LayerNormalization", [zeros(2, 3, 4), zeros(3, 4)], { axis: 1 }, 3);
    await expectRuntimeAgrees("LayerNormalization", [zeros(2, 3, 4), zeros(4)], {}, 2);
    await expectRuntimeAgrees("RMSNormalization", [zeros(2, 3, 4), zeros(4)]);
    await expectRuntimeAgrees("LRN", [image], { size: 3 });
    await expectRuntimeAgrees("LpNormalization", [image], { axis: 1 });
    await expectRuntimeAgrees("MeanVarianceNormalization", [image]);
  });

  it("Dropout has a mask of what it keeps", async () => {
    await expectRuntimeAgrees("Dropout", [image], {}, 2);
    await expectRuntimeAgrees("Dropout", [image, filled("float32", [], 0.5), filled("bool", [], 1)], {}, 2);
  });

  it("know nothing of an input of unknown rank but its type", () => {
    const unknown = tensorFacts("float16", undefined);
    expect(inferredTypes("LayerNormalization", [unknown, unknown], {}, 3)).toEqual(["float16", "float32", "float32"]);
    expect(inferredTypes("Dropout", [unknown], {}, 2)).toEqual(["float16", "bool"]);
  });

  it("refuse parameters of another number of channels, and axes out of range", () => {
    const [x, three] = [tensorFacts("float32", [2, 4, 3, 3]), tensorFacts("float32", [3])];
    expect(refusal(() => inferredTypes("InstanceNormalization", [x, three, three]))).toContain(
      "has 3 scales, biases or statistics for the channels of [2, 4, 3, 3]",
    );
    expect(refusal(() => inferredTypes("LayerNormalization", [x, three], { axis: 4 }))).toContain(
      "has axis 4, its input has rank 4",
    );
  });
});
