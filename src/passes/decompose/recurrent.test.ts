import { describe, expect, test } from "vitest";
import { type AttributeInputs, attributesOf } from "../../graph/builder.js";
import { Emitter } from "../../graph/emitter.js";
import { node } from "../../graph/testing/models.js";
import { refusal } from "../../graph/testing/input-error.js";
import { decompose } from "./index.js";

/** Decomposes an LSTM of hidden size 2. */
function decomposed(attributes: AttributeInputs, shape: readonly number[] = [3, 2, 2]) {
  const emitter = new Emitter();
  const shapes = { x: shape, w: [1, 8, 2], r: [1, 8, 2] };
  const inputs = Object.entries(shapes).map(([name, extents]) =>
    emitter.input(name, { dataType: "float32", shape: extents }),
  );
  const lstm = node("LSTM", ["x", "w", "r"], ["y", "last"], { name: "lstm", attributes: attributesOf(attributes) });
  return decompose({ emitter, node: lstm, inputs });
}

describe("a recurrent layer that cannot be written in other operators is refused", () => {
  test("with an unknown activation function", () => {
    const activations = ["Sigmoid", "Tanh", "Swish"];
    expect(refusal(() => decomposed({ activations }))).toBe('LSTM "lstm": has an unknown activation "Swish"');
  });

  test("with too few activation functions", () => {
    const attributes = { activations: ["Sigmoid", "Tanh", "Tanh"], direction: "bidirectional" };
    expect(refusal(() => decomposed(attributes))).toBe('LSTM "lstm": needs 6 activations, not 3');
  });

  test("with inputs that have no axis of steps", () => {
    expect(refusal(() => decomposed({}, [2, 2]))).toBe('LSTM "lstm": needs "x" to have rank 3, not 2');
  });
});

test("activation functions may be written in any case", () => {
  const [y] = decomposed({ activations: ["sigmoid", "TANH", "Tanh"] }) ?? [];
  expect(y?.shape).toEqual([3, 1, 2, 2]);
});
