import { describe, expect, test } from "vitest";
import { type AttributeInputs, attributesOf } from "../../../graph/builder.js";
import { Emitter, type Value } from "../../../graph/emitter.js";
import { InputError } from "../../../graph/errors.js";
import { Operators } from "../../../graph/operators.js";
import type { Shape } from "../../../graph/shapes/extent.js";
import { differentiate } from "../differentiate.js";

/**
 * The operators of the graph that computes the gradient of an operator towards some of its inputs, the forward pass
 * included.
 */
function operators(
  op: string,
  shapes: readonly Shape[],
  towards: readonly number[],
  attributes: AttributeInputs = {},
): readonly string[] {
  const g = new Operators(new Emitter());
  const inputs = shapes.map((shape, index) => g.emitter.input(`input${index}`, { dataType: "float32", shape }));
  const Y = g.op(op, inputs, attributesOf(attributes));
  const wanted = towards.flatMap((index) => inputs[index] ?? []);
  const gradients = differentiate(g, { seeds: [{ value: Y, gradient: g.onesLike(Y) }], towards: wanted });
  const outputs = [Y, ...gradients.filter((value): value is Value => value !== undefined)];
  return g.emitter
    .graph(
      "gradient",
      outputs.map((value) => ({ value })),
    )
    .nodes.map(({ opType }) => opType);
}

describe("the gradient of a convolution", () => {
  test("towards weights alone has no transposed convolution", () => {
    const nodes = operators(
      "Conv",
      [
        ["batch", 3, 9, 9],
        [4, 3, 3, 3],
      ],
      [1],
      { strides: [2, 2] },
    );
    expect(nodes).not.toContain("ConvTranspose");
    expect(nodes.filter((op) => op === "Conv")).toHaveLength(1);
  });

  test("towards the input alone is one node", () => {
    const nodes = operators(
      "Conv",
      [
        ["batch", 3, 9, 9],
        [4, 3, 3, 3],
      ],
      [0],
      { strides: [2, 2] },
    );
    expect(nodes.filter((op) => !["Shape", "ConstantOfShape"].includes(op))).toEqual(["Conv", "ConvTranspose"]);
  });

  test.each([
    ["of an image is one product with all that windows read", 16, ["Gather", "MatMul"]],
    ["of a large image, which would be too much, is one for each tap", 400, []],
    ["of an image of unknown extents, too", "extent", []],
  ])("towards weights %s", (_, extent, expected) => {
    const shapes = [
      ["batch", 8, extent, extent],
      [4, 8, 3, 3],
    ];
    const nodes = operators("Conv", shapes, [1]);
    const found = nodes.filter((op) => op === "Gather" || op === "MatMul");
    expect(found).toEqual(expected.length > 0 ? expected : Array.from({ length: 9 }, () => "MatMul"));
  });

  test("needs weights of known extents", () => {
    const run = () =>
      operators(
        "Conv",
        [
          ["batch", 3, 9, 9],
          ["outputs", 3, 3, 3],
        ],
        [0],
      );
    expect(run).toThrow(InputError);
    expect(run).toThrow(
      /Conv ".*has weights \[outputs, 3, 3, 3\] of unknown extents.*declare the shape of the weights/u,
    );
  });

  test("refuses windows that runtimes place differently", () => {
    const attributes = { auto_pad: "SAME_UPPER", strides: [4] };
    expect(() =>
      operators(
        "Conv",
        [
          [1, 1, "width"],
          [1, 1, 2],
        ],
        [0],
        attributes,
      ),
    ).toThrow(/auto_pad.*give pads/u);
    expect(() =>
      operators(
        "Conv",
        [
          [1, 1, 12],
          [1, 1, 2],
        ],
        [0],
        attributes,
      ),
    ).toThrow(/auto_pad.*give pads/u);
    expect(
      operators(
        "Conv",
        [
          [1, 1, 11],
          [1, 1, 3],
        ],
        [0],
        attributes,
      ),
    ).toContain("ConvTranspose");
  });
});

test("the gradient of MaxPool asks the forward node for the indices", () => {
  const nodes = operators("MaxPool", [["batch", 3, "height", "width"]], [0], { kernel_shape: [3, 3], strides: [2, 2] });
  expect(nodes.filter((op) => op === "MaxPool")).toHaveLength(1);
});

test("Col2Im needs a block shape that is known", () => {
  const g = new Operators(new Emitter());
  const x = g.emitter.input("x", { dataType: "float32", shape: ["batch", 8, 4] });
  const block = g.emitter.input("block", { dataType: "int64", shape: [2] });
  const Y = g.op("Col2Im", [x, g.integers([3, 3]), block]);
  const seeds = [{ value: Y, gradient: g.onesLike(Y) }];
  expect(() => differentiate(g, { seeds, towards: [x] })).toThrow(/Col2Im ".*block shape that is computed/u);
});
