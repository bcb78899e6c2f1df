import { describe, expect, it } from "vitest";
import { runModel } from "../../graph/testing/run-model.js";
import {
  greatestDifference,
  initialParameters,
  kerasStepSizes,
  networks,
  stepCount,
  summaryOf,
  type TensorSummary,
  trajectoriesOf,
  trajectoryBatch,
  trajectoryData,
  trajectoryModel,
} from "./trajectories.js";

const cases = (["relu", "tanh"] as const).flatMap((activation) =>
  networks.map((hidden) => ({ hidden, activation, name: `${hidden.join("-")} ${activation}` })),
);

describe.each(cases)("$name", ({ hidden, activation }) => {
  const file = trajectoriesOf(hidden, activation);

  it("has the data and the initial weights that Python has", () => {
    const { x, y } = trajectoryData();
    expectSame(summaryOf(x), file.data.x);
    expectSame(summaryOf(y), file.data.y);
    const parameters = initialParameters(hidden);
    expect(parameters.map(({ name }) => name)).toEqual(Object.keys(file.initial));
    for (const { name, values } of parameters) expectSame(summaryOf(values), file.initial[name]);
  });

  it.each(["float32", "float64"] as const)("has the first loss of every trajectory, in %s", async (dataType) => {
    const { x, y } = trajectoryBatch(trajectoryData(), 0);
    const feeds = { x: { dataType, shape: [y.length, 8], values: [...x] } };
    const { y: output } = await runModel(trajectoryModel(hidden, { activation, dataType }), feeds);
    const errors = output?.values.map((value, row) => (value - (y[row] ?? Number.NaN)) ** 2) ?? [];
    const loss = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    const first = file.trajectories.map(({ losses }) => losses[0] ?? Number.NaN);
    expect(greatestDifference(Array<number>(first.length).fill(loss), first).relative).toBeLessThan(1e-6);
  });

  it("differs from one trajectory to the next, and every loss is a number", () => {
    for (const { losses, losses64 = losses, name } of file.trajectories) {
      expect([...losses, ...losses64].every(Number.isFinite), name).toBe(true);
      expect([losses.length, losses64.length]).toEqual([stepCount, stepCount]);
    }
    // A moving average of the weights does not change how they are trained.
    const trained = file.trajectories.filter(({ average }) => average === undefined);
    expect(new Set(trained.map(({ losses }) => losses.join(","))).size).toBe(trained.length);
  });
});

it("Keras rounds every operation of the step size to float32, and the powers once", () => {
  const { steps, stepSizes } = kerasStepSizes();
  const power = (beta: number, step: number) => Math.fround(Math.fround(beta) ** step);
  const complement = (value: number) => Math.fround(1 - value);
  const found = steps.map((step) => {
    const root = Math.fround(Math.sqrt(complement(power(0.999, step))));
    return Math.fround(Math.fround(Math.fround(0.001) * root) / complement(power(0.9, step)));
  });
  expect(found).toEqual(stepSizes.map(Math.fround));
});

/** Samples to the bit, and the norm as far as summing in another order allows. */
function expectSame(found: TensorSummary, expected: TensorSummary | undefined): void {
  expect(found.samples).toEqual(expected?.samples.map(Math.fround));
  expect(greatestDifference([found.norm], [expected?.norm ?? Number.NaN]).relative).toBeLessThan(1e-8);
}
