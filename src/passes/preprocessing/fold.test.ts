import fc from "fast-check";
import { InferenceSession, Tensor as RuntimeTensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { float32Tensor, graphBuilder, modelOf } from "../../graph/builder.js";
import { encodeModel } from "../../graph/encode-model.js";
import type { DataType } from "../../graph/data-type.js";
import type { Model } from "../../graph/model.js";
import { readModel } from "../../graph/read-model.js";
import { inputError } from "../../graph/testing/input-error.js";
import { fixture } from "../../graph/testing/models.js";
import { floats, runModel } from "../../graph/testing/run-model.js";
import { foldPreprocessing } from "./fold.js";
import type { ColumnPreprocessing, Preprocessing, TensorPreprocessing } from "./preprocessing.js";

/** y = x·W for an input of so many numbers, beside the numbers themselves. */
function linear(
  width: number,
  { opset = 17, type = "float32", outputs = 1 }: { opset?: number; type?: DataType; outputs?: number } = {},
): Model {
  const g = graphBuilder("linear");
  const x = g.input("x", type, ["batch", width]);
  const weights = Array.from({ length: width * outputs }, (_, index) => index + 1);
  const w = g.initializer(float32Tensor("W", [width, outputs], weights));
  const cast = type === "float32" ? x : g.node("Cast", [x], { to: 1 });
  g.output(g.node("MatMul", [cast, w], {}, { outputs: ["y"] }), "float32", ["batch", outputs]);
  g.output(g.node("Identity", [x], {}, { outputs: ["seen"] }), type, ["batch", width]);
  return modelOf(g.graph(), opset, 8);
}

function preprocessing(...columns: readonly ColumnPreprocessing[]): Preprocessing {
  const width = columns.reduce((sum, column) => sum + (column.kind === "one-hot" ? column.categories.length : 1), 0);
  return of({ name: "x", role: "feature", shape: [width], columns });
}

function of(...tensors: readonly TensorPreprocessing[]): Preprocessing {
  return { format: "caadam-preprocessing", version: 1, missing: "error", tensors };
}

function number(column: string, subtract: number, divide: number, fill?: number): ColumnPreprocessing {
  return { kind: "number", column, file: 0, subtract, divide, ...(fill === undefined ? {} : { fill }) };
}

/** Runs a model on numbers and texts, given by input. */
async function run(model: Model, feeds: Readonly<Record<string, readonly (number | string)[]>>) {
  const session = await InferenceSession.create(encodeModel(model), { logSeverityLevel: 4 });
  const tensors = Object.entries(feeds).map(([name, values]) => {
    const isText = typeof values[0] === "string";
    const dims = [values.length, 1];
    const tensor = isText
      ? new RuntimeTensor("string", values as string[], dims)
      : new RuntimeTensor("float32", Float32Array.from(values as number[]), dims);
    return [name, tensor] as const;
  });
  const results = await session.run(Object.fromEntries(tensors));
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, [...(data as Float32Array)]]));
}

