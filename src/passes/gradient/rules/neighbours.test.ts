import { expect, test } from "vitest";
import { modelOf } from "../../../graph/builder.js";
import { Emitter, type Value } from "../../../graph/emitter.js";
import { Operators } from "../../../graph/operators.js";
import { runModel } from "../../../graph/testing/run-model.js";
import { differentiate } from "../differentiate.js";

type Build = (g: Operators, x: Value) => Value;

const STEP = 1e-6;

/** Compares each component of the compiled gradient of Σ sin(1 + i)·yᵢ with a central difference, in float64. */
async function expectGradient(build: Build, shape: readonly number[], values: readonly number[]): Promise<void> {
  const g = new Operators(new Emitter());
  const x = g.emitter.input("x", { dataType: "float64", shape });
  const y = build(g, x);
  const size = y.shape?.reduce<number>((product, extent) => product * Number(extent), 1) ?? 0;
  const weights = g.tensor(
    "float64",
    [size],
    Array.from({ length: size }, (_, index) => Math.sin(1 + index)),
  );
  const loss = g.reduceSum(g.mul(g.reshape(y, [size]), weights), undefined, false);
  const [gradient] = differentiate(g, { seeds: [{ value: loss, gradient: g.onesLike(loss) }], towards: [x] });
  const outputs = [
    { value: loss, name: "loss" },
    { value: gradient ?? g.zerosLike(x), name: "gradient" },
  ];
  const model = modelOf(g.emitter.graph("test", outputs), 26, 13);
  const at = (moved: readonly number[]) => runModel(model, { x: { dataType: "float64", shape, values: moved } });
  const lossAt = async (index: number, step: number) =>
    (await at(values.with(index, (values[index] ?? 0) + step)))["loss"]?.values[0] ?? Number.NaN;
  const found = (await at(values))["gradient"];
  expect(found?.shape).toEqual(shape);
  for (const [index] of values.entries()) {
    const measured = ((await lossAt(index, STEP)) - (await lossAt(index, -STEP))) / (2 * STEP);
    expect(found?.values[index], `component ${index}`).toBeCloseTo(measured, 7);
  }
}

const row = [-1.5, -0.2, 0.4, 2];
const table = [0.1, -1.2, 0.7, 1.5, -0.4, 0.3];

test("SiLU whose sigmoid is used on its own, too", async () => {
  await expectGradient((g, x) => g.add(g.mul(x, g.sigmoid(x)), g.sigmoid(x)), [4], row);
  await expectGradient((g, x) => g.add(g.mul(g.sigmoid(x), x), g.exp(g.sigmoid(x))), [4], row);
});

test("a number times the sigmoid of another one", async () => {
  await expectGradient((g, x) => g.mul(g.exp(x), g.sigmoid(x)), [4], row);
  await expectGradient((g, x) => g.mul(g.reshape(x, [4, 1]), g.sigmoid(x)), [4], row);
});

const gathered = (g: Operators, x: Value, indices: readonly number[], shape: readonly number[], axis: number) =>
  g.op("GatherElements", [x, g.tensor("int64", shape, indices)], { axis });
const logSoftmax = (g: Operators, x: Value, axis: number) => g.op("LogSoftmax", [x], { axis });

test("LogSoftmax read at one place, at several and twice at the same, of each row", async () => {
  await expectGradient((g, x) => gathered(g, logSoftmax(g, x, 1), [2, 0], [2, 1], 1), [2, 3], table);
  await expectGradient((g, x) => gathered(g, logSoftmax(g, x, -1), [2, 0, 1, 1], [2, 2], 1), [2, 3], table);
});

test("LogSoftmax read in some rows alone, and along another axis", async () => {
  await expectGradient((g, x) => gathered(g, logSoftmax(g, x, 1), [2], [1, 1], 1), [2, 3], table);
  await expectGradient((g, x) => gathered(g, logSoftmax(g, x, 1), [1, 0, 1], [1, 3], 0), [2, 3], table);
});

test("LogSoftmax read at some places and as a whole", async () => {
  await expectGradient(
    (g, x) => g.add(g.square(logSoftmax(g, x, 1)), gathered(g, logSoftmax(g, x, 1), [2, 0], [2, 1], 1)),
    [2, 3],
    table,
  );
});

test("roots of what a Relu cuts off", async () => {
  await expectGradient((g, x) => g.sqrt(g.op("Relu", [x])), [4], row);
  await expectGradient((g, x) => g.pow(g.op("Relu", [x]), 0.5), [4], row);
});
