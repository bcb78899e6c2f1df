import { describe, expect, test } from "vitest";
import { refusal } from "../../graph/testing/input-error.js";
import type { HostTensor } from "../host-tensor.js";
import { datasetFrom } from "./arrays.js";
import { feature, target } from "./testing/memory-source.js";

describe("datasets from arrays", () => {
  test("give the examples that are asked for", async () => {
    const dataset = datasetFrom({
      x: { data: Float32Array.of(1, 2, 3, 4, 5, 6), dims: [3, 2] },
      y: { data: BigInt64Array.of(7n, 8n, 9n) },
      name: { type: "string", data: ["a", "b", "c"], dims: [3] },
    });
    expect(dataset.count).toBe(3);
    expect(dataset.fields).toEqual([
      { name: "x", type: "float32", shape: [2] },
      { name: "y", type: "int64", shape: [] },
      { name: "name", type: "string", shape: [] },
    ]);
    expect(await dataset.read(Uint32Array.of(2, 0))).toEqual({
      x: { type: "float32", dims: [2, 2], data: Float32Array.of(5, 6, 1, 2) },
      y: { type: "int64", dims: [2], data: BigInt64Array.of(9n, 7n) },
      name: { type: "string", dims: [2], data: ["c", "a"] },
    });
    expect(dataset.describe(1)).toBe("example 1");
  });

  test("take lists of numbers as float32, or as what the model takes", async () => {
    const lists = {
      x: [
        [[1], [2]],
        [[3], [4]],
      ],
      target: [0, 2 ** 40 + 1],
    };
    expect(datasetFrom(lists).fields.map(({ type }) => type)).toEqual(["float32", "float32"]);
    const typed = datasetFrom(lists, [feature("x", ["batch", 2, 1]), target(["batch"], "int64")]);
    expect(await typed.read(Uint32Array.of(1))).toEqual({
      x: { type: "float32", dims: [1, 2, 1], data: Float32Array.of(3, 4) },
      target: { type: "int64", dims: [1], data: BigInt64Array.of(2n ** 40n + 1n) },
    });
  });

  test("use memory again that nobody needs any more, where it fits", async () => {
    const dataset = datasetFrom({ x: { data: Float32Array.of(1, 2, 3, 4), dims: [4, 1] }, y: [5, 6, 7, 8] });
    const spare = await dataset.read(Uint32Array.of(0, 1));
    const batch = await dataset.read(Uint32Array.of(3, 2), spare);
    expect([...(batch["x"]?.data ?? []), ...(batch["y"]?.data ?? [])]).toEqual([4, 3, 8, 7]);
    expect([batch["x"], batch["y"]].map((tensor) => tensor?.data)).toEqual([spare["x"]?.data, spare["y"]?.data]);
    expect(batch["x"]?.data).toBe(spare["x"]?.data);
    const smaller = await dataset.read(Uint32Array.of(1), batch);
    expect([smaller["x"]?.dims, smaller["x"]?.data]).toEqual([[1, 1], Float32Array.of(2)]);
  });

  test("copy long examples as well as short ones", async () => {
    const data = Float64Array.from({ length: 200 }, (_, index) => index);
    const { x } = await datasetFrom({ x: { data, dims: [2, 100] } }).read(Uint32Array.of(1));
    expect(x?.data).toEqual(data.slice(100));
  });

  test("refuse what does not fit", () => {
    expect(refusal(() => datasetFrom({ x: [1, 2], y: [1] }))).toBe('"y": has 1 examples, and "x" has 2');
    expect(refusal(() => datasetFrom({ x: { data: new Float32Array(5), dims: [2, 3] } }))).toBe(
      '"x": has 5 values, which do not make [2, 3]',
    );
    expect(refusal(() => datasetFrom({ x: [[1, 2], [3]] }))).toBe(
      '"x": has lists of 2 and of 1 values; all must be as long',
    );
    expect(refusal(() => datasetFrom({ x: [[1], 2] as unknown as number[][] }))).toContain("side by side");
    const list = { data: [1, 2] } as unknown as { data: Float32Array };
    expect(refusal(() => datasetFrom({ x: list }))).toBe(
      '"x": holds data in another form than a tensor of numbers does; give a typed array, or nested lists of numbers',
    );
    const typed = { type: "int64", data: Float64Array.of(1), dims: [1] } as unknown as HostTensor;
    expect(refusal(() => datasetFrom({ x: typed }))).toContain("a tensor of int64");
    expect(refusal(() => datasetFrom({ x: [] }))).toBe('"x": has no examples');
    expect(refusal(() => datasetFrom({}))).toBe("the data: name no arrays");
    expect(refusal(() => datasetFrom({ target: [1, 2.5] }, [target(["batch"], "int64")]))).toBe(
      '"target", example 1: holds 2.5, and the model takes whole numbers (int64)',
    );
  });
});
