import { describe, expect, it } from "vitest";
import {
  type AttributeInputs,
  float32Tensor,
  type GraphBuilder,
  graphBuilder,
  int64Tensor,
} from "../../graph/builder.js";
import type { DataType } from "../../graph/data-type.js";
import { inBlocks } from "./in-blocks.js";

function zeros(builder: GraphBuilder, shape: readonly number[]): string {
  const name = `zeros${builder.graph().initializers.length}`;
  return builder.initializer(float32Tensor(name, shape));
}

/** Operators that are left of a graph in blocks of 16, those of blocks as "blocked Conv". */
function operators(build: (builder: GraphBuilder) => string): readonly string[] {
  const builder = graphBuilder("images");
  builder.output(build(builder));
  return inBlocks(builder.graph(), 16).nodes.map(({ domain, opType }) =>
    domain === "" ? opType : `blocked ${opType}`,
  );
}

function convolved(
  builder: GraphBuilder,
  x: string,
  weights: readonly number[],
  attributes: AttributeInputs = {},
): string {
  return builder.node("Conv", [x, zeros(builder, weights)], attributes);
}

describe("convolutions in blocks", () => {
  it("need no other order between them", () => {
    const found = operators((g) => {
      const x = convolved(g, g.input("x", "float32", ["batch", 16, 40, 40]), [16, 16, 3, 3]);
      const vectors = ["scale", "bias", "mean", "variance"].map(() => zeros(g, [16]));
      const normal = g.node("BatchNormalization", [x, ...vectors]);
      const y = convolved(g, g.node("Add", [g.node("Relu", [normal]), normal]), [32, 16, 3, 3]);
      return g.node("GlobalAveragePool", [y]);
    });
    expect(found.filter((name) => name.startsWith("blocked Reorder"))).toEqual(["blocked ReorderInput"]);
    expect(found).toContain("blocked GlobalAveragePool");
    expect(found).not.toContain("BatchNormalization");
  });

  it("add what is beside them", () => {
    const found = operators((g) => {
      const x = g.node("Relu", [convolved(g, g.input("x", "float32", [8, 16, 40, 40]), [16, 16, 3, 3])]);
      return g.node("Sub", [x, convolved(g, x, [16, 16, 3, 3], { pads: [1, 1, 1, 1] })]);
    });
    expect(found).toContain("Neg");
    expect(found).not.toContain("Sub");
  });

  it("are not made twice for what is added to them", () => {
    const found = operators((g) => {
      const x = g.node("Relu", [convolved(g, g.input("x", "float32", [8, 16, 40, 40]), [16, 16, 3, 3])]);
      const y = convolved(g, x, [16, 16, 3, 3], { pads: [1, 1, 1, 1] });
      return g.node("Mul", [g.node("Add", [x, y]), y]);
    });
    expect(found.filter((name) => name === "blocked Conv")).toHaveLength(2);
    expect(found).toContain("Add");
  });

  it("take images of few channels as they are", () => {
    const found = operators((g) => convolved(g, g.input("x", "float32", [8, 3, 40, 40]), [16, 3, 3, 3]));
    expect(found.filter((name) => name.startsWith("blocked"))).toEqual(["blocked Conv", "blocked ReorderOutput"]);
  });

  it("come back into plain order once for all who need it", () => {
    const found = operators((g) => {
      const x = convolved(g, g.input("x", "float32", [8, 16, 40, 40]), [16, 16, 3, 3]);
      const pooled = ["MaxPool", "AveragePool"].map((opType) => g.node(opType, [x], { kernel_shape: [2, 2] }));
      return g.node("Concat", pooled, { axis: 1 });
    });
    expect(found.filter((name) => name === "blocked ReorderOutput")).toHaveLength(1);
  });

  const image: readonly (string | number)[] = ["batch", 16, 40, 40];
  it.each<[string, DataType, readonly (string | number)[], readonly number[], AttributeInputs]>([
    ["channels do not fill blocks", "float32", image, [24, 16, 3, 3], {}],
    ["channels of the input do not", "float32", ["batch", 24, 40, 40], [16, 24, 3, 3], {}],
    ["there are groups", "float32", image, [16, 8, 3, 3], { group: 2 }],
    ["there is one axis", "float32", ["batch", 16, 40], [16, 16, 3], {}],
    ["there are three axes", "float32", ["batch", 3, 9, 40, 40], [16, 3, 3, 3, 3], {}],
    ["the runtime pads", "float32", image, [16, 16, 3, 3], { auto_pad: "SAME_UPPER" }],
    ["a product is as fast", "float32", image, [16, 16, 1, 1], {}],
    ["there are few positions", "float32", [8, 16, 8, 8], [16, 16, 3, 3], {}],
  ])("stay as they are where %s", (_, dataType, shape, weights, attributes) => {
    expect(operators((g) => convolved(g, g.input("x", dataType, shape), weights, attributes))).toEqual(["Conv"]);
  });

  it.each([
    ["GlobalAveragePool", 11, {}],
    ["ReduceSum", 6, { keepdims: 0 }],
    ["ReduceMean", 11, { keepdims: 0 }],
  ])("leave %s of another type plain", (opType, to, attributes) => {
    const found = operators((g) => {
      const x = convolved(g, g.input("x", "float32", [8, 16, 40, 40]), [16, 16, 3, 3]);
      const axes = opType === "ReduceSum" ? [0, 2, 3] : [2, 3];
      const given = opType === "GlobalAveragePool" ? [] : [g.initializer(int64Tensor("axes", axes))];
      return g.node(opType, [g.node("Cast", [x], { to }), ...given], attributes);
    });
    expect(found).toContain(opType);
  });

  it("are given mirrored weights by one Gather of whole taps", () => {
    const found = operators((g) => {
      const bounds = [
        [-1, -1],
        [-9, -9],
        [2, 3],
        [-1, -1],
      ].map((numbers, index) => g.initializer(int64Tensor(`bound${index}`, numbers)));
      const mirrored = g.node("Slice", [g.input("w", "float32", [32, 16, 3, 3]), ...bounds]);
      const weights = g.node("Transpose", [mirrored], { perm: [1, 0, 2, 3] });
      return g.node("Conv", [g.input("x", "float32", [8, 32, 40, 40]), weights]);
    });
    expect(found).toContain("Gather");
    expect(found).not.toContain("Slice");
  });

  it("leave graphs without them as they are", () => {
    const found = operators((g) =>
      g.node("Relu", [g.node("Add", [g.input("x", "float32", image), g.input("y", "float32", image)])]),
    );
    expect(found).toEqual(["Add", "Relu"]);
  });
});
