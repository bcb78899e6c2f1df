import { describe, expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { floats, integers } from "../../testing/run-model.js";
import { tensorFacts } from "../facts.js";
import { expectRuntimeAgrees, filled, inferredTypes, runNode, zeros } from "../testing/runtime-agreement.js";

const square = { kernel_shape: [3, 3], strides: [2, 2] };

describe("poolings against ONNX Runtime", () => {
  it.each(["MaxPool", "AveragePool", "LpPool"])("%s", async (opType) => {
    await expectRuntimeAgrees(opType, [zeros(2, 3, 8, 7)], square);
    await expectRuntimeAgrees(opType, [zeros(2, 3, 8, 7)], { ...square, pads: [1, 0, 1, 2], dilations: [1, 2] });
    await expectRuntimeAgrees(opType, [zeros(1, 1, 7)], { kernel_shape: [2], auto_pad: "SAME_LOWER", strides: [3] });
  });

  it.each([4, 5, 6, 7, 8])("rounding up over %i, where windows must start before the padding", async (extent) => {
    for (const kernel of [1, 2, 3]) {
      for (const pads of [
        [0, 0],
        [1, 0],
        [0, 1],
        [1, 2],
      ]) {
        if (Math.max(...pads) >= kernel) continue;
        const attributes = { kernel_shape: [kernel], strides: [3], pads, ceil_mode: 1 };
        await expectRuntimeAgrees("MaxPool", [zeros(1, 1, extent)], attributes);
      }
    }
    const attributes = { kernel_shape: [3], strides: [2], auto_pad: "VALID", ceil_mode: 1 };
    await expectRuntimeAgrees("AveragePool", [zeros(1, 1, extent)], attributes);
  });

  it("windows larger than the input", async () => {
    for (const strides of [[1], [2]]) {
      const attributes = { kernel_shape: [3], strides };
      const [result] = await runNode("MaxPool", [zeros(1, 1, 2)], attributes);
      const types = inferredTypes("MaxPool", [tensorFacts("float32", [1, 1, 2])], attributes);
      expect(types).toEqual([`float32[${result?.shape.join(", ")}]`]);
    }
  });

  it("Indices", async () => {
    await expectRuntimeAgrees("MaxPool", [zeros(1, 2, 5, 5)], square, 2);
  });

  it.each(["GlobalAveragePool", "GlobalMaxPool"])("%s", async (opType) => {
    await expectRuntimeAgrees(opType, [zeros(2, 3, 4, 5, 6)]);
  });

  it("MaxUnpool", async () => {
    const inputs = [zeros(1, 1, 2, 2), filled("int64", [1, 1, 2, 2], 0)];
    const attributes = { kernel_shape: [2, 2], strides: [2, 2] };
    await expectRuntimeAgrees("MaxUnpool", inputs, attributes);
    await expectRuntimeAgrees("MaxUnpool", [...inputs, integers([1, 1, 5, 5])], attributes);
  });

  it("regions", async () => {
    const boxes = floats([0, 0, 3, 3, 1, 1, 2, 2], [2, 4]);
    const attributes = { output_height: 2, output_width: 3 };
    await expectRuntimeAgrees("RoiAlign", [zeros(1, 3, 8, 8), boxes, integers([0, 0])], attributes, 1, { opset: 16 });
    const rois = floats([0, 0, 0, 3, 3, 0, 1, 1, 2, 2], [2, 5]);
    await expectRuntimeAgrees("MaxRoiPool", [zeros(1, 3, 8, 8), rois], { pooled_shape: [2, 3] }, 1, { opset: 16 });
  });
});

describe("poolings of unknown extents", () => {
  it("counts windows of symbolic extents", () => {
    const x = tensorFacts("float32", ["batch", "channels", "height", "width"]);
    expect(inferredTypes("AveragePool", [x], { kernel_shape: [2, 3], strides: [2, 2], pads: [0, 1, 0, 1] })).toEqual([
      "float32[batch, channels, floor(height/2), floor((width + 1)/2)]",
    ]);
  });

  it("refuses inputs and attributes that do not fit", () => {
    const infer = (x: readonly number[], attributes: Parameters<typeof inferredTypes>[2]) =>
      refusal(() => inferredTypes("MaxPool", [tensorFacts("float32", x)], attributes));
    expect(infer([1, 1, 8], square)).toContain("has a kernel of 2 axes for 1 spatial axes");
    expect(infer([8, 8], square)).toContain("needs an input [N, C, D1, ...], but has [8, 8]");
    expect(infer([1, 1, 8], {})).toContain("lacks its attribute kernel_shape");
    expect(infer([1, 1, 1], { kernel_shape: [4] })).toContain("has windows that span 4");
    expect(infer([1, 1, 1], { kernel_shape: [1], strides: [0] })).toContain("has stride 0");
  });
});
