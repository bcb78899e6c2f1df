import { describe, expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { floats, integers } from "../../testing/run-model.js";
import { float32Tensor } from "../../builder.js";
import { tensorFacts } from "../facts.js";
import { factsOfTensor } from "../tensor-facts.js";
import { expectRuntimeAgrees, inferredTypes, runNode, zeros } from "../testing/runtime-agreement.js";

describe("images against ONNX Runtime", () => {
  it.each([0.3, 0.5, 0.6, 1 / 3, 1.5, 2, 2.7])("Resize by %d", async (scale) => {
    for (const extent of [1, 5, 9, 10, 30]) {
      if (Math.floor(extent * scale) === 0) continue;
      await expectRuntimeAgrees("Resize", [zeros(1, 1, extent, 4), undefined, floats([1, 1, scale, 2])]);
    }
  });

  it("Resize to sizes", async () => {
    await expectRuntimeAgrees("Resize", [zeros(2, 1, 5, 4), undefined, undefined, integers([2, 1, 7, 9])], {}, 1, {
      constants: [3],
    });
    await expectRuntimeAgrees(
      "Resize",
      [zeros(2, 1, 5, 4), undefined, undefined, integers([7, 9])],
      { axes: [-1, 2] },
      1,
      { constants: [3] },
    );
  });

  it.each(["not_larger", "not_smaller"])("Resize that keeps the aspect ratio, %s", async (policy) => {
    const attributes = { axes: [2, 3], keep_aspect_ratio_policy: policy };
    for (const [height, width, sizes] of [
      [29, 25, [31, 37]],
      [6, 4, [1, 3]],
      [15, 23, [11, 5]],
      [7, 17, [26, 39]],
    ] as const) {
      const types = inferredTypes(
        "Resize",
        [tensorFacts("float32", [1, 1, height, width]), undefined, undefined, tensorFacts("int64", [2], sizes)],
        attributes,
      );
      // The runtime reads these sizes only where they are a constant.
      const [result] = await runNode(
        "Resize",
        [zeros(1, 1, height, width), undefined, undefined, integers(sizes)],
        attributes,
        1,
        { constants: [3] },
      );
      expect(types).toEqual([`float32[${result?.shape.join(", ")}]`]);
    }
  });

  it("grids and columns", async () => {
    await expectRuntimeAgrees("AffineGrid", [zeros(2, 2, 3), integers([2, 3, 4, 5])]);
    await expectRuntimeAgrees("AffineGrid", [zeros(2, 3, 4), integers([2, 3, 4, 5, 6])]);
    await expectRuntimeAgrees("GridSample", [zeros(2, 3, 4, 5), zeros(2, 6, 7, 2)]);
    await expectRuntimeAgrees("Col2Im", [zeros(1, 10, 12), integers([4, 5]), integers([1, 5])], { pads: [0, 1, 0, 1] });
  });

  it("NonMaxSuppression finds any number of boxes", async () => {
    const inputs = [floats([0, 0, 1, 1], [1, 1, 4]), floats([0.9], [1, 1, 1]), integers([1], [])];
    const [selected] = await runNode("NonMaxSuppression", inputs);
    expect(selected).toMatchObject({ dataType: "int64", shape: [1, 3] });
    const facts = [tensorFacts("float32", ["batch", 6, 4]), tensorFacts("float32", ["batch", 2, 6])];
    expect(inferredTypes("NonMaxSuppression", facts)).toEqual(["int64[o0_dim0, 3]"]);
  });
});

describe("images of unknown extents", () => {
  const image = tensorFacts("float32", ["batch", 3, "height", "width"]);

  it("resizes symbolic extents by scales that binary fractions tell, and to symbolic sizes", () => {
    const scaled = (...scales: readonly number[]) =>
      inferredTypes("Resize", [image, undefined, factsOfTensor(float32Tensor("scales", [4], scales))]);
    expect(scaled(1, 1, 2, 0.5)).toEqual(["float32[batch, 3, 2*height, floor(width/2)]"]);
    expect(scaled(1, 1, 1.5, 0.3)).toEqual(["float32[batch, 3, floor(height/2) + height, o0_dim3]"]);
    const sizes = tensorFacts("int64", [4], ["batch", 3, "2*height", null]);
    expect(inferredTypes("Resize", [image, undefined, undefined, sizes])).toEqual([
      "float32[batch, 3, 2*height, o0_dim3]",
    ]);
    // What older exporters write for scales that are left out.
    expect(inferredTypes("Resize", [image, tensorFacts("float32", [0]), tensorFacts("float32", [0]), sizes])).toEqual([
      "float32[batch, 3, 2*height, o0_dim3]",
    ]);
  });

  it("refuses sizes for another number of axes, and none", () => {
    expect(
      refusal(() => inferredTypes("Resize", [image, undefined, undefined, tensorFacts("int64", [2], [8, 8])])),
    ).toContain("has 2 sizes for 4 axes");
    expect(refusal(() => inferredTypes("Resize", [image]))).toContain("has neither scales nor sizes");
  });

  it("decodes to unknown extents", () => {
    const bytes = tensorFacts("uint8", ["length"]);
    expect(inferredTypes("ImageDecoder", [bytes])).toEqual(["uint8[o0_dim0, o0_dim1, 3]"]);
    expect(inferredTypes("ImageDecoder", [bytes], { pixel_format: "Grayscale" })).toEqual([
      "uint8[o0_dim0, o0_dim1, 1]",
    ]);
  });
});
