import { expect, test } from "vitest";
import { Emitter, type Value } from "../../graph/emitter.js";
import { Operators } from "../../graph/operators.js";
import { standardModel } from "../../graph/standard-model.js";
import { floats, runModel } from "../../graph/testing/run-model.js";
import { differentiate } from "./differentiate.js";

/** What becomes of x, of 6 elements: parts of it that are multiplied by 1, 2, 3 ... and added up. */
type Uses = (g: Operators, x: Value) => readonly Value[];

const part =
  (start: number, end: number) =>
  (g: Operators, x: Value): Value =>
    g.slice(x, 0, start, end);

const parts =
  (...bounds: readonly (readonly [number, number])[]): Uses =>
  (g, x) =>
    bounds.map(([start, end]) => part(start, end)(g, x));

test.each<[string, Uses, readonly number[], boolean]>([
  ["that share it are one Concat", parts([0, 2], [2, 3], [3, 6]), [1, 1, 2, 3, 3, 3], true],
  ["in another order, too", parts([3, 6], [0, 3]), [2, 2, 2, 1, 1, 1], true],
  ["beside all of it, too", (g, x) => [...parts([0, 4], [4, 6])(g, x), x], [4, 4, 4, 4, 5, 5], true],
  ["that leave a gap are padded", parts([0, 2], [3, 6]), [1, 1, 0, 2, 2, 2], false],
  ["that overlap are padded", parts([0, 4], [3, 6]), [1, 1, 1, 3, 2, 2], false],
  ["one of which is used twice, too", parts([0, 3], [0, 3], [3, 6]), [3, 3, 3, 3, 3, 3], true],
])("gradients of slices of a value %s", async (_, uses, expected, isJoined) => {
  const g = new Operators(new Emitter());
  const x = g.emitter.input("x", { dataType: "float32", shape: [6] });
  const sums = uses(g, x).map((value, index) => g.reduceSum(g.mul(value, index + 1), [0], false));
  const [dX = x] = differentiate(g, {
    seeds: [{ value: g.sum(sums), gradient: g.scalar(1, "float32") }],
    towards: [x],
  });
  const graph = g.emitter.graph("slices", [{ name: "dX", value: dX }]);
  const operators = new Set(graph.nodes.map(({ opType }) => opType));
  expect([operators.has("Concat"), operators.has("Pad")]).toEqual([isJoined, !isJoined]);
  const found = await runModel(standardModel(graph, "slices"), { x: floats([1, 2, 3, 4, 5, 6]) });
  expect(found["dX"]?.values).toEqual(expected);
});
