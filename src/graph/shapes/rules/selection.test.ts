import { describe, expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { integers } from "../../testing/run-model.js";
import { tensorFacts } from "../facts.js";
import { inferOutputs } from "../infer.js";
import { expectElementsAgree } from "../testing/element-agreement.js";
import { expectRuntimeAgrees, inferredTypes, nodeOf, zeros } from "../testing/runtime-agreement.js";

describe("selections against ONNX Runtime", () => {
  it("TopK", async () => {
    await expectRuntimeAgrees("TopK", [zeros(2, 5), integers([3])], {}, 2);
    await expectRuntimeAgrees("TopK", [zeros(4, 5), integers([3])], { axis: 0 }, 2);
  });

  it("Compress by a known condition", async () => {
    const condition = { dataType: "bool", shape: [3], values: [1, 0, 1] } as const;
    await expectRuntimeAgrees("Compress", [zeros(2, 3), condition], { axis: 1 });
    await expectRuntimeAgrees("Compress", [zeros(2, 3), condition]);
  });

  it("NonZero of known elements", async () => {
    await expectElementsAgree("NonZero", [integers([1, 0, 3, 0, 0, 6], [2, 3])]);
    await expectElementsAgree("NonZero", [integers([0, 0])]);
  });

  it("with results of unknown size", () => {
    const x = tensorFacts("float32", ["batch", 3]);
    expect(inferredTypes("Unique", [x], {}, 4)).toEqual([
      "float32[o0_dim0]",
      "int64[o0_dim0]",
      "int64[3*batch]",
      "int64[o0_dim0]",
    ]);
    expect(inferredTypes("Unique", [x], { axis: -1 }, 4)).toEqual([
      "float32[batch, o0_dim1]",
      "int64[o0_dim1]",
      "int64[3]",
      "int64[o0_dim1]",
    ]);
    expect(inferredTypes("NonZero", [x])).toEqual(["int64[2, o0_dim1]"]);
    expect(inferredTypes("Compress", [x, tensorFacts("bool", [3])], { axis: 1 })).toEqual(["float32[batch, o0_dim1]"]);
    expect(inferredTypes("TopK", [x, tensorFacts("int64", [1])], {}, 2)).toEqual([
      "float32[batch, o0_dim1]",
      "int64[batch, o0_dim1]",
    ]);
  });
});

it("the positions of extents, which are not 0", () => {
  const [positions] = inferOutputs(nodeOf("NonZero", 1), [tensorFacts("int64", [3], ["batch", 0, 5])]);
  expect(positions).toEqual(tensorFacts("int64", [1, 2], [0, 2]));
});

it("refuses to select more than there is", () => {
  const x = tensorFacts("float32", [2, 3]);
  expect(refusal(() => inferredTypes("TopK", [x, tensorFacts("int64", [1], [4])], {}, 2))).toBe(
    'TopK "o0": selects 4 of the 3 along axis 1',
  );
});
