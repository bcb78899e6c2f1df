import { describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, modelOf } from "../graph/builder.js";
import { evaluate } from "./evaluate.js";
import { datasetFrom } from "./data/arrays.js";
import { classes, dense, drawn, normalizing, numbers, ofFour, refusalOf, trained } from "./testing/small-trainings.js";

/** Two outputs of x [batch, 4]: "size" [batch, 1] and "kind" [batch, 3]. */
function twoHeads() {
  const builder = graphBuilder("two heads");
  const x = builder.input("x", "float32", ["batch", 4]);
  for (const [name, width] of [["size", 1] as const, ["kind", 3] as const]) {
    const weight = builder.initializer(float32Tensor(`${name}.w`, [4, width], drawn(4 * width)));
    builder.node("MatMul", [x, weight], {}, { outputs: [name] });
    builder.output(name, "float32", ["batch", width]);
  }
  return modelOf(builder.graph());
}

it.each([0, -1, 1.5, 1025, 1e9, NaN])("%d threads are refused, whoever computes", async (threads) => {
  const options = { loss: { name: "mse" }, threads } as const;
  const message = new RegExp(`^--threads ${threads}: is out of range: it takes a whole number from 1 to 1024$`);
  expect(await refusalOf(evaluate(dense([4, 1]), numbers(3), options))).toMatch(message);
  expect(await refusalOf(trained(dense([4, 1]), { training: numbers(3) }, options))).toMatch(message);
});

describe("a validation", () => {
  it("is the same however examples are batched, and what evaluating the result gives", async () => {
    const data = { training: classes(12), validation: classes(11, 8) };
    const options = { loss: { name: "softmax-cross-entropy" }, metrics: ["accuracy", "f1", "auc", "top-2"] } as const;
    const { result } = await trained(normalizing(3), data, { ...options, epochs: 2, batchSize: 5 });
    const last = result.history.at(-1);
    for (const batchSize of [1, 4, 11, 100]) {
      const { loss, metrics } = await evaluate(normalizing(3), data.validation, {
        ...options,
        batchSize,
        values: result.values,
        threads: 1,
      });
      expect(loss).toBeCloseTo(last?.validationLoss ?? NaN, 5);
      expect(Object.keys(metrics)).toEqual(["accuracy", "f1", "auc", "top-2"]);
      for (const [name, value] of Object.entries(metrics)) expect(value).toBeCloseTo(last?.metrics[name] ?? NaN, 5);
    }
  });

  it("takes batches as training does: of whole numbers of examples, and of the size that a model takes alone", async () => {
    const loss = { name: "mse" } as const;
    const measured = (count: number, batchSize?: number, model = ofFour()) =>
      evaluate(model, numbers(count), { loss, ...(batchSize !== undefined && { batchSize }) });
    for (const size of [0, -1, 1.5, NaN]) {
      expect(await refusalOf(measured(6, size, dense([4, 1])))).toMatch(/^--batch-size \S+: is out of range: it takes/);
    }
    expect(await refusalOf(measured(8, 3))).toMatch(
      /^--batch-size 3: does not fit a model that takes batches of 4 alone/,
    );
    expect(await refusalOf(measured(3))).toMatch(
      /^the data: fill no batch of 4, which the model takes alone; give more/,
    );
    const part = await measured(11, 4);
    const { warnings, ...whole } = await measured(8);
    expect(part).toEqual({
      ...whole,
      warnings: ["the last 3 examples of the data fill no batch of 4 and are left out"],
    });
    expect([whole.examples, warnings]).toEqual([8, []]);
  });

  it("says where the loss is no number", async () => {
    const broken = { type: "float32", data: new Float32Array(4).fill(NaN), dims: [4, 1] } as const;
    const values = new Map([["w0", broken]]);
    const { loss, warnings } = await evaluate(dense([4, 1]), numbers(3), { loss: { name: "mse" }, values });
    expect(loss).toBeNaN();
    expect(warnings).toEqual(["the loss is NaN: look at the data, and at the weights of the model"]);
  });

  it("measures what people look at where nothing is said, and nothing where they want that", async () => {
    const regression = { training: numbers(6), validation: numbers(4) };
    const of = async (metrics?: readonly string[]) => {
      const options = { loss: { name: "mse" }, epochs: 1, ...(metrics && { metrics }) } as const;
      return (await trained(dense([4, 1]), regression, options)).result.history[0]?.metrics;
    };
    expect(Object.keys((await of()) ?? {})).toEqual(["mae", "r2"]);
    expect(await of([])).toEqual({});
  });

  it("of several losses measures each by metrics that fit it", async () => {
    const arrays = (seed: number) => ({
      x: Array.from({ length: 6 }, (_, row) => drawn(4, seed + row)),
      "size.target": Array.from({ length: 6 }, (_, row) => drawn(1, 50 + seed + row)),
      "kind.target": { data: BigInt64Array.from([0n, 1n, 2n, 0n, 1n, 2n]) },
    });
    const data = { training: datasetFrom(arrays(0)), validation: datasetFrom(arrays(9)) };
    const loss = [
      { name: "mse", output: "size", weight: 2 },
      { name: "softmax-cross-entropy", output: "kind" },
    ] as const;
    const epochOf = async (more: object) =>
      (await trained(twoHeads(), data, { loss, epochs: 1, ...more })).result.history[0];
    expect(Object.keys((await epochOf({}))?.metrics ?? {})).toEqual(["size.mae", "size.r2", "kind.accuracy"]);
    expect(Object.keys((await epochOf({ metrics: ["rmse", "accuracy"] }))?.metrics ?? {})).toEqual([
      "size.rmse",
      "kind.accuracy",
    ]);
    expect(Object.keys((await epochOf({ metrics: ["top-2", "mae"] }))?.metrics ?? {})).toEqual([
      "size.mae",
      "kind.top-2",
    ]);
    expect(await refusalOf(epochOf({ metrics: ["mae", "bogus"] }))).toMatch(/^--metrics bogus: is none of accuracy, /);
    // The loss is the weighted sum of what each is alone.
    const still = { learningRate: 0, optimizer: "sgd", shuffle: false, metrics: [] } as const;
    const both = await epochOf(still);
    const parts = await Promise.all(
      loss.map(async (one) => {
        const only = { x: arrays(0).x, target: arrays(0)[`${one.output}.target`] };
        const { result } = await trained(
          twoHeads(),
          { training: datasetFrom(only) },
          { ...still, loss: one, epochs: 1 },
        );
        return result.history[0]?.loss ?? NaN;
      }),
    );
    expect(both?.loss).toBeCloseTo(
      parts.reduce((sum, part) => sum + part),
      5,
    );
    const monitored = { earlyStopping: { monitor: "kind.accuracy" } };
    expect((await epochOf(monitored))?.isBest).toBe(true);
    expect(await refusalOf(epochOf({ earlyStopping: { monitor: "accuracy" } }))).toMatch(
      /what can be monitored is loss, size\.mae, size\.r2, kind\.accuracy$/,
    );
  });
});
