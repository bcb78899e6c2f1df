import { expect, test } from "vitest";
import { Emitter, type Value } from "../../../graph/emitter.js";
import { Operators } from "../../../graph/operators.js";
import { standardModel } from "../../../graph/standard-model.js";
import { floats, runModel } from "../../../graph/testing/run-model.js";
import { differentiate } from "../differentiate.js";

/** The operators of the gradient of a function of Clip(x, 0, 6), and what it is at x = −1, 0, 3, 6, 7. */
async function gradientBehindClip(behind: (g: Operators, clipped: Value) => Value) {
  const g = new Operators(new Emitter());
  const x = g.emitter.input("x", { dataType: "float32", shape: ["batch", 5] });
  const y = behind(g, g.op("Clip", [x, g.scalar(0, "float32"), g.scalar(6, "float32")]));
  const [dX = x] = differentiate(g, { seeds: [{ value: y, gradient: g.onesLike(y) }], towards: [x] });
  const graph = g.emitter.graph("clip", [{ name: "dX", value: dX }]);
  const found = await runModel(standardModel(graph, "clip"), { x: floats([-1, 0, 3, 6, 7], [1, 5]) });
  return { operators: graph.nodes.map(({ opType }) => opType), gradient: found["dX"]?.values };
}

test("the gradient of Clip is 0 beyond its bounds, though it is infinite there behind it", async () => {
  const { gradient } = await gradientBehindClip((g, clipped) => g.log(clipped));
  expect(gradient?.map((slope) => Number(slope.toPrecision(6)))).toEqual([0, Infinity, 0.333333, 0.166667, 0]);
});

test("the gradient of Clip passes at its bounds, and needs no choice behind a product", async () => {
  const { operators, gradient } = await gradientBehindClip((g, clipped) =>
    g.matMul(clipped, g.tensor("float32", [5, 1], [1, 2, 3, 4, 5])),
  );
  expect(gradient).toEqual([0, 2, 3, 4, 0]);
  expect(operators).not.toContain("Where");
});

test.each([
  ["the logarithm", (g: Operators, y: Value) => g.log(y)],
  ["what is divided", (g: Operators, y: Value) => g.div(1, y)],
  ["a power", (g: Operators, y: Value) => g.pow(y, -0.5)],
  ["what is scaled", (g: Operators, y: Value) => g.mul(g.log(y), 2)],
])("the gradient of Relu is 0 where Relu is, though that of %s is infinite there", async (_, behind) => {
  const g = new Operators(new Emitter());
  const x = g.emitter.input("x", { dataType: "float32", shape: ["batch", 3] });
  const y = behind(g, g.op("Relu", [x]));
  const [dX = x] = differentiate(g, { seeds: [{ value: y, gradient: g.onesLike(y) }], towards: [x] });
  const graph = g.emitter.graph("relu", [{ name: "dX", value: dX }]);
  const found = await runModel(standardModel(graph, "relu"), { x: floats([-1, 0, 2], [1, 3]) });
  expect(found["dX"]?.values.slice(0, 2)).toEqual([0, 0]);
  expect(found["dX"]?.values[2]).not.toBe(0);
});

test.each<[string, number, boolean]>([
  ["a count", 4, false],
  ["0", 0, true],
])("the gradient of Relu behind what is divided by %s", (_, divisor, needsChoice) => {
  const g = new Operators(new Emitter());
  const x = g.emitter.input("x", { dataType: "float32", shape: ["batch", 3] });
  const y = g.div(g.op("Relu", [x]), divisor);
  const [dX = x] = differentiate(g, { seeds: [{ value: y, gradient: g.onesLike(y) }], towards: [x] });
  const operators = g.emitter.graph("relu", [{ name: "dX", value: dX }]).nodes.map(({ opType }) => opType);
  expect(operators.includes("Where")).toBe(needsChoice);
});
