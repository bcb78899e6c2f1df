import { describe, expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { tensorFacts } from "../facts.js";
import { expectRuntimeAgrees, filled, inferredTypes, zeros } from "../testing/runtime-agreement.js";

describe("products against ONNX Runtime", () => {
  it.each([
    [
      [2, 3],
      [3, 4],
    ],
    [
      [5, 2, 3],
      [3, 4],
    ],
    [
      [5, 1, 2, 3],
      [7, 3, 4],
    ],
    [[3], [3]],
    [[3], [5, 3, 4]],
    [[5, 2, 3], [3]],
    [
      [0, 3],
      [3, 2],
    ],
  ])("MatMul of %j and %j", async (a, b) => {
    await expectRuntimeAgrees("MatMul", [zeros(...a), zeros(...b)]);
  });

  it.each([
    [[2, 3], [3, 4], [4], {}],
    [[3, 2], [4, 3], [2, 1], { transA: 1, transB: 1 }],
    [[2, 3], [3, 4], [], {}],
    [[1, 3], [3, 4], [1, 4], {}],
  ])("Gemm of %j, %j and %j", async (a, b, c, attributes) => {
    await expectRuntimeAgrees("Gemm", [zeros(...a), zeros(...b), zeros(...c)], attributes);
  });

  it("quantized", async () => {
    const [a, b] = [filled("uint8", [5, 2, 3], 1), filled("uint8", [3, 4], 1)];
    const [scale, zero] = [filled("float32", [], 1), filled("uint8", [], 0)];
    await expectRuntimeAgrees("MatMulInteger", [a, b]);
    await expectRuntimeAgrees("QLinearMatMul", [a, scale, zero, b, scale, zero, scale, zero]);
    await expectRuntimeAgrees("DynamicQuantizeLinear", [zeros(2, 3)], {}, 3);
  });

  it.each([
    [
      "ij,jk->ik",
      [
        [2, 3],
        [3, 4],
      ],
    ],
    [
      "ij,jk->ik",
      [
        [2, 3],
        [1, 4],
      ],
    ],
    [
      "ij , jk",
      [
        [2, 3],
        [3, 4],
      ],
    ],
    [
      "...ij,...jk->...ik",
      [
        [5, 1, 2, 3],
        [1, 7, 3, 4],
      ],
    ],
    [
      "...j,kj",
      [
        [5, 2, 3],
        [4, 3],
      ],
    ],
    ["ii->i", [[3, 3]]],
    ["ii", [[3, 3]]],
    [
      "bij,bj->bi",
      [
        [5, 2, 3],
        [5, 3],
      ],
    ],
    ["ba", [[2, 3]]],
    ["i->", [[2]]],
  ])("Einsum %s of %j", async (equation, shapes) => {
    await expectRuntimeAgrees(
      "Einsum",
      shapes.map((shape) => zeros(...shape)),
      { equation },
    );
  });

  it("Det", async () => {
    await expectRuntimeAgrees("Det", [zeros(2, 3, 3)]);
    await expectRuntimeAgrees("Det", [zeros(3, 3)]);
  });
});

describe("products of unknown extents", () => {
  const facts = (...shape: readonly (number | string)[]) => tensorFacts("float32", shape);

  it("keeps what each operand tells", () => {
    expect(inferredTypes("MatMul", [facts("batch", "time", 8), facts(8, 16)])).toEqual(["float32[batch, time, 16]"]);
    expect(inferredTypes("MatMul", [tensorFacts("float32", undefined), facts(8, 16)])).toEqual(["float32"]);
    expect(inferredTypes("Gemm", [tensorFacts("float32", undefined), facts(16, 8)], { transB: 1 })).toEqual([
      "float32[o0_dim0, 16]",
    ]);
    expect(
      inferredTypes("Einsum", [facts("batch", "time", "features"), tensorFacts("float32", undefined)], {
        equation: "btf,fo->bto",
      }),
    ).toEqual(["float32[batch, time, o0_dim2]"]);
    expect(inferredTypes("Einsum", [tensorFacts("float32", undefined)], { equation: "...i->...i" })).toEqual([
      "float32",
    ]);
  });

  it("refuses what cannot be multiplied", () => {
    const multiply = (a: readonly number[], b: readonly number[]) =>
      refusal(() => inferredTypes("MatMul", [facts(...a), facts(...b)]));
    expect(multiply([2, 3], [4, 5])).toContain("multiplies [2, 3] by [4, 5]: the inner extents differ");
    expect(multiply([], [4, 5])).toContain("scalars are not allowed");
    expect(multiply([2, 2, 3], [5, 3, 4])).toContain("cannot broadcast [2] with [5]");
    const add = (c: readonly number[]) => refusal(() => inferredTypes("Gemm", [facts(2, 3), facts(3, 4), facts(...c)]));
    expect(add([2])).toContain("cannot broadcast [2, 4] with [2]");
    expect(add([1, 1, 4])).toContain("which it does not broadcast to");
    expect(refusal(() => inferredTypes("Gemm", [facts(1, 3), facts(3, 4), facts(5, 4)]))).toContain(
      "does not broadcast",
    );
    expect(refusal(() => inferredTypes("Gemm", [facts(3), facts(3, 4)]))).toContain("needs matrices");
    const sum = (equation: string) => refusal(() => inferredTypes("Einsum", [facts(2, 3), facts(3, 4)], { equation }));
    expect(sum("ij->i")).toContain("has 2 inputs for the equation");
    expect(sum("ijk,jk->i")).toContain('has an input [2, 3] for "ijk"');
    expect(sum("ij,jk->ikz")).toContain('whose output has "z"');
    expect(sum("i1,jk->i")).toContain('the term "i1"');
    expect(sum("ij,ik->i")).toContain("cannot broadcast [2] with [3]");
  });
});
