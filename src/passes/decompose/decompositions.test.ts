import { describe, expect, test } from "vitest";
import { refusal } from "../../graph/testing/input-error.js";
import { type Application, operatorsOf, operatorsWithGradients, real } from "./testing/decomposed.js";

const count = (names: readonly string[], name: string) => names.filter((other) => other === name).length;

describe("normalizations share what forward and backward pass have in common", () => {
  const channels = [real(8), real(8), real(8), real(8)];

  test("a batch normalization of images in training is one node of the runtime, and one pass for its projection", () => {
    const names = operatorsWithGradients({
      operator: "BatchNormalization",
      inputs: [real("batch", 8, 4, 4), ...channels],
      attributes: { training_mode: 1 },
      parameters: [0, 1, 2],
    });
    expect(count(names, "BatchNormalization")).toBe(2);
    expect(names).not.toContain("ReduceMean");
  });

  test("that of a matrix is arithmetic, without repeated tensors", () => {
    const names = operatorsWithGradients({
      operator: "BatchNormalization",
      inputs: [real("batch", 8), ...channels],
      attributes: { training_mode: 1 },
      parameters: [0, 1, 2],
    });
    expect(names).not.toContain("BatchNormalization");
    expect(names).not.toContain("Expand");
  });

  test("a frozen batch normalization passes its gradient on by one product", () => {
    const names = operatorsWithGradients({
      operator: "BatchNormalization",
      inputs: [real("batch", 8, 4, 4), ...channels],
      parameters: [0],
    });
    expect(names).not.toContain("ReduceSum");
    expect(names).not.toContain("Sub");
  });

  test("a layer normalization hands its statistics to its gradient", () => {
    const names = operatorsWithGradients({
      operator: "LayerNormalization",
      inputs: [real("batch", "length", 16), real(16), real(16)],
    });
    expect(count(names, "LayerNormalization")).toBe(1);
    expect(names).not.toContain("ReduceMean");
  });
});

describe("a convolution", () => {
  const convolution = (channels: number, extent: number | string, attributes: Application["attributes"]) => ({
    operator: "Conv",
    inputs: [real("batch", channels, extent, extent), real(64, channels, 3, 3)],
    attributes: { pads: [1, 1, 1, 1], ...attributes },
  });

  test("of many channels to few positions is one product, and two for its gradients, which add nothing at indices", () => {
    const names = operatorsWithGradients(convolution(32, 4, {}));
    expect(count(names, "MatMul")).toBe(3);
    expect(names).not.toContain("Conv");
    expect(names).not.toContain("ConvTranspose");
    expect(names).not.toContain("ScatterElements");
  });

  test.each([
    ["more positions", convolution(32, 5, {})],
    ["few channels", convolution(16, 4, {})],
    ["unknown extents", convolution(32, "extent", {})],
    ["padding by name", convolution(32, 4, { auto_pad: "SAME_UPPER" })],
  ])("with %s stays", (_, application) => {
    expect(operatorsOf(application)).toEqual(["Conv"]);
  });
});

describe("sums of products", () => {
  test.each([
    ["bhqd,bhkd->bhqk", [real("b", 2, "q", 4), real("b", 2, "k", 4)]],
    ["bqhd,bkhd->bhqk", [real("b", "q", 2, 4), real("b", "k", 2, 4)]],
    ["abc,cde->abde", [real("a", "b", 4), real(4, 2, 3)]],
    ["...d,hd->...h", [real("a", "b", 4), real(3, 4)]],
  ])("%s is a matrix product", (equation, inputs) => {
    const names = operatorsWithGradients({ operator: "Einsum", inputs, attributes: { equation } });
    expect(names).not.toContain("Einsum");
    expect(names).toContain("MatMul");
  });

  test("heads in front need no rearrangement but that of the keys", () => {
    const inputs = [real(2, 3, 4, 5), real(2, 3, 4, 5)];
    const names = operatorsOf({ operator: "Einsum", inputs, attributes: { equation: "bhqd,bhkd->bhqk" } });
    expect(names).toEqual(["Transpose", "MatMul"]);
  });

  test.each([
    ["ii,ij->j", [real(2, 2), real(2, 3)]],
    ["ij,jk->ik", [real(2, "m"), real("n", 3)]],
    ["ij,jk,kl->il", [real(2, 2), real(2, 2), real(2, 2)]],
  ])("%s stays", (equation, inputs) => {
    expect(operatorsOf({ operator: "Einsum", inputs, attributes: { equation } })).toEqual(["Einsum"]);
  });

  test("an equation that does not fit its operands is refused", () => {
    const inputs = [real(2, 2, 2), real(2, 2)];
    const message = refusal(() => operatorsOf({ operator: "Einsum", inputs, attributes: { equation: "ij,jk->ik" } }));
    expect(message).toBe('Einsum "operator": has the equation "ij,jk->ik" for operands of rank 3, 2');
  });
});

describe("attention that cannot be trained is refused", () => {
  const packed = [real(1, 3, 8), real(1, 3, 8), real(1, 3, 8)];

  test.each([
    ["Attention", packed, {}, "lacks q_num_heads for queries, keys and values of rank 3"],
    ["Attention", [real(1, 3, 2, 4), real(1, 2, 2, 4), real(1, 2, 2, 4)], {}, "has 3 heads for the 2 of the keys"],
    ["com.microsoft.MultiHeadAttention", packed, {}, "lacks its attribute num_heads"],
    ["com.microsoft.MultiHeadAttention", packed.slice(0, 1), { num_heads: 2 }, "lacks its input 1"],
    [
      "com.microsoft.MultiHeadAttention",
      [...packed, undefined, { dataType: "int32", shape: [1, 1, 3, 3] }],
      { num_heads: 2 },
      "has a mask of rank 4, which is not supported",
    ],
    [
      "com.microsoft.GroupQueryAttention",
      packed,
      { num_heads: 2, kv_num_heads: 2, sliding_window_cache: 1 },
      "has sliding_window_cache 1, which is not supported in training",
    ],
    ["com.microsoft.GroupQueryAttention", packed, { num_heads: 2, kv_num_heads: 2, do_rotary: 1 }, "lacks its input 7"],
    [
      "com.microsoft.FusedGemm",
      [real(2, 2), real(2, 2)],
      { activation: "Swirl" },
      'has the activation "Swirl", which is not known here',
    ],
    [
      "com.microsoft.MatMulNBits",
      [real(2, 16), { dataType: "uint8", shape: [2, 1, 10] }, real(2)],
      { N: 2, K: 16, block_size: 16, bits: 5 },
      "has 5 bits and blocks of 16; 2, 4 and 8 bits are supported",
    ],
    ["com.microsoft.CDist", [real(2, 2), real(2, 2)], { metric: "cosine" }, 'has the metric "cosine"'],
  ] as const)("%s %#", (operator, inputs, attributes, message) => {
    expect(refusal(() => operatorsOf({ operator, inputs, attributes }))).toContain(message);
  });
});
