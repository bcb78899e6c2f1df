import { describe, expect, it } from "vitest";
import { attributesOf } from "../../graph/builder.js";
import { Emitter, type Value } from "../../graph/emitter.js";
import { Operators } from "../../graph/operators.js";
import type { Shape } from "../../graph/shapes/extent.js";
import { standardModel } from "../../graph/standard-model.js";
import { refusal } from "../../graph/testing/input-error.js";
import { node } from "../../graph/testing/models.js";
import { type PlainTensor, runModel } from "../../graph/testing/run-model.js";
import { differentiate } from "../gradient/differentiate.js";
import { Dropouts } from "./dropout.js";

const dropout = node("Dropout", ["x", "ratio"], ["y", "mask"], { name: "drop" });

/** A graph with Dropout nodes, one for each of these ratios, all of one input. */
function dropped(ratios: readonly number[], shape: Shape, dataType: "float32" | "float64" = "float32") {
  const emitter = new Emitter();
  const g = new Operators(emitter);
  const x = emitter.input("x", { dataType, shape });
  const dropouts = new Dropouts(emitter, true);
  const outputs = ratios.map((ratio) =>
    dropouts.rewrite({ emitter, node: dropout, inputs: [x, g.scalar(ratio, dataType)] }),
  );
  return { emitter, g, x, dropouts, outputs };
}

/** What the nodes make of ones, for a seed. */
async function run(
  graph: ReturnType<typeof dropped>,
  shape: readonly number[],
  seed: number,
  values: readonly (Value | undefined)[] = graph.outputs.map((outputs) => outputs?.[0]),
): Promise<readonly PlainTensor[]> {
  const outputs = values.map((value, index) => ({ name: `o${index}`, value: value ?? expect.fail() }));
  const count = shape.reduce((product, extent) => product * extent, 1);
  const { dataType } = graph.x;
  const results = await runModel(standardModel(graph.emitter.graph("g", outputs), "g"), {
    x: { dataType, shape, values: Array.from({ length: count }, () => 1) },
    ...(graph.dropouts.seed === undefined ? {} : { seed: { dataType: "int64", shape: [], values: [seed] } }),
  });
  return outputs.map(({ name }) => results[name] ?? expect.fail());
}

