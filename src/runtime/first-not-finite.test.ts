import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, modelOf } from "../graph/builder.js";
import { temporaryFolder } from "../graph/testing/files.js";
import { datasetFrom } from "./data/arrays.js";
import type { Dataset } from "./data/dataset.js";
import { NotFiniteError } from "./not-finite-error.js";
import { batchesOf, dense, normalizing, numbers, refusalOf, trained } from "./testing/small-trainings.js";

const model = dense([4, 6, 1]);
const options = { loss: { name: "mse" }, batchSize: 4, shuffle: false, epochs: 2 } as const;
const remedy = "lower --learning-rate, clip gradients with --clip-global-norm 1, or look at the data";

/** 12 examples, a number of which is another one: that of row 6, in the second batch of 4. */
function spoilt(name: "x" | "target", value: number): Dataset {
  const [batch = {}] = batchesOf(numbers(12), 12);
  const rows = (field: string, width: number) =>
    Array.from({ length: 12 }, (_, row) =>
      Array.from({ length: width }, (__, column) =>
        field === name && row === 6 && column === 0 ? value : Number(batch[field]?.data[row * width + column]),
      ),
    );
  return datasetFrom({ x: rows("x", 4), target: rows("target", 1) });
}

describe("a loss that is no number ends the training, and says where it comes from:", () => {
  it.each([
    ["feature", "x", NaN, "NaN"],
    ["feature", "x", -Infinity, "Infinity|NaN"],
    ["target", "target", NaN, "NaN"],
    ["target", "target", Infinity, "Infinity"],
  ] as const)("the %s %s with %d", async (role, name, value, loss) => {
    // tanh of an infinity is 1: without it the loss would be a number.
    const straight = dense([4, 1]);
    expect(await refusalOf(trained(straight, { training: spoilt(name, value) }, options))).toMatch(
      new RegExp(
        `^step 2 \\(epoch 1\\): the loss is (${loss}): the first tensor that is not finite is the ${role} "${name}" of this batch; ${remedy}$`,
      ),
    );
  });

  it("a parameter", async () => {
    const initial = new Map([
      ["w1", { type: "float32", data: Float32Array.of(0, 1, NaN, 3, 4, 5), dims: [6, 1] } as const],
    ]);
    expect(await refusalOf(trained(model, { training: numbers(12) }, { ...options, initial }))).toMatch(
      /^step 1 \(epoch 1\): the loss is NaN: the first tensor that is not finite is the parameter "w1"; /,
    );
  });

  it("a moment, whose parameter would not move any more", async () => {
    const run = trained(dense([4, 1]), { training: spoilt("x", 1e20) }, { ...options, loss: "mae" });
    expect(await refusalOf(run)).toMatch(/^step 3 \(epoch 1\): the second moment of "w0" is not finite any more; /);
  });

  it("a step that is too large", async () => {
    const run = trained(
      dense([4, 6, 6, 1]),
      { training: numbers(12) },
      { ...options, optimizer: "sgd", learningRate: 1e30 },
    );
    const error: unknown = await run.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NotFiniteError);
    expect(error).toMatchObject({ epoch: 1, step: 2, history: [] });
    expect(String(error)).toMatch(/is the output of (Mul|Pow|ReduceMean|Sub) "/);
  });

  it("a node, and not the running statistics that it moves", async () => {
    const initial = new Map([["w0", { type: "float32", data: new Float32Array(24).fill(100), dims: [4, 6] } as const]]);
    const run = trained(normalizing(), { training: spoilt("x", 3e38) }, { ...options, initial });
    expect(await refusalOf(run)).toMatch(
      /^step 2 \(epoch 1\): the loss is NaN: the first tensor that is not finite is the output of Gemm "Gemm_0"/,
    );
  });

  it("not a mask of infinities that the model has", async () => {
    const builder = graphBuilder("masked");
    const x = builder.input("x", "float32", ["batch", 4]);
    const never = builder.initializer(float32Tensor("never", [1], [-Infinity]));
    const zero = builder.initializer(float32Tensor("zero", [1], [0]));
    const weight = builder.initializer(float32Tensor("w", [4, 4], Array<number>(16).fill(0.25)));
    const scores = builder.node("MatMul", [x, weight]);
    const mask = builder.node("Where", [builder.node("Less", [x, zero]), never, zero], {}, { name: "mask" });
    const shares = builder.node(
      "Softmax",
      [builder.node("Add", [scores, mask], {}, { name: "masked" })],
      {},
      { name: "shares" },
    );
    builder.node("Identity", [shares], {}, { outputs: ["y"] });
    builder.output("y", "float32", ["batch", 4]);
    const masked = modelOf(builder.graph());
    const of = (x2: readonly (readonly number[])[]) =>
      trained(
        masked,
        { training: datasetFrom({ x: x2, target: x2.map(() => [0, 0, 0, 0]) }) },
        { loss: { name: "mse" }, train: ["w"], freeze: ["never", "zero"], epochs: 1 },
      );
    expect((await of([[1, -1, 1, 1]])).result.history[0]?.loss).toBeLessThan(1);
    // Where all is masked, nothing is left for the Softmax.
    expect(await refusalOf(of([[-1, -1, -1, -1]]))).toMatch(/is the output of Softmax "shares"/);
  });
});

describe("what training moves is found before a checkpoint is made of it,", () => {
  const folder = () => ({ folder: temporaryFolder() });

  it("where weights become infinite in a step whose loss is none", async () => {
    const checkpoints = folder();
    const run = trained(
      model,
      { training: numbers(12) },
      { ...options, batchSize: 12, optimizer: "sgd", learningRate: 1e39, checkpoints },
    );
    expect(await refusalOf(run)).toMatch(/^step 1 \(epoch 1\): the parameter "\w+" is not finite any more; lower /);
    expect(readdirSync(checkpoints.folder)).toEqual([]);
  });

  it("where a running statistic does, which the loss does not show", async () => {
    const checkpoints = folder();
    const run = trained(normalizing(), { training: spoilt("x", 1e30) }, { ...options, checkpoints });
    expect(await refusalOf(run)).toBe(
      `step 3 (epoch 1): the running statistic "variance" is not finite any more; ${remedy}`,
    );
    expect(readdirSync(checkpoints.folder)).toEqual([]);
  });
});

it("a validation that is no number is told, survives a checkpoint, and is no improvement", async () => {
  const data = { training: numbers(8), validation: spoilt("target", NaN) };
  const checkpoints = { folder: temporaryFolder() };
  const { result } = await trained(model, data, { ...options, checkpoints });
  const told = result.history.map(({ validationLoss, isBest }) => ({ validationLoss, isBest }));
  expect(told).toEqual([1, 2].map(() => ({ validationLoss: NaN, isBest: false })));
  const rest = await trained(model, data, { ...options, epochs: 3, checkpoints: { ...checkpoints, resume: true } });
  expect(rest.result.history.slice(0, 2)).toEqual(result.history);
});