describe("folded standardization", () => {
  test("gives the model what training saw, bit for bit", async () => {
    const float32 = fc.float({ min: -1000, max: 1000, noNaN: true });
    const scale = fc.tuple(
      fc.double({ min: -1e4, max: 1e4, noNaN: true }),
      fc.double({ min: 0.01, max: 100, noNaN: true }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(float32, float32, float32), { minLength: 1, maxLength: 5 }),
        fc.tuple(scale, scale, scale),
        async (rows, scales) => {
          const model = linear(3);
          const columns = scales.map(([subtract, divide], index) => number(`c${index}`, subtract, divide));
          const folded = foldPreprocessing(model, preprocessing(...columns));
          const raw = await runModel(folded, { x: floats(rows.flat(), [rows.length, 3]) });
          const prepared = rows.flatMap((row) =>
            row.map((value, index) => (value - (scales[index]?.[0] ?? 0)) / (scales[index]?.[1] ?? 1)),
          );
          const direct = await runModel(model, { x: floats(prepared, [rows.length, 3]) });
          expect(raw).toEqual(direct);
        },
      ),
      { numRuns: 15 },
    );
  });

  test("keeps the input's name and shape, and the weights", () => {
    const model = linear(2);
    const { graph } = foldPreprocessing(model, preprocessing(number("a", 1, 2), number("b", 3, 4)));
    expect(graph.inputs).toEqual(model.graph.inputs);
    expect(graph.outputs).toEqual(model.graph.outputs);
    expect(graph.initializers[0]).toBe(model.graph.initializers[0]);
  });

  test("leaves a model alone to which nothing was done", () => {
    const model = linear(2);
    expect(foldPreprocessing(model, preprocessing(number("a", 0, 1), number("b", 0, 1)))).toBe(model);
  });

  test("fills missing numbers", async () => {
    const folded = foldPreprocessing(linear(2), preprocessing(number("a", 1, 2, 5), number("b", 0, 1)));
    const { seen } = await runModel(folded, { x: floats([Number.NaN, 1, 3, 2], [2, 2]) });
    expect(seen?.values).toEqual([2, 1, 1, 2]);
  });

  test("works from opset 7 on, and at other types", async () => {
    for (const opset of [7, 13, 21]) {
      const folded = foldPreprocessing(linear(1, { opset }), preprocessing(number("a", 1, 2)));
      expect(folded.opsetImports.get("")).toBe(opset);
      expect((await runModel(folded, { x: floats([5], [1, 1]) }))["y"]?.values).toEqual([2]);
    }
    const filled = foldPreprocessing(linear(1, { opset: 8 }), preprocessing(number("a", 1, 2, 5)));
    expect((await runModel(filled, { x: floats([Number.NaN], [1, 1]) }))["y"]?.values).toEqual([2]);
    const double = foldPreprocessing(linear(1, { type: "float64" }), preprocessing(number("a", 1, 2)));
    const feeds = { x: { dataType: "float64", shape: [1, 1], values: [5] } } as const;
    expect((await runModel(double, feeds))["seen"]).toEqual({ dataType: "float64", shape: [1, 1], values: [2] });
  });

  test("has a mean for each channel of images", async () => {
    const g = graphBuilder("images");
    const x = g.input("x", "float32", ["batch", 2, 1, 2]);
    g.output(g.node("Relu", [x], {}, { outputs: ["y"] }), "float32", ["batch", 2, 1, 2]);
    const array = { kind: "array", column: "i", file: 0, axis: 0, subtract: [1, 2], divide: [2, 4] } as const;
    const images = of({ name: "x", role: "feature", shape: [2, 1, 2], columns: [array] });
    const folded = foldPreprocessing(modelOf(g.graph()), images);
    const { y } = await runModel(folded, { x: floats([3, 5, 6, 10], [1, 2, 1, 2]) });
    expect(y?.values).toEqual([1, 2, 1, 2]);
    const divided = { ...array, subtract: [0], divide: [255] };
    const bytes = foldPreprocessing(
      modelOf(g.graph()),
      of({ name: "x", role: "feature", shape: [2, 1, 2], columns: [divided] }),
    );
    expect((await runModel(bytes, { x: floats([0, 51, 255, 102], [1, 2, 1, 2]) }))["y"]?.values).toEqual(
      [0, 0.2, 1, 0.4].map(Math.fround),
    );
  });
});

