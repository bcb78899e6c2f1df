import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { DataType } from "../graph/data-type.js";
import { readModel } from "../graph/read-model.js";
import { fixture } from "../graph/testing/models.js";
import type { LossOptions, LossName } from "../passes/loss/loss.js";
import type { LossSpecification } from "../passes/training/losses.js";
import { type ArrayInput, datasetFrom } from "./data/arrays.js";
import type { Dataset } from "./data/dataset.js";
import { bitsOf, trained } from "./testing/small-trainings.js";
import { trajectoryBatch, trajectoryData, trajectoryModel } from "./testing/trajectories.js";

/** A batch and its loss by PyTorch: see fixtures/training/make_goldens.py. */
interface Golden {
  readonly model: string;
  readonly loss: GoldenLoss;
  readonly mode: { readonly batchNorm: "training" | "inference" };
  readonly inputs: Readonly<Record<string, GoldenTensor>>;
  readonly target?: GoldenTensor;
  readonly targets?: Readonly<Record<string, GoldenTensor & { readonly loss: GoldenLoss; readonly weight: number }>>;
  readonly lossValue: number;
}

type GoldenLoss =
  | ({ readonly name: LossName; readonly outputIs?: string } & LossOptions)
  | { readonly name: "weighted-sum" }
  | { readonly name: "output"; readonly output: string };

/** See fixtures/half-precision/make_half_precision.py. */
interface Half {
  readonly name: string;
  readonly x: Pick<GoldenTensor, "shape" | "values">;
  readonly target: readonly number[];
  readonly lossValue: number;
}

interface GoldenTensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** What an exporter makes of layers that training has its troubles with. */
const names = [
  // Several losses; the last examples of a batch normalization; a loss of the model's own, of two inputs.
  "two_heads.torchscript",
  "batch_norm_mlp.torchscript.batch_statistics",
  "mse_inside.dynamo",
  "cross_entropy_inside.torchscript",
  // Exported with a batch of 1.
  "lstm_batch1.torchscript",
  "vit_batch1.torchscript",
  "lstm_classifier.dynamo",
  "gru_classifier.torchscript",
  "lenet.dynamo",
  "dropout_mlp.training",
  // Targets that do not count, and masks of attention.
  "gpt2.dynamo",
  "bert_classifier.torchscript",
  // Weights of classes.
  "resnet20.training",
];

const goldens = names.map((name) => ({
  name,
  golden: JSON.parse(readFileSync(fixture(`training/${name}.json`), "utf8")) as Golden,
}));

describe("models that were exported train", () => {
  it.each(goldens)("$name", async ({ golden }) => {
    const model = readModel(fixture(golden.model));
    const data = datasetOf(golden);
    const options = {
      loss: lossesOf(golden),
      freezeBatchNorm: golden.mode.batchNorm === "inference",
      batchSize: data.count,
      shuffle: false,
      learningRate: 0.005,
      optimizer: "adam",
    } as const;
    const validated = { training: data, validation: data };
    const still = await trained(model, validated, { ...options, noDropout: true, epochs: 3 });
    const losses = still.result.history.map(({ loss }) => loss);
    // The loss of the first step is that of the weights in the file.
    expect((losses[0] ?? NaN) / golden.lossValue).toBeCloseTo(1, 5);
    expect(losses.at(-1)).toBeLessThan(golden.lossValue);
    expect(still.result.history.at(-1)?.validationLoss).toBeGreaterThan(0);
  });

  it.each(goldens.filter(({ name }) => /lstm|gru|lenet|resnet|gpt2|dropout/.test(name)))(
    "$name, on two threads to the same bits each time",
    async ({ golden }) => {
      const options = { loss: lossesOf(golden), batchSize: 2, epochs: 3, threads: 2, seed: 5 };
      const run = async () => {
        const { result } = await trained(readModel(fixture(golden.model)), { training: datasetOf(golden) }, options);
        return { bits: bitsOf(result.values), losses: result.history.map(({ loss }) => loss) };
      };
      expect(await run()).toEqual(await run());
    },
  );
});

describe("the types of weights", () => {
  const halves = JSON.parse(readFileSync(fixture("half-precision/golden.json"), "utf8")) as readonly Half[];

  it.each(halves)("$name: float32 while they train", async ({ name, x, target, lossValue }) => {
    const model = readModel(fixture(`half-precision/${name}.onnx`));
    const training = datasetFrom({
      x: { data: Float32Array.from(x.values), dims: x.shape },
      target: { data: BigInt64Array.from(target.map(BigInt)) },
    });
    const { result } = await trained(model, { training }, { loss: { name: "softmax-cross-entropy" }, epochs: 2 });
    expect((result.history[0]?.loss ?? NaN) / lossValue).toBeCloseTo(1, 5);
    expect(new Set([...result.values.values()].map(({ type }) => type))).toEqual(new Set(["float32"]));
  });

  it("float64 stays so, in all that training keeps", async () => {
    const model = trajectoryModel([6], { activation: "tanh", dataType: "float64" });
    const { x, y } = trajectoryBatch(trajectoryData(), 0);
    const training = datasetFrom({
      x: { data: Float64Array.from(x), dims: [y.length, 8] },
      target: { data: Float64Array.from(y), dims: [y.length, 1] },
    });
    const options = { loss: { name: "mse" }, averageMomentum: 0.9, accumulate: 2, epochs: 3 } as const;
    const { result } = await trained(model, { training, validation: training }, options);
    expect(new Set([...result.values.values()].map(({ type }) => type))).toEqual(new Set(["float64"]));
    const losses = result.history.map(({ loss }) => loss);
    expect(losses.at(-1)).toBeLessThan(losses[0] ?? NaN);
    expect(losses.every((loss) => loss !== Math.fround(loss))).toBe(true);
  });
});

function datasetOf({ inputs, target, targets = {} }: Golden): Dataset {
  const arrays = Object.entries(inputs).map(([name, tensor]) => [name, arrayOf(tensor)] as const);
  const wanted = Object.entries(targets).map(([output, tensor]) => [`${output}.target`, arrayOf(tensor)] as const);
  return datasetFrom(
    Object.fromEntries([...arrays, ...wanted, ...(target ? [["target", arrayOf(target)] as const] : [])]),
  );
}

function arrayOf({ dtype, shape, values }: GoldenTensor): ArrayInput {
  const data = dtype === "int64" ? BigInt64Array.from(values.map(BigInt)) : Float32Array.from(values);
  return { data, dims: shape };
}

function lossesOf({ loss, targets = {} }: Golden): LossSpecification | readonly LossSpecification[] {
  if (loss.name !== "weighted-sum") return lossOf(loss);
  return Object.entries(targets).map(([output, { loss: of, weight }]) => ({ ...lossOf(of), output, weight }));
}

function lossOf(loss: GoldenLoss): LossSpecification {
  if (loss.name === "output") return { name: "model", output: loss.output };
  if (loss.name === "weighted-sum") throw new Error("a sum of sums");
  const { name, outputIs: _, ...options } = loss;
  return { name, ...options };
}
