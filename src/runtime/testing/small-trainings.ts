import { expect } from "vitest";
import { float32Tensor, type GraphBuilder, graphBuilder, modelOf } from "../../graph/builder.js";
import { InputError } from "../../graph/errors.js";
import type { Model } from "../../graph/model.js";
import { datasetFrom } from "../data/arrays.js";
import type { Batch, Dataset } from "../data/dataset.js";
import { randomOf } from "../data/random.js";
import type { TrainingEvent } from "../events.js";
import { train } from "../train.js";
import type { TrainingData, TrainOptions } from "../train-options.js";
import type { TrainingResult } from "../training-result.js";
import type { HostTensor } from "../host-tensor.js";
import type { Values } from "../training-state.js";

/** Numbers in [-1, 1) that are the same every time. */
export function drawn(count: number, seed = 1): readonly number[] {
  const random = randomOf(seed, "test");
  return Array.from({ length: count }, () => random() / 2 ** 31 - 1);
}

/** x through dense layers of these widths, tanh between them: "w0", "b0", "w1" ... x [batch, first] to y [batch, last]. */
export function dense(widths: readonly number[], batch: string | number = "batch"): Model {
  const builder = graphBuilder("dense");
  let value = builder.input("x", "float32", [batch, widths[0] ?? 1]);
  for (const [layer, width] of widths.slice(1).entries()) {
    if (layer > 0) value = builder.node("Tanh", [value]);
    value = denseLayer(builder, value, layer, widths[layer] ?? 1, width);
  }
  return finished(builder, value, [batch, widths.at(-1) ?? 1]);
}

/** Two dense layers with a batch normalization ("mean", "variance") and a Dropout between them: x [batch, 4] to y [batch, outputs]. */
export function normalizing(outputs = 1, dropped = 0.25): Model {
  const builder = graphBuilder("normalizing");
  const hidden = denseLayer(builder, builder.input("x", "float32", ["batch", 4]), 0, 4, 6);
  const statistics = [
    float32Tensor("scale", [6], drawn(6, 5)),
    float32Tensor("shift", [6], drawn(6, 6)),
    float32Tensor("mean", [6]),
    float32Tensor("variance", [6], Array<number>(6).fill(1)),
  ].map((tensor) => builder.initializer(tensor));
  const normal = builder.node("BatchNormalization", [hidden, ...statistics]);
  const ratio = builder.initializer(float32Tensor("ratio", [], [dropped]));
  const kept = builder.node("Dropout", [builder.node("Tanh", [normal]), ratio]);
  return finished(builder, denseLayer(builder, kept, 1, 6, outputs), ["batch", outputs]);
}

/** A model with a weight for each of 4 examples, so that it takes as many: x [4, 4] to y [4, 1]. */
export function ofFour(): Model {
  const builder = graphBuilder("of four");
  const x = builder.input("x", "float32", [4, 4]);
  const place = builder.initializer(float32Tensor("place", [4, 4], drawn(16)));
  const weight = builder.initializer(float32Tensor("w", [4, 1], drawn(4)));
  builder.node("MatMul", [builder.node("Mul", [x, place]), weight], {}, { outputs: ["y"] });
  builder.output("y", "float32", [4, 1]);
  return modelOf(builder.graph());
}

function denseLayer(builder: GraphBuilder, x: string, layer: number, inputs: number, outputs: number): string {
  const weights = drawn(inputs * outputs, 10 + layer).map((value) => value / Math.sqrt(inputs));
  const weight = builder.initializer(float32Tensor(`w${layer}`, [inputs, outputs], weights));
  const bias = builder.initializer(float32Tensor(`b${layer}`, [outputs], drawn(outputs, 20 + layer)));
  return builder.node("Gemm", [x, weight, bias]);
}

function finished(builder: GraphBuilder, value: string, shape: readonly (string | number)[]): Model {
  builder.node("Identity", [value], {}, { outputs: ["y"] });
  builder.output("y", "float32", shape);
  return modelOf(builder.graph());
}

/** Examples with 4 features and a number to be hit. */
export function numbers(count: number, seed = 3): Dataset {
  const x = drawn(count * 4, seed);
  const rows = Array.from({ length: count }, (_, row) => x.slice(row * 4, row * 4 + 4));
  return datasetFrom({ x: rows, target: rows.map(([a = 0, b = 0, c = 0]) => [a * b + Math.abs(c)]) });
}

/** Examples with 4 features and one of 3 classes. */
export function classes(count: number, seed = 4): Dataset {
  const rows = Array.from({ length: count }, (_, row) => drawn(4, seed * 1000 + row));
  const named = rows.map(([a = 0, b = 0]) => (a > 0.3 ? 2 : b > 0 ? 1 : 0));
  return datasetFrom({ x: rows, target: { data: BigInt64Array.from(named.map(BigInt)) } });
}

/** The examples of a dataset, batch by batch. */
export function batchesOf(data: Dataset, ...sizes: readonly number[]): readonly Batch[] {
  let start = 0;
  return sizes.map((size) => {
    const batch = data.read(Uint32Array.from({ length: size }, (_, index) => start + index));
    start += size;
    if (batch instanceof Promise) throw new Error("these data are in memory");
    return batch;
  });
}

/** A training with all that it said. */
export interface Trained {
  readonly result: TrainingResult;
  readonly events: readonly TrainingEvent[];
}

/** Trains, on one thread unless told otherwise. */
export async function trained(model: Model, data: TrainingData, options: TrainOptions): Promise<Trained> {
  const events: TrainingEvent[] = [];
  const run = train(model, data, { threads: 1, ...options });
  for await (const event of run) events.push(event);
  return { result: await run.result(), events };
}

/** Values to the last bit, as text. */
export function bitsOf(values: ReadonlyMap<string, HostTensor>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...values].map(([name, { type, data, dims }]) => {
      if (type === "string") throw new Error("no training makes text");
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex");
      return [name, `${type} [${dims.join()}] ${bytes}`];
    }),
  );
}

/** One of them as numbers. */
export function numbersOf(values: Values, name: string): readonly number[] {
  return Array.from(values.get(name)?.data ?? [], Number);
}

/** The greatest difference between the numbers of values, relative to the greatest number of each tensor. */
export function greatestDifference(found: Values, expected: Values): number {
  expect([...found.keys()]).toEqual([...expected.keys()]);
  const differences = [...expected.keys()].map((name) => {
    const [a, b] = [numbersOf(found, name), numbersOf(expected, name)];
    const scale = Math.max(...b.map(Math.abs), 1e-3);
    return Math.max(...b.map((value, index) => Math.abs(value - (a[index] ?? Number.NaN)))) / scale;
  });
  return Math.max(...differences);
}

/** What happened, without what only a clock tells and what tells where files are. */
export function timeless(events: readonly object[]): readonly object[] {
  return events
    .filter((event) => !("event" in event && event.event === "progress"))
    .map((event) =>
      Object.fromEntries(Object.entries(event).filter(([name]) => name !== "seconds" && name !== "file")),
    );
}

/** The message with which a training is refused, checked to be an InputError of one line. */
export async function refusalOf(run: Promise<unknown>): Promise<string> {
  const error: unknown = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  const { message } = error as InputError;
  expect(message).toMatch(/^[^\p{Cc}\u2028\u2029]{1,2100}$/u);
  expect(message, "names of internals").not.toMatch(/gradient\.onnx|eval\.onnx|undefined|\[object/);
  return message;
}
