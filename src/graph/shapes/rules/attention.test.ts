import { describe, expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { tensorFacts } from "../facts.js";
import { expectRuntimeAgrees, inferredTypes, zeros } from "../testing/runtime-agreement.js";

describe("Attention", () => {
  it("agrees with ONNX Runtime", async () => {
    await expectRuntimeAgrees("Attention", [zeros(2, 4, 5, 8), zeros(2, 2, 7, 8), zeros(2, 2, 7, 6)]);
    const heads = { q_num_heads: 4, kv_num_heads: 2 };
    await expectRuntimeAgrees("Attention", [zeros(2, 5, 32), zeros(2, 7, 16), zeros(2, 7, 12)], heads);
    const past = [undefined, zeros(2, 2, 3, 8), zeros(2, 2, 3, 6)];
    await expectRuntimeAgrees("Attention", [zeros(2, 5, 32), zeros(2, 7, 16), zeros(2, 7, 12), ...past], heads, 4);
  });

  it("keeps symbolic lengths and sizes", () => {
    const x = tensorFacts("float32", ["batch", "time", "size"]);
    expect(inferredTypes("Attention", [x, x, x], { q_num_heads: 2, kv_num_heads: 2 }, 4)).toEqual([
      "float32[batch, time, size]",
      "float32[batch, 2, time, floor(size/2)]",
      "float32[batch, 2, time, floor(size/2)]",
      "float32[batch, 2, time, time]",
    ]);
  });

  it("refuses a number of heads that does not fit", () => {
    const x = tensorFacts("float32", [1, 5, 9]);
    const infer = (heads: number) =>
      refusal(() => inferredTypes("Attention", [x, x, x], { q_num_heads: heads, kv_num_heads: heads }));
    expect(infer(2)).toContain("has 2 heads, which do not divide [1, 5, 9]");
    expect(infer(0)).toContain("lacks the number of heads");
  });
});

describe("RotaryEmbedding", () => {
  it("agrees with ONNX Runtime", async () => {
    await expectRuntimeAgrees("RotaryEmbedding", [zeros(2, 3, 4, 8), zeros(2, 4, 4), zeros(2, 4, 4)]);
  });
});
