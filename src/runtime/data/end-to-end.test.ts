import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { float32Tensor, graphBuilder, modelOf } from "../../graph/builder.js";
import { encodeModel } from "../../graph/encode-model.js";
import type { Model } from "../../graph/model.js";
import { readModel } from "../../graph/read-model.js";
import { fixture } from "../../graph/testing/models.js";
import { foldPreprocessing } from "../../passes/preprocessing/fold.js";
import { checkFeeds } from "../../passes/training/feeds.js";
import { rewrite } from "../../passes/training/rewrite.js";
import type { HostTensor } from "../host-tensor.js";
import { assemble } from "./assemble.js";
import { assembleFor } from "./assemble-for.js";
import { array, memorySource, numbers, texts } from "./testing/memory-source.js";

/** What a model makes of tensors in memory. */
async function run(model: Model, feeds: Readonly<Record<string, HostTensor>>): Promise<Record<string, number[]>> {
  const session = await InferenceSession.create(encodeModel(model), { logSeverityLevel: 4 });
  const tensors = Object.entries(feeds).map(([name, { type, data, dims }]) => {
    return [name, new Tensor(type as "float32", data as Float32Array, dims)] as const;
  });
  const results = await session.run(Object.fromEntries(tensors));
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, Array.from(data as Float32Array)] as const),
  );
}

describe("from raw data to a trained model that takes raw data", () => {
  test("a folded model makes of raw rows what the trained one makes of prepared ones", async () => {
    const g = graphBuilder("prices");
    const x = g.input("x", "float32", ["batch", 5]);
    const w = g.initializer(float32Tensor("W", [5, 1], [0.5, -1, 2, 0.25, 3]));
    g.output(g.node("MatMul", [x, w], {}, { outputs: ["y"] }), "float32", ["batch", 1]);
    const model = modelOf(g.graph(), 17, 8);
    const { contract } = rewrite(model, { loss: { name: "mse" } });
    const inputs = contract.artifacts.gradient?.inputs ?? [];
    const table = {
      area: [50, 75.5, undefined, 120, 64, 88],
      city: ["Rom", "Oslo", "Bonn", "Rom", undefined, "Bonn"],
      floor: [1, 4, 2, 3, 1, 7],
      price: [100, 220, 180, 410, 150, 300],
    };
    const source = memorySource("d.csv", {
      area: numbers(...table.area),
      city: texts(...table.city),
      floor: numbers(...table.floor),
      price: numbers(...table.price),
    });
    const description = {
      target: "price",
      standardize: true,
      oneHot: ["city"],
      missing: "median",
      standardizeTarget: true,
    } as const;
    const data = await assemble(inputs, [source], description);
    const batch = await data.training.read(Uint32Array.of(0, 1, 2, 3, 4, 5));
    const folded = foldPreprocessing(model, data.preprocessing, { outputs: { y: "target" } });
    const dims = [6, 1];
    const raw = await run(folded, {
      area: { type: "float32", dims, data: Float32Array.from(table.area, (value) => value ?? Number.NaN) },
      city: { type: "string", dims, data: table.city.map((value) => value ?? "") },
      floor: { type: "float32", dims, data: Float32Array.from(table.floor) },
    });
    const { x: prepared } = batch;
    const { y = [] } = prepared === undefined ? {} : await run(model, { x: prepared });
    const mean = 1360 / 6;
    const deviation = Math.sqrt(table.price.reduce((sum, price) => sum + (price - mean) ** 2, 0) / 6);
    for (const [index, value] of y.entries()) expect(raw["y"]?.[index]).toBeCloseTo(value * deviation + mean, 3);
    expect(raw["y"]).toHaveLength(6);
  });

  test("text goes as it is to models that take text", async () => {
    const inputs = [
      { name: "city", role: "feature", dtype: "string", shape: ["batch", 2] },
      { name: "target", role: "target", dtype: "float32", shape: ["batch", 1] },
    ] as const;
    const file = memorySource("d.csv", {
      a: texts("Bonn", undefined, "Rom"),
      b: texts("x", "y", "z"),
      price: numbers(1, 2, 3),
    });
    const description = { features: { city: ["a", "b"] }, target: "price" };
    await expect(assemble(inputs, [file], { ...description, missing: "mean" })).rejects.toThrow(
      /column "a": is missing \(examples that lack values: 1 of 3\); correct it, or choose --missing drop$/,
    );
    const data = await assemble(inputs, [file], { ...description, missing: "drop" });
    const { city } = await data.training.read(Uint32Array.of(1, 0));
    expect(city).toEqual({ type: "string", data: ["Rom", "z", "Bonn", "x"], dims: [2, 2] });
    const wrong = { ...description, features: { city: ["a", "price"] }, target: "price" };
    await expect(assemble(inputs, [file], wrong)).rejects.toThrow(
      'd.csv, column "price": holds numbers, and "city" takes text; read them as text with --text-columns price',
    );
  });

  test("batches of images and labels are what a contract wants", async () => {
    const { contract } = rewrite(readModel(fixture("training/lenet.torchscript.onnx")), {
      loss: { name: "softmax-cross-entropy" },
    });
    const { gradient } = contract.artifacts;
    const [input] = gradient?.inputs ?? [];
    const shape = (input?.shape ?? []).slice(1).map(Number);
    const size = shape.reduce((product, extent) => product * extent, 1);
    const images = memorySource("i.idx", { i: array("uint8", shape.slice(1), Array<number>(2 * size).fill(3)) });
    const labels = memorySource("l.idx", { l: { kind: "uint8", values: [1, 9] } });
    const data = await assembleFor(contract, [images, labels], { divideBy: 255 });
    const batch = await data.training.read(Uint32Array.of(1, 0));
    const fed = (gradient?.inputs ?? []).filter(({ role }) => role === "feature" || role === "target");
    expect(() => checkFeeds({ file: "gradient.onnx", inputs: fed, outputs: [] }, batch)).not.toThrow();
    const beyond = memorySource("l.idx", { l: { kind: "uint8", values: [1, 10] } });
    await expect(assembleFor({ ...contract, artifacts: {} }, [images])).rejects.toThrow(/has no graph that data feed/);
    await expect(assembleFor(contract, [images, beyond])).rejects.toThrow(
      'l.idx, row 3, column "l": holds 10, and class numbers go from 0 to 9',
    );
  });
});