describe("folded categories", () => {
  const city = { kind: "one-hot", column: "city", file: 0, categories: ["Bonn", "Rom"], unknown: "error" } as const;
  const floor = { kind: "one-hot", column: "floor", file: 0, categories: [1, 2, 10], unknown: "zeros" } as const;

  test("make an input of each column, in order", async () => {
    const model = linear(6);
    const folded = foldPreprocessing(model, preprocessing(city, number("age", 10, 2), floor));
    expect(folded.graph.inputs).toEqual([
      { name: "city", type: { kind: "tensor", dataType: "string", shape: ["batch", 1] } },
      { name: "age", type: { kind: "tensor", dataType: "float32", shape: ["batch", 1] } },
      { name: "floor", type: { kind: "tensor", dataType: "float32", shape: ["batch", 1] } },
    ]);
    const { seen, y } = await run(folded, { city: ["Rom", "Bonn", "Oslo"], age: [14, 10, 8], floor: [10, 1, 3] });
    const rows = [0, 1, 2, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, -1, 0, 0, 0];
    expect(seen).toEqual(rows);
    expect(y).toEqual((await runModel(model, { x: floats(rows, [3, 6]) }))["y"]?.values);
  });

  test("fill missing ones", async () => {
    const columns = [
      { ...city, fill: "Rom" },
      { ...floor, fill: 2 },
    ] as const;
    const folded = foldPreprocessing(linear(5), preprocessing(...columns));
    const { seen } = await run(folded, { city: ["", "Bonn"], floor: [Number.NaN, 10] });
    expect(seen).toEqual([0, 1, 0, 1, 0, 1, 0, 0, 0, 1]);
  });

  test("may be called as the input, and get a number where a value of the model is called so", async () => {
    const columns = [
      { ...city, column: "W" },
      { ...floor, column: "x" },
    ];
    const folded = foldPreprocessing(linear(5), preprocessing(...columns));
    expect(folded.graph.inputs.map(({ name }) => name)).toEqual(["W_1", "x"]);
    expect((await run(folded, { W_1: ["Bonn"], x: [2] }))["seen"]).toEqual([1, 0, 0, 1, 0]);
  });

  test("become the shape that the model takes", async () => {
    const g = graphBuilder("sequence");
    const x = g.input("x", "float32", ["batch", 1, 5]);
    g.output(g.node("Identity", [x], {}, { outputs: ["seen"] }), "float32", ["batch", 1, 5]);
    const shaped = of({ name: "x", role: "feature", shape: [1, 5], columns: [city, floor] });
    const folded = foldPreprocessing(modelOf(g.graph()), shaped);
    expect((await run(folded, { city: ["Rom"], floor: [1] }))["seen"]).toEqual([0, 1, 1, 0, 0]);
  });
});

describe("folded targets", () => {
  test("come out in their own units", async () => {
    const model = linear(2, { outputs: 2 });
    const target = {
      name: "target",
      role: "target",
      shape: [2],
      columns: [number("p", 100, 10), number("q", 1, 2)],
    } as const;
    const x = { name: "x", role: "feature", shape: [2], columns: [number("a", 1, 2), number("b", 3, 4)] } as const;
    const folded = foldPreprocessing(model, of(x, target), { outputs: { y: "target" } });
    const [raw, prepared] = [
      [3, 11],
      [1, 2],
    ];
    const { y } = await runModel(folded, { x: floats(raw ?? [], [1, 2]) });
    const [p = 0, q = 0] = (await runModel(model, { x: floats(prepared ?? [], [1, 2]) }))["y"]?.values ?? [];
    expect(y?.values).toEqual([p * 10 + 100, q * 2 + 1]);
    expect(folded.graph.outputs).toEqual(model.graph.outputs);
  });
});

describe("folding", () => {
  test("works on models that PyTorch exported", async () => {
    const model = readModel(fixture("pytorch/mlp.torchscript.onnx"));
    const [input] = model.graph.inputs;
    const width = input?.type?.kind === "tensor" ? Number(input.type.shape?.[1]) : 0;
    const columns = Array.from({ length: width }, (_, index) => number(`c${index}`, index - 3, index + 0.5));
    const steps = { name: input?.name ?? "", role: "feature", shape: [width], columns } as const;
    const folded = foldPreprocessing(model, of(steps));
    const raw = Array.from({ length: 2 * width }, (_, index) => Math.fround(Math.sin(index) * 10));
    const prepared = raw.map((value, index) => (value - ((index % width) - 3)) / ((index % width) + 0.5));
    expect(width).toBeGreaterThan(1);
    expect(await runModel(folded, { [steps.name]: floats(raw, [2, width]) })).toEqual(
      await runModel(model, { [steps.name]: floats(prepared, [2, width]) }),
    );
  });

  test("refuses what the model does not have", () => {
    const steps = preprocessing(number("a", 1, 2), number("b", 3, 4));
    const other = of(...steps.tensors.map((tensor) => ({ ...tensor, name: "z" })));
    expect(inputError(() => foldPreprocessing(linear(2), other)).message).toBe(
      'linear: has no tensor as the input "z", which the preprocessing is for',
    );
    const target = { name: "target", role: "target", shape: [1], columns: [number("p", 1, 2)] } as const;
    expect(inputError(() => foldPreprocessing(linear(2), of(target), { outputs: { z: "target" } })).message).toBe(
      'linear: has no output "z", which is to be scaled',
    );
    expect(inputError(() => foldPreprocessing(linear(2), steps, { outputs: { y: "t" } })).message).toBe(
      'target "t": is not among those that the preprocessing was fitted for',
    );
  });
});
