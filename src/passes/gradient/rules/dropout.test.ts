import { expect, test } from "vitest";
import { Emitter } from "../../../graph/emitter.js";
import { Operators } from "../../../graph/operators.js";
import { standardModel } from "../../../graph/standard-model.js";
import { floats, runModel } from "../../../graph/testing/run-model.js";
import { differentiate } from "../differentiate.js";

test.each([
  { ratio: 0.25, isTraining: 1 },
  { ratio: 0.25, isTraining: 0 },
])("the gradient of Dropout is what it multiplied by: $ratio, $isTraining", async ({ ratio, isTraining }) => {
  const g = new Operators(new Emitter());
  const x = g.emitter.input("x", { dataType: "float32", shape: ["batch", 50] });
  const dY = g.emitter.input("dY", { dataType: "float32", shape: ["batch", 50] });
  const y = g.op("Dropout", [x, g.scalar(ratio, "float32"), g.tensor("bool", [], [isTraining])], { seed: 7 });
  const [dX] = differentiate(g, { seeds: [{ value: y, gradient: dY }], towards: [x] });
  const graph = g.emitter.graph("dropout", [
    { name: "y", value: y },
    { name: "dX", value: dX ?? x },
  ]);
  const ones = floats(Array<number>(200).fill(1), [4, 50]);
  const threes = floats(Array<number>(200).fill(3), [4, 50]);
  const found = await runModel(standardModel(graph, "dropout"), { x: ones, dY: threes });
  const factors = found["y"]?.values ?? [];
  expect(found["dX"]?.values).toEqual(factors.map((factor) => Math.fround(factor * 3)));
  const kept = factors.filter((factor) => factor !== 0);
  expect(kept.every((factor) => Math.abs(factor - (isTraining === 1 ? 4 / 3 : 1)) < 1e-6)).toBe(true);
  expect(kept.length).toBeGreaterThan(100);
  expect(kept.length < 200).toBe(isTraining === 1);
});
