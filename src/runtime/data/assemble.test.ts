import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classesOf, readPreprocessing } from "../../passes/preprocessing/preprocessing.js";
import { applyPreprocessing, assemble } from "./assemble.js";
import type { Batch, Dataset } from "./dataset.js";
import type { DataDescription } from "./description.js";
import { array, feature, memorySource, numbers, target, texts } from "./testing/memory-source.js";

const x2 = [feature("x", ["batch", 2]), target(["batch", 1])] as const;

/** All examples of a dataset, which are the same in memory of their own and in that of others. */
async function all(dataset: Dataset | undefined): Promise<Batch> {
  if (dataset === undefined) throw new Error("no dataset");
  const examples = Uint32Array.from({ length: dataset.count }, (_, example) => example);
  const batch = await dataset.read(examples);
  const others = await dataset.read(examples.toReversed());
  expect(await dataset.read(examples, others)).toEqual(batch);
  return batch;
}

async function values(dataset: Dataset | undefined, name: string): Promise<number[]> {
  const tensor = (await all(dataset))[name];
  if (tensor === undefined || tensor.type === "string") throw new Error("no such tensor");
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

describe("columns of a table", () => {
  const houses = memorySource("houses.csv", {
    rooms: numbers(1, 2, 3, 4),
    age: numbers(10, 20, 30, 40),
    price: numbers(100, 200, 300, 400),
  });

  test("become the vector of an input and the target", async () => {
    const { training, validation } = await assemble(x2, [houses], { target: "price" });
    expect(validation).toBeUndefined();
    expect(training.fields).toEqual([
      { name: "x", type: "float32", shape: [2] },
      { name: "target", type: "float32", shape: [1] },
    ]);
    expect(await training.read(Uint32Array.of(3, 0))).toEqual({
      x: { type: "float32", dims: [2, 2], data: Float32Array.of(4, 40, 1, 10) },
      target: { type: "float32", dims: [2, 1], data: Float32Array.of(400, 100) },
    });
    expect(training.describe(3)).toBe("houses.csv, row 5");
  });

  test("come in the order in which they are named", async () => {
    const { training } = await assemble(x2, [houses], { features: ["age", "rooms"], target: "price" });
    expect(await values(training, "x")).toEqual([10, 1, 20, 2, 30, 3, 40, 4]);
  });

  test("take the shape that the input declares", async () => {
    const { training } = await assemble([feature("x", ["batch", 1, 2]), target(["batch"])], [houses], {
      target: "price",
    });
    expect(training.fields.map(({ shape }) => shape)).toEqual([[1, 2], []]);
  });

  test.each<[DataDescription, string]>([
    [{ target: "cost" }, '--target cost: is no column of houses.csv; there are "rooms", "age", "price"'],
    [{}, '--target: is missing: the data do not tell what is to be predicted; name one of "rooms", "age", "price"'],
    [
      { target: "price", features: "rooms" },
      'feature "x": takes 2 numbers for each example, and is given 1 number: column "rooms"; choose them with --features',
    ],
    [
      { target: "price", features: ["rooms", "age", "price"] },
      'feature "x": takes 2 numbers for each example, and is given 3 numbers: 3 columns ("rooms", "age", "price"); choose them with --features',
    ],
    [{ target: "price", features: ["age", "age"] }, "--features age: is named twice"],
    [{ target: "price", features: { y: "age" } }, "--features y=: names no input; those are x"],
    [
      { target: "price", standardize: ["price"] },
      '--standardize price: is none of the features; those are "rooms", "age"',
    ],
  ])("that are not right are refused: %j", async (description, message) => {
    await expect(assemble(x2, [houses], description)).rejects.toThrow(message);
  });

  test("of text are for encoding or labels", async () => {
    const source = memorySource("h.csv", { city: texts("a", "b"), age: numbers(1, 2), price: numbers(1, 2) });
    await expect(assemble(x2, [source], { target: "price" })).rejects.toThrow(
      'h.csv, column "city": holds text, and "x" takes numbers; encode it with --one-hot city, or leave it out of --features',
    );
  });

  test("without rows are refused", async () => {
    const empty = memorySource("e.csv", { a: numbers(), b: numbers(), y: numbers() });
    await expect(assemble(x2, [empty], { target: "y" })).rejects.toThrow("e.csv: has no rows");
  });
});

test("what docs/training.md says of caadam.preprocessing is what is done", async () => {
  const text = readFileSync(new URL("../../../docs/training.md", import.meta.url), "utf8");
  const json: unknown = JSON.parse(/```json\n([^]*?)\n```/.exec(text)?.[1] ?? "");
  const inputs = [feature("x", ["batch", 3]), target(["batch", 1])] as const;
  const table = memorySource("houses.csv", {
    area: numbers(70, Number.NaN),
    city: texts("Oslo", "Bonn"),
    price: numbers(250, 400),
  });
  const preprocessing = readPreprocessing(json, "docs/training.md");
  const { dataset } = await applyPreprocessing(preprocessing, inputs, [table]);
  expect(await values(dataset, "x")).toEqual([1, 0, 1, -0.25, 1, 0]);
  expect(await values(dataset, "target")).toEqual([-0.5, 1]);
});

describe("standardization", () => {
  test("uses mean and population deviation of the training rows alone", async () => {
    const source = memorySource("d.csv", {
      a: numbers(2, 4, 4, 4, 5, 5, 7, 9, 1000, 2000),
      b: numbers(3, 3, 3, 3, 3, 3, 3, 3, 5, 7),
      y: numbers(0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    });
    const data = await assemble(
      x2,
      [source],
      { target: "y", standardize: true, standardizeTarget: true },
      { validation: 2, shuffle: false },
    );
    // The textbook example: mean 5, deviation 2; a constant column is divided by 1.
    expect(data.preprocessing.tensors[0]?.columns).toEqual([
      { kind: "number", column: "a", file: 0, subtract: 5, divide: 2 },
      { kind: "number", column: "b", file: 0, subtract: 3, divide: 1 },
    ]);
    expect(await values(data.training, "x")).toEqual([-1.5, 0, -0.5, 0, -0.5, 0, -0.5, 0, 0, 0, 0, 0, 1, 0, 2, 0]);
    expect(await values(data.validation, "x")).toEqual([497.5, 2, 997.5, 4]);
    expect(data.preprocessing.tensors[1]?.columns).toEqual([
      { kind: "number", column: "y", file: 0, subtract: 3.5, divide: Math.sqrt(5.25) },
    ]);
  });

  test("makes the mean 0 and the deviation 1, also far from 0", async () => {
    const column = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 20, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(column, fc.constantFrom(0, 1e3, 1e9), fc.nat(), async (drawn, far, seed) => {
        const kept = drawn.map((number, index) => number + far + (index % 2));
        const source = memorySource("d.csv", { a: numbers(...kept), y: numbers(...kept) }, 7);
        const inputs = [feature("x", ["batch", 1], "float64"), target(["batch"])];
        const options = { validation: 0.25, seed };
        const data = await assemble(inputs, [source], { target: "y", standardize: ["a"] }, options);
        const result = await values(data.training, "x");
        const mean = result.reduce((sum, number) => sum + number, 0) / result.length;
        const square = result.reduce((sum, number) => sum + (number - mean) ** 2, 0) / result.length;
        // Numbers around 1e9 are themselves known to 1e-7.
        expect(Math.abs(mean)).toBeLessThan(1e-5);
        expect(Math.abs(Math.sqrt(square) - 1)).toBeLessThan(1e-9);
      }),
      { numRuns: 40 },
    );
  });

  test("has a mean for each channel of images, and one for images without channels", async () => {
    const pixels = [0, 2, 10, 10, 4, 6, 10, 10];
    const images = memorySource("i.npy", { images: array("uint8", [2, 1, 2], pixels), y: numbers(0, 1) });
    const channels = [feature("x", ["batch", 2, 1, 2]), target(["batch"])];
    const data = await assemble(channels, [images], { features: "images", target: "y", standardize: true });
    // Channel 0 holds 0, 2, 4, 6: mean 3, deviation √5.
    expect(data.preprocessing.tensors[0]?.columns[0]).toEqual({
      ...{ kind: "array", column: "images", file: 0, axis: 0 },
      ...{ subtract: [3, 10], divide: [Math.sqrt(5), 1] },
    });
    const expected = [-3, -1, 0, 0, 1, 3, 0, 0].map((number, place) =>
      place % 4 < 2 ? number / Math.sqrt(5) : number,
    );
    expect(await values(data.training, "x")).toEqual(expected.map(Math.fround));

    const gray = memorySource("g.npy", { images: array("uint8", [1, 2], [0, 2, 4, 6]), y: numbers(0, 1) });
    const plain = [feature("x", ["batch", 1, 2]), target(["batch"])];
    const one = await assemble(plain, [gray], { features: "images", target: "y", standardize: true });
    expect(one.preprocessing.tensors[0]?.columns[0]).toMatchObject({ subtract: [3], divide: [Math.sqrt(5)] });
  });

  test("has a mean for each element of a vector", async () => {
    const source = memorySource("v.npy", { x: array("float32", [2], [1, 10, 3, 30]), target: numbers(0, 1) });
    const data = await assemble(x2, [source], { standardize: true });
    expect(data.preprocessing.tensors[0]?.columns[0]).toMatchObject({ subtract: [2, 20], divide: [1, 10], axis: 0 });
    expect(await values(data.training, "x")).toEqual([-1, -1, 1, 1]);
  });
});

describe("categories", () => {
  const source = memorySource("h.csv", {
    city: texts("Rom", "Oslo", "Rom", "Bonn"),
    age: numbers(1, 2, 3, 4),
    floor: numbers(2, 10, 2, 1),
    price: numbers(1, 2, 3, 4),
  });
  const inputs = [feature("x", ["batch", 7]), target(["batch", 1])];

  test("become a number each, sorted, where their column stands", async () => {
    const { training, preprocessing } = await assemble(inputs, [source], {
      target: "price",
      oneHot: ["city", "floor"],
    });
    expect(preprocessing.tensors[0]?.columns.map((column) => "categories" in column && column.categories)).toEqual([
      ["Bonn", "Oslo", "Rom"],
      false,
      [1, 2, 10],
    ]);
    expect(await values(training, "x")).toEqual([
      ...[0, 0, 1, 1, 0, 1, 0],
      ...[0, 1, 0, 2, 0, 0, 1],
      ...[0, 0, 1, 3, 0, 1, 0],
      ...[1, 0, 0, 4, 1, 0, 0],
    ]);
  });

  test("that training does not know are an error, or 0 everywhere", async () => {
    const few = [feature("x", ["batch", 2]), target(["batch", 1])];
    const description = { features: "city", target: "price", oneHot: true } as const;
    const options = { validation: 1, shuffle: false };
    await expect(assemble(few, [source], description, options)).rejects.toThrow(
      'h.csv, row 5, column "city": holds "Bonn", which is none of the categories of the training examples ("Oslo", "Rom"); choose --unknown-categories zeros',
    );
    const data = await assemble(few, [source], { ...description, unknownCategories: "zeros" }, options);
    expect(await values(data.validation, "x")).toEqual([0, 0]);
  });

  test("are whole numbers", async () => {
    const odd = memorySource("o.csv", { a: numbers(1, 2.5), y: numbers(1, 2) });
    await expect(assemble(x2, [odd], { target: "y", oneHot: ["a"] })).rejects.toThrow(
      'o.csv, row 3, column "a": holds 2.5, and categories are text or whole numbers',
    );
  });
});

describe("missing values", () => {
  const source = memorySource("d.csv", {
    a: numbers(1, undefined, 3, 8),
    city: texts("r", "r", undefined, "o"),
    y: numbers(1, 2, 3, 4),
  });
  const inputs = [feature("x", ["batch", 3]), target(["batch", 1])];

  test("are an error that says where and what to do", async () => {
    await expect(assemble(inputs, [source], { target: "y", oneHot: true })).rejects.toThrow(
      'd.csv, row 3, column "a": is missing (examples that lack values: 2 of 4); correct it, or choose --missing drop, mean or median',
    );
    const target1 = memorySource("t.csv", { a: numbers(1, 2), b: numbers(1, 2), y: numbers(1, undefined) });
    await expect(assemble(x2, [target1], { target: "y", missing: "mean" })).rejects.toThrow(
      /^t\.csv, row 3, column "y": is missing \(examples that lack values: 1 of 2\); correct it, or choose --missing drop$/,
    );
    const tokens = [feature("x", ["batch", 2], "int64"), target(["batch", 1])];
    const late = memorySource("l.csv", {
      a: numbers(1, 2, undefined),
      b: numbers(1, undefined, 2),
      y: numbers(1, 2, 3),
    });
    await expect(assemble(tokens, [late], { target: "y", missing: "mean" })).rejects.toThrow(
      /^l\.csv, row 3, column "b": is missing \(examples that lack values: 2 of 3\); .* --missing drop$/,
    );
  });

  test("are left out with their rows", async () => {
    const data = await assemble(inputs, [source], { target: "y", oneHot: true, missing: "drop" });
    expect(data.dropped).toBe(2);
    expect(await values(data.training, "x")).toEqual([1, 0, 1, 8, 1, 0]);
    expect(data.training.describe(1)).toBe("d.csv, row 5");
  });

  test.each([
    ["mean", 4],
    ["median", 3],
  ] as const)("are filled with the %s, or the most frequent category", async (missing, fill) => {
    const data = await assemble(inputs, [source], { target: "y", oneHot: true, missing });
    expect(data.dropped).toBe(0);
    expect(await values(data.training, "x")).toEqual([1, 0, 1, fill, 0, 1, 3, 0, 1, 8, 1, 0]);
  });

  test("are kept for models that deal with them, also in other files, but for targets and whole numbers", async () => {
    const data = await assemble(inputs, [source], { target: "y", oneHot: true, missing: "keep" });
    expect(data.dropped).toBe(0);
    expect(await values(data.training, "x")).toEqual([1, 0, 1, NaN, 0, 1, 3, 0, 0, 8, 1, 0]);
    const other = memorySource("o.csv", { a: numbers(undefined), city: texts("o"), y: numbers(1) });
    const again = await applyPreprocessing(data.preprocessing, inputs, [other]);
    expect(await values(again.dataset, "x")).toEqual([NaN, 1, 0]);
    const text = [feature("city", ["batch", 1], "string"), feature("a", ["batch", 1], "float64"), target(["batch", 1])];
    const named = { features: { city: "city", a: "a" }, target: "y", missing: "keep" } as const;
    const apart = await assemble(text, [source], named);
    expect((await all(apart.training))["city"]?.data).toEqual(["r", "r", "", "o"]);
    expect(await values(apart.training, "a")).toEqual([1, NaN, 3, 8]);
    for (const [type, lacking] of [
      ["float32", { a: numbers(1, 2), y: numbers(1, undefined) }],
      ["int64", { a: numbers(1, undefined), y: numbers(1, 2) }],
    ] as const) {
      const one = [feature("x", ["batch", 1], type), target(["batch", 1])];
      const made = assemble(one, [memorySource("d.csv", lacking)], { target: "y", missing: "keep" });
      await expect(made).rejects.toThrow(/^d\.csv, row 3, column "[ay]": is missing /);
    }
  });

  test("count as what they are filled with when columns are standardized", async () => {
    const one = memorySource("d.csv", { a: numbers(1, undefined, 3, 8), y: numbers(1, 2, 3, 4) });
    const narrow = [feature("x", ["batch", 1], "float64"), target(["batch", 1])];
    const description = { target: "y", standardize: true, missing: "median" } as const;
    const data = await assemble(narrow, [one], description);
    // 1, 3, 3, 8: mean 3.75, squares 7.5625 + 2·0.5625 + 18.0625 = 26.75.
    const deviation = Math.sqrt(26.75 / 4);
    expect(data.preprocessing.tensors[0]?.columns[0]).toMatchObject({ fill: 3, subtract: 3.75 });
    const result = await values(data.training, "x");
    expect(result[1]).toBeCloseTo(-0.75 / deviation, 12);
  });

  test("in arrays are found", async () => {
    const bad = memorySource("b.npy", { x: array("float32", [2], [1, 2, 3, Number.NaN]), target: numbers(1, 2) });
    await expect(assemble(x2, [bad])).rejects.toThrow(
      'b.npy, row 3, column "x": holds NaN, a missing value (examples that lack values: 1 of 2); correct it, or choose --missing drop',
    );
    const data = await assemble(x2, [bad], { missing: "drop" });
    expect(await values(data.training, "x")).toEqual([1, 2]);
  });

  test("are no infinite numbers", async () => {
    const bad = memorySource("b.csv", { a: numbers(1, Infinity), b: numbers(1, 2), y: numbers(1, 2) });
    await expect(assemble(x2, [bad], { target: "y", missing: "drop" })).rejects.toThrow(
      'b.csv, row 3, column "a": is infinite; correct it, or make it missing (NaN) and choose --missing drop',
    );
    const images = memorySource("b.npy", { x: array("float32", [2], [1, 2, 3, 4]), y: numbers(1, 2) });
    const targets = memorySource("t.npy", { t: array("float32", [1], [0, -Infinity]) });
    await expect(assemble(x2, [images, targets], { features: "x", target: "t" })).rejects.toThrow(
      't.npy, row 3, column "t": holds an infinite number',
    );
  });
});

describe("class numbers", () => {
  const inputs = [feature("x", ["batch", 1]), target(["batch"], "int64")];
  const labelled = (...labels: readonly number[]) =>
    memorySource("d.csv", { a: numbers(...labels.map(() => 1)), label: numbers(...labels) });

  test("are int64, in range and whole, or do not count", async () => {
    const description = { target: "label", classes: { target: 3 } };
    const { training } = await assemble(inputs, [labelled(0, 2, -100)], description);
    expect((await all(training))["target"]).toEqual({
      type: "int64",
      dims: [3],
      data: BigInt64Array.of(0n, 2n, -100n),
    });
    await expect(assemble(inputs, [labelled(0, 3)], description)).rejects.toThrow(
      'd.csv, row 3, column "label": holds 3, and class numbers go from 0 to 2',
    );
    await expect(assemble(inputs, [labelled(0, -1)], description)).rejects.toThrow("from 0 to 2");
    await expect(assemble(inputs, [labelled(1.5)], description)).rejects.toThrow(
      "holds 1.5, and class numbers are whole",
    );
  });

  test("are made of text, in sorted order that is kept", async () => {
    const source = memorySource("iris.csv", {
      a: numbers(1, 2, 3),
      species: texts("virginica", "setosa", "virginica"),
    });
    const { training, preprocessing } = await assemble(inputs, [source], { target: "species", classes: { target: 3 } });
    expect(await values(training, "target")).toEqual([1, 0, 1]);
    expect(classesOf(preprocessing, "target")).toEqual(["setosa", "virginica"]);
    await expect(assemble(inputs, [source], { target: "species", classes: { target: 1 } })).rejects.toThrow(
      'iris.csv, column "species": holds 2 different labels ("setosa", "virginica"), and the model knows 1 classes',
    );
  });

  test("are made of any numbers on request, and are real numbers for two classes", async () => {
    const sorted = await assemble(inputs, [labelled(7, 3, 7)], { target: "label", labels: "sorted" });
    expect(await values(sorted.training, "target")).toEqual([1, 0, 1]);
    const yesNo = memorySource("q.csv", { a: numbers(1, 2), answer: texts("yes", "no") });
    const data = await assemble([feature("x", ["batch", 1]), target(["batch", 1])], [yesNo], { target: "answer" });
    expect(await values(data.training, "target")).toEqual([1, 0]);
  });
});

describe("arrays", () => {
  const images = memorySource("train-images.idx", { images: array("uint8", [2, 2], [0, 51, 102, 255, 5, 6, 7, 8]) });
  const labels = memorySource("train-labels.idx", { labels: { kind: "uint8", values: [1, 0] } });
  const inputs = [feature("x", ["batch", 1, 2, 2]), target(["batch"], "int64")];

  test("of several files are one example for each row, divided and shaped as the model takes them", async () => {
    const { training, preprocessing } = await assemble(inputs, [images, labels], { divideBy: 255 });
    expect(await training.read(Uint32Array.of(0))).toEqual({
      x: { type: "float32", dims: [1, 1, 2, 2], data: Float32Array.of(0, 0.2, 0.4, 1) },
      target: { type: "int64", dims: [1], data: BigInt64Array.of(1n) },
    });
    expect(training.describe(0)).toBe("train-images.idx, row 2; train-labels.idx, row 2");
    const others = [
      memorySource("t10k-images.idx", { "t10k-images": array("uint8", [2, 2], [255, 0, 0, 0]) }),
      memorySource("t10k-labels.idx", { "t10k-labels": { kind: "uint8", values: [1] } }),
    ];
    const test10k = await applyPreprocessing(preprocessing, inputs, others);
    expect(await values(test10k.dataset, "x")).toEqual([1, 0, 0, 0]);
  });

  test("of another shape are refused", async () => {
    const wide = [feature("x", ["batch", 1, 3, 2]), target(["batch"], "int64")];
    await expect(assemble(wide, [images, labels])).rejects.toThrow(
      'train-images.idx, column "images": holds [2, 2] for each example, and feature "x" takes [1, 3, 2]',
    );
  });

  test("must have as many rows as each other", async () => {
    const one = memorySource("l.idx", { labels: { kind: "uint8", values: [1] } });
    await expect(assemble(inputs, [images, one])).rejects.toThrow("l.idx: has 1 rows, and train-images.idx has 2");
  });

  test("feed inputs of their names, of any length where the model takes any", async () => {
    const source = memorySource("text.npz", {
      input_ids: { kind: "int64", shape: [3], values: [101n, 7n, 2n ** 40n, -1n, 5n, 0n] },
      attention_mask: array("float64", [3], [1, 1, 0, 1, 0, 0]),
      y: numbers(0, 1),
    });
    const two = [
      feature("input_ids", ["batch", "sequence"], "int64"),
      feature("attention_mask", ["batch", "sequence"], "bool"),
      target(["batch"], "int64"),
    ];
    const { training } = await assemble(two, [source], { target: "y" });
    expect((await all(training))["input_ids"]).toEqual({
      type: "int64",
      dims: [2, 3],
      data: BigInt64Array.of(101n, 7n, 2n ** 40n, -1n, 5n, 0n),
    });
    expect((await all(training))["attention_mask"]).toMatchObject({ type: "bool", dims: [2, 3] });
    const bad = memorySource("t.npz", { input_ids: array("float32", [2], [1, 2, 3, 4.5]), target: numbers(0, 1) });
    await expect(assemble([feature("input_ids", ["batch", 2], "int64"), target(["batch"])], [bad])).rejects.toThrow(
      't.npz, row 3, column "input_ids": holds 4.5, and "input_ids" takes whole numbers (int64)',
    );
  });

  test("of one name in two files are told apart by the file", async () => {
    const [a, b] = [memorySource("a.npy", { data: numbers(1, 2) }), memorySource("b.npy", { data: numbers(3, 4) })];
    const one = [feature("x", ["batch", 1]), target(["batch"])];
    await expect(assemble(one, [a, b], { target: "data" })).rejects.toThrow(
      "--target data: is a column of 2 files; say a.npy:data or b.npy:data",
    );
    for (const name of ["b.npy:data", "b.npy"]) {
      const { training } = await assemble(one, [a, b], { target: name });
      expect([await values(training, "x"), await values(training, "target")]).toEqual([
        [1, 2],
        [3, 4],
      ]);
    }
  });
});

describe("stored preprocessing", () => {
  const train = memorySource("train.csv", {
    city: texts("r", "o", "r", "o"),
    a: numbers(1, 2, 3, undefined),
    label: texts("n", "y", "y", "n"),
  });
  const inputs = [feature("x", ["batch", 3]), target(["batch"], "int64")];
  const description = { target: "label", oneHot: true, standardize: true, missing: "mean" } as const;

  test("does to other data, through JSON, what it did to the training data", async () => {
    const data = await assemble(inputs, [train], description, { validationSources: [train] });
    const stored = readPreprocessing(JSON.parse(JSON.stringify(data.preprocessing)), "p.json");
    expect(stored).toEqual(data.preprocessing);
    const again = await applyPreprocessing(stored, inputs, [train]);
    expect(await all(again.dataset)).toEqual(await all(data.training));
    expect(await all(data.validation)).toEqual(await all(data.training));
  });

  test("needs targets only where they are asked for", async () => {
    const { preprocessing } = await assemble(inputs, [train], description);
    const other = memorySource("new.csv", { a: numbers(2), city: texts("o"), more: texts("z") });
    const { dataset } = await applyPreprocessing(preprocessing, inputs.slice(0, 1), [other]);
    expect(await values(dataset, "x")).toEqual([1, 0, 0]);
    await expect(applyPreprocessing(preprocessing, inputs, [other])).rejects.toThrow(
      'new.csv: has no column "label", which the model was trained on',
    );
  });

  test("refuses what it does not know", async () => {
    const { preprocessing } = await assemble(inputs, [train], description);
    const labels = memorySource("v.csv", { a: numbers(2), city: texts("o"), label: texts("maybe") });
    await expect(applyPreprocessing(preprocessing, inputs, [labels])).rejects.toThrow(
      'v.csv, row 2, column "label": holds "maybe", which is none of the labels ("n", "y")',
    );
    const lacking = memorySource("v.csv", { a: numbers(2), city: texts("o"), label: texts(undefined) });
    await expect(applyPreprocessing(preprocessing, inputs, [lacking])).rejects.toThrow(
      /column "label": is missing .*; correct it, or train with --missing drop$/,
    );
    const swapped = memorySource("v.csv", { a: texts("2"), city: texts("o"), label: texts("n") });
    await expect(applyPreprocessing(preprocessing, inputs, [swapped])).rejects.toThrow(
      'v.csv, column "a": holds text, and held numbers when it was fitted',
    );
    expect(() => readPreprocessing({ ...preprocessing, version: 2 }, "p.json")).toThrow(
      "p.json: holds no preprocessing that we know at version",
    );
  });

  test("is the same from a file as from memory", async () => {
    const options = { validation: 1, seed: 5 };
    const inMemory = await assemble(inputs, [train], description, options);
    const inFile = await assemble(inputs, [train], description, { ...options, memoryLimit: 0 });
    expect(inFile.preprocessing).toEqual(inMemory.preprocessing);
    expect(await all(inFile.validation)).toEqual(await all(inMemory.validation));
    for (const data of [inMemory, inFile]) {
      data.close();
      await expect(all(data.validation)).rejects.toThrow(
        /^train\.csv: is closed, and cannot be read any more; call close\(\) after the last read$/,
      );
    }
  });
});