/** 1 where an element was kept, 0 where it was dropped. */
function keptOf({ values }: PlainTensor): readonly number[] {
  return values.map((value) => (value === 0 ? 0 : 1));
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** The correlation of two lists, in standard deviations of that of independent ones. */
function correlation(a: readonly number[], b: readonly number[]): number {
  const length = Math.min(a.length, b.length);
  const [meanA, meanB] = [mean(a), mean(b)];
  let [both, squareA, squareB] = [0, 0, 0];
  for (let index = 0; index < length; index++) {
    const [left, right] = [(a[index] ?? 0) - meanA, (b[index] ?? 0) - meanB];
    both += left * right;
    squareA += left * left;
    squareB += right * right;
  }
  return (both / Math.sqrt(squareA * squareB)) * Math.sqrt(length);
}

const size = 1 << 16;

describe("masks look random", () => {
  it.each([0.05, 0.1, 0.3, 0.5, 0.75, 0.9])("with a share of %d dropped", async (ratio) => {
    const graph = dropped([ratio], ["n"]);
    const shares: number[] = [];
    for (const seed of [0, 1, 2, 12345, 2 ** 31, 2 ** 32 - 1]) {
      const [y] = await run(graph, [size], seed);
      if (y === undefined) throw new Error("no output");
      const scale = Math.fround(1 / (1 - Math.fround(ratio)));
      expect(new Set(y.values)).toEqual(new Set([0, scale]));
      shares.push(1 - mean(keptOf(y)));
    }
    const deviation = Math.sqrt((ratio * (1 - ratio)) / size);
    for (const share of shares) expect(Math.abs(share - ratio) / deviation).toBeLessThan(4);
    expect(Math.abs(mean(shares) - ratio) / deviation).toBeLessThan(4 / Math.sqrt(shares.length));
  });

  it("independent between nodes and between seeds, near ones too", async () => {
    const graph = dropped([0.5, 0.5, 0.5, 0.3], [size]);
    const masks: (readonly number[])[] = [];
    for (const seed of [0, 1, 2, 2 ** 16, 2 ** 31]) masks.push(...(await run(graph, [size], seed)).map(keptOf));
    const correlations = masks.flatMap((a, index) => masks.slice(index + 1).map((b) => Math.abs(correlation(a, b))));
    // 190 pairs: one of independent ones exceeds 4.5 once in a thousand times.
    expect(Math.max(...correlations)).toBeLessThan(4.5);
  });

  it("independent between positions, whatever their distance", async () => {
    const graph = dropped([0.5, 0.2], [size]);
    for (const mask of (await run(graph, [size], 7)).map(keptOf)) {
      for (const distance of [1, 2, 3, 4, 7, 8, 16, 31, 32, 64, 100, 128, 256, 784, 1024, 4096, 1 << 15]) {
        expect([distance, Math.abs(correlation(mask, mask.slice(distance)))]).toEqual([
          distance,
          expect.toSatisfy((value: number) => value < 4),
        ]);
      }
    }
  });

  it("with every pattern of eight neighbours as often as any other", async () => {
    const graph = dropped([0.5], [size]);
    for (const seed of [3, 4]) {
      const [y] = await run(graph, [size], seed);
      const kept = keptOf(y ?? expect.fail());
      const counts = Array.from({ length: 256 }, () => 0);
      for (let start = 0; start < size; start += 8) {
        const pattern = kept.slice(start, start + 8).reduce((bits, bit) => bits * 2 + bit, 0);
        counts[pattern] = (counts[pattern] ?? 0) + 1;
      }
      const expected = size / 8 / 256;
      const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      // 255 degrees of freedom: mean 255, standard deviation 22.6.
      expect(Math.abs(chiSquare - 255) / Math.sqrt(2 * 255)).toBeLessThan(4);
    }
  });

  it("at each position from seed to seed", async () => {
    const length = 64;
    const graph = dropped([0.5], [length]);
    const masks: (readonly number[])[] = [];
    for (let seed = 0; seed < 400; seed++) masks.push(keptOf((await run(graph, [length], seed))[0] ?? expect.fail()));
    const shares = Array.from({ length }, (_, position) => mean(masks.map((mask) => mask[position] ?? 0)));
    for (const share of shares) expect(Math.abs(share - 0.5) / Math.sqrt(0.25 / masks.length)).toBeLessThan(4.5);
    expect(new Set(masks.map((mask) => mask.join(""))).size).toBe(masks.length);
  });
});

describe("a mask", () => {
  it("follows from the seed alone", async () => {
    const [one, other] = [dropped([0.4, 0.4], ["n", 8]), dropped([0.4, 0.4], [64, 8])];
    const first = await run(one, [64, 8], 99);
    expect(await run(one, [64, 8], 99)).toEqual(first);
    expect(await run(other, [64, 8], 99)).toEqual(first);
    expect(await run(one, [64, 8], 100)).not.toEqual(first);
  });

  it("is put out where the model wants it, and is that of the gradient", async () => {
    const graph = dropped([0.4], [32]);
    const [y, mask] = graph.outputs[0] ?? [];
    if (y === undefined || mask === undefined) throw new Error("no output");
    const seeds = [{ value: y, gradient: graph.g.onesLike(y) }];
    const [gradient] = differentiate(graph.g, { seeds, towards: [graph.x] });
    const [values, kept, towardsX] = await run(graph, [32], 5, [y, mask, gradient]);
    expect(kept).toMatchObject({ dataType: "bool", shape: [32] });
    expect(kept?.values).toEqual(keptOf(values ?? expect.fail()));
    expect(towardsX).toEqual(values);
  });

  it.each<[string, Shape, readonly number[]]>([
    ["a scalar", [], []],
    ["no elements", ["n", 3], [0, 3]],
    ["many axes", ["n", 2, "m", 3], [4, 2, 5, 3]],
  ])("has the shape of its data: %s", async (_, shape, extents) => {
    const [y] = await run(dropped([0.5], shape), extents, 1);
    expect(y?.shape).toEqual(extents);
  });

  it("is there for float64, too", async () => {
    const [y] = await run(dropped([0.25], [1000], "float64"), [1000], 1);
    expect(y?.dataType).toBe("float64");
    expect(new Set(y?.values)).toEqual(new Set([0, 1 / 0.75]));
  });

  it("of everything leaves nothing", async () => {
    const [y] = await run(dropped([1], [1000]), [1000], 1);
    expect(new Set(y?.values)).toEqual(new Set([0]));
  });

  it("drops half where the node says nothing", async () => {
    const emitter = new Emitter();
    const x = emitter.input("x", { dataType: "float32", shape: [size] });
    const dropouts = new Dropouts(emitter, true);
    const given = node("Dropout", ["x"], ["y"], { attributes: attributesOf({ seed: 1 }) });
    const outputs = [dropouts.rewrite({ emitter, node: given, inputs: [x] })];
    const [y] = await run({ emitter, g: new Operators(emitter), x, dropouts, outputs }, [size], 1);
    expect(Math.abs(mean(keptOf(y ?? expect.fail())) - 0.5)).toBeLessThan(0.01);
  });
});

describe("no seed is asked for", () => {
  it("where nothing is dropped", () => {
    const { x, dropouts, outputs } = dropped([0], ["n"]);
    expect(outputs[0]?.[0]).toBe(x);
    expect(dropouts.seed).toBeUndefined();
  });

  it("where dropout is off, whatever the ratio, even one that only running the model tells", async () => {
    const emitter = new Emitter();
    const [x, ratio] = [["n"], []].map((shape) => emitter.input("x", { dataType: "float32", shape }));
    const dropouts = new Dropouts(emitter, false);
    const outputs = dropouts.rewrite({ emitter, node: dropout, inputs: [x, ratio] });
    expect(outputs?.[0]).toBe(x);
    expect(dropouts.seed).toBeUndefined();
    const graph = emitter.graph("g", [{ name: "mask", value: outputs?.[1] ?? expect.fail() }]);
    const results = await runModel(standardModel(graph, "g"), {
      x: { dataType: "float32", shape: [2], values: [0, 1] },
      [ratio?.name ?? ""]: { dataType: "float32", shape: [], values: [0.5] },
    });
    expect(results["mask"]).toEqual({ dataType: "bool", shape: [2], values: [1, 1] });
  });
});

it("a share that only running the model tells is refused", () => {
  const emitter = new Emitter();
  const [x, ratio] = [["n"], []].map((shape) => emitter.input("x", { dataType: "float32", shape }));
  const dropouts = new Dropouts(emitter, true);
  expect(refusal(() => dropouts.rewrite({ emitter, node: dropout, inputs: [x, ratio] }))).toMatch(
    /^Dropout "drop": drops a share that only running the model tells; /,
  );
});

it("other nodes are left alone", () => {
  const { emitter, x, dropouts } = dropped([], ["n"]);
  expect(dropouts.rewrite({ emitter, node: node("Relu", ["x"], ["y"]), inputs: [x] })).toBeUndefined();
  const foreign = node("Dropout", ["x"], ["y"], { domain: "com.example" });
  expect(dropouts.rewrite({ emitter, node: foreign, inputs: [x] })).toBeUndefined();
});
