import { describe, expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { tensorFacts } from "../facts.js";
import { expectRuntimeAgrees, filled, inferredTypes, zeros } from "../testing/runtime-agreement.js";

describe("convolutions against ONNX Runtime", () => {
  const padded = { kernel_shape: [3, 2], strides: [2, 3], pads: [1, 0, 2, 1], dilations: [1, 2] };

  it.each([
    ["plain", zeros(2, 3, 9, 8), zeros(4, 3, 3, 2), {}],
    ["strided, padded, dilated", zeros(2, 3, 9, 8), zeros(4, 3, 3, 2), padded],
    ["in groups", zeros(1, 4, 5), zeros(6, 2, 2), { group: 2 }],
    ["same padding", zeros(1, 1, 7, 8), zeros(1, 1, 3, 3), { auto_pad: "SAME_UPPER", strides: [2, 3] }],
    ["valid padding", zeros(1, 1, 7, 8), zeros(1, 1, 3, 3), { auto_pad: "VALID", strides: [2, 3] }],
    ["three axes", zeros(1, 1, 4, 5, 6), zeros(2, 1, 2, 2, 2), { strides: [1, 2, 3] }],
  ])("Conv, %s", async (_, x, w, attributes) => {
    await expectRuntimeAgrees("Conv", [x, w], attributes);
  });

  it.each([
    ["plain", zeros(2, 3, 4, 5), zeros(3, 4, 3, 2), {}],
    ["strided and padded", zeros(2, 3, 4, 5), zeros(3, 4, 3, 3), { strides: [3, 2], pads: [1, 0, 0, 1] }],
    ["with output padding", zeros(1, 1, 4), zeros(1, 1, 3), { strides: [3], output_padding: [2], dilations: [2] }],
    ["in groups", zeros(1, 4, 5), zeros(4, 3, 2), { group: 2 }],
    ["same padding", zeros(1, 1, 4, 3), zeros(1, 1, 3, 3), { auto_pad: "SAME_UPPER", strides: [2, 1] }],
    ["same padding with gaps", zeros(1, 1, 4), zeros(1, 1, 2), { auto_pad: "SAME_LOWER", strides: [3] }],
    ["a given shape", zeros(1, 1, 3, 3), zeros(1, 2, 3, 3), { strides: [3, 2], output_shape: [10, 8] }],
    ["a given shape in full", zeros(1, 1, 3, 3), zeros(1, 2, 3, 3), { strides: [3, 2], output_shape: [1, 2, 10, 8] }],
  ])("ConvTranspose, %s", async (_, x, w, attributes) => {
    await expectRuntimeAgrees("ConvTranspose", [x, w], attributes);
  });

  it("quantized", async () => {
    const bytes = (...shape: readonly number[]) => filled("uint8", shape, 1);
    const [scale, zero] = [filled("float32", [], 1), filled("uint8", [], 0)];
    await expectRuntimeAgrees("ConvInteger", [bytes(1, 2, 5, 5), bytes(3, 2, 3, 3)], { pads: [1, 1, 1, 1] });
    const inputs = [bytes(1, 2, 5, 5), scale, zero, bytes(3, 2, 3, 3), scale, zero, scale, zero];
    await expectRuntimeAgrees("QLinearConv", inputs, { strides: [2, 2] });
  });

  it("deformable", async () => {
    await expectRuntimeAgrees("DeformConv", [zeros(1, 1, 3, 4), zeros(2, 1, 2, 2), zeros(1, 8, 2, 3)]);
  });
});

describe("convolutions of unknown extents", () => {
  const kernel = tensorFacts("float32", [8, 3, 3, 3]);

  it("keeps spatial extents symbolic", () => {
    const x = tensorFacts("float32", ["batch", 3, "height", "width"]);
    expect(inferredTypes("Conv", [x, kernel], { pads: [1, 1, 1, 1], strides: [1, 2] })).toEqual([
      "float32[batch, 8, height, floor((width + 1)/2)]",
    ]);
    expect(inferredTypes("ConvTranspose", [x, tensorFacts("float32", [3, 8, 2, 2])], { strides: [2, 2] })).toEqual([
      "float32[batch, 8, 2*height, 2*width]",
    ]);
  });

  it("knows the rank by the weights and by the kernel", () => {
    expect(inferredTypes("Conv", [tensorFacts("float32", undefined), kernel])).toEqual([
      "float32[o0_dim0, 8, o0_dim2, o0_dim3]",
    ]);
    const unknown = tensorFacts("float32", undefined);
    expect(inferredTypes("Conv", [unknown, unknown], { kernel_shape: [3] })).toEqual([
      "float32[o0_dim0, o0_dim1, o0_dim2]",
    ]);
    expect(inferredTypes("Conv", [unknown, unknown])).toEqual(["float32"]);
  });

  it("refuses what does not fit", () => {
    const x = tensorFacts("float32", [1, 4, 8, 8]);
    const infer = (attributes: Parameters<typeof inferredTypes>[2], input = x) =>
      refusal(() => inferredTypes("Conv", [input, kernel], attributes));
    expect(infer({})).toContain("has an input [1, 4, 8, 8] and weights [8, 3, 3, 3] in 1 group");
    const image = tensorFacts("float32", [1, 3, 8, 2]);
    expect(infer({}, image)).toContain("windows that span 3, more than the padded extent 2 of [8, 2]");
    expect(infer({ strides: [1] }, image)).toContain("has 1 strides for 2 spatial axes");
    expect(infer({ pads: [1, 1] }, image)).toContain("has 2 pads for 2 spatial axes");
    expect(infer({ auto_pad: "SAME" }, image)).toContain('has auto_pad "SAME"');
    expect(infer({ kernel_shape: [5, 5] }, image)).toContain("has kernel_shape [5, 5] and weights [8, 3, 3, 3]");
    expect(infer({}, tensorFacts("float32", [1, 3, 8]))).toContain("of one rank");
  });
});
