import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fixture } from "../../graph/testing/models.js";
import { float32Tensor, graphBuilder, type GraphBuilder, modelOf } from "../../graph/builder.js";
import { readModel } from "../../graph/read-model.js";
import { numberTensor } from "../../graph/tensor.js";
import { structureOf } from "../structure/structure.js";
import { type InitializationOptions, initialize, type InitializedTensor } from "./initialize.js";

/** What the frameworks' own initializers draw for the weights of the models in fixtures/: fixtures/initialization/make_goldens.py. */
interface Goldens {
  readonly pytorch: Readonly<Record<string, Deviations>>;
  readonly keras: Readonly<Record<string, Deviations>>;
}
type Deviations = Readonly<Record<string, Readonly<Record<string, number>>>>;

const goldens = JSON.parse(readFileSync(fixture("initialization/goldens.json"), "utf8")) as Goldens;

const schemeOf: Readonly<Record<string, InitializationOptions>> = {
  he: { scheme: "he" },
  "he-fan-out": { scheme: "he", fan: "out" },
  glorot: { scheme: "glorot" },
  lecun: { scheme: "lecun" },
};

function valuesOf(
  build: (graph: GraphBuilder, x: string) => string,
  options: InitializationOptions = {},
  selection: { readonly freeze?: readonly string[]; readonly train?: readonly string[] } = {},
): ReadonlyMap<string, InitializedTensor> {
  const graph = graphBuilder("test");
  graph.output(build(graph, graph.input("x", "float32")), "float32");
  return initialize(structureOf(modelOf(graph.graph()), selection), options);
}

/** A product with a weight of that shape. */
const linear =
  (rows: number, columns: number, name = "weight") =>
  (graph: GraphBuilder, x: string) =>
    graph.node("MatMul", [x, graph.initializer(float32Tensor(name, [rows, columns]))]);

function numbers(values: ReadonlyMap<string, InitializedTensor>, name: string): readonly number[] {
  return [...(values.get(name)?.data ?? [])];
}

/** The root of the mean square. */
function deviation(data: Iterable<number>): number {
  const squares = Array.from(data, (value) => value * value);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
}

describe("standard deviations", () => {
  const cases = (["pytorch", "keras"] as const).flatMap((framework) =>
    Object.entries(goldens[framework]).map(([file, deviations]) => ({ framework, file, deviations })),
  );

  it.each(cases)("$framework: $file", ({ framework, file, deviations }) => {
    const structure = structureOf(readModel(`fixtures/${framework}/${file}`));
    for (const [scheme, options] of Object.entries(schemeOf)) {
      const values = initialize(structure, { ...options, recurrent: "scheme", seed: 1 });
      for (const [name, expected] of Object.entries(deviations)) {
        const wanted = expected[scheme];
        if (wanted === undefined) continue;
        const data = numbers(values, name);
        expect(data.length).toBeGreaterThan(0);
        // Five standard errors of the variance of a uniform distribution, whose kurtosis is 1.8.
        const tolerance = 5 * Math.sqrt(0.8 / data.length);
        expect(Math.abs(deviation(data) ** 2 / wanted ** 2 - 1), `${name} ${scheme}`).toBeLessThan(tolerance);
        // The limits are exact, and a large tensor comes close to them.
        const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expect(largest).toBeLessThanOrEqual(wanted * Math.sqrt(3) * (1 + 1e-6));
        expect(largest).toBeGreaterThan(wanted * Math.sqrt(3) * (1 - 12 / data.length));
      }
    }
  });

  it("gain multiplies them", () => {
    const [plain, doubled] = [1, 2].map((gain) => numbers(valuesOf(linear(30, 20), { gain }), "weight"));
    expect(doubled).toEqual(plain?.map((value) => 2 * value));
  });
});

describe("distributions", () => {
  const count = 400_000;
  const sample = (distribution: NonNullable<InitializationOptions["distribution"]>) =>
    numbers(valuesOf(linear(400, 1000), { scheme: "lecun", distribution }), "weight").map((value) => value * 20);

  /** The share of numbers up to a limit is what theory says, within five standard errors. */
  function expectShare(data: readonly number[], limit: number, share: number): void {
    const counted = data.filter((value) => value <= limit).length / data.length;
    expect(Math.abs(counted - share)).toBeLessThan(5 * Math.sqrt((share * (1 - share)) / data.length));
  }

  it.each(["uniform", "normal", "truncated-normal"] as const)("%s has mean 0 and variance 1", (distribution) => {
    const data = sample(distribution);
    expect(data).toHaveLength(count);
    const mean = data.reduce((sum, value) => sum + value, 0) / count;
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(count));
    expect(Math.abs(deviation(data) ** 2 - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
  });

  it("uniform", () => {
    const data = sample("uniform");
    for (const share of [0.1, 0.25, 0.5, 0.9]) expectShare(data, (2 * share - 1) * Math.sqrt(3), share);
  });

  it("normal: Φ(-2), Φ(-1), Φ(0.5), Φ(3)", () => {
    const data = sample("normal");
    for (const [limit, share] of [
      [-2, 0.022750132],
      [-1, 0.158655254],
      [0.5, 0.691462461],
      [3, 0.998650102],
    ] as const) {
      expectShare(data, limit, share);
    }
  });

  it("truncated normal: two deviations of what is cut off, and (Φ(z) - Φ(-2)) / (Φ(2) - Φ(-2)) below them", () => {
    const data = sample("truncated-normal").map((value) => value * 0.87962566);
    expect(data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)).toBeLessThanOrEqual(2.000001);
    expectShare(data, -1, (0.158655254 - 0.022750132) / 0.954499736);
    expectShare(data, 0.5, (0.691462461 - 0.022750132) / 0.954499736);
  });

  it("neighbours are independent of each other", () => {
    const data = sample("normal");
    for (const lag of [1, 2, 3]) {
      const product = data.slice(lag).reduce((sum, value, index) => sum + value * (data[index] ?? 0), 0) / count;
      expect(Math.abs(product)).toBeLessThan(5 / Math.sqrt(count));
    }
  });
});

describe("seeds", () => {
  const two = (graph: GraphBuilder, x: string) => linear(8, 5, "second")(graph, linear(4, 8, "first")(graph, x));

  it("the same numbers for the same seed and name, whatever else is in the model", () => {
    const [alone, together] = [valuesOf(linear(4, 8, "first")), valuesOf(two)];
    expect(numbers(together, "first")).toEqual(numbers(alone, "first"));
  });

  it("other numbers for another seed and another name", () => {
    const first = numbers(valuesOf(linear(4, 8, "first"), { seed: 1 }), "first");
    expect(numbers(valuesOf(linear(4, 8, "first"), { seed: 2 }), "first")).not.toEqual(first);
    expect(numbers(valuesOf(linear(4, 8, "other"), { seed: 1 }), "other")).not.toEqual(first);
  });

  it.each([
    [{ seed: 0.5 }, /--seed 0.5/],
    [{ seed: Number.NaN }, /--seed NaN/],
    [{ gain: 0 }, /--gain 0/],
    [{ forgetBias: Infinity }, /--forget-bias Infinity/],
    [{ scheme: "xavier" } as unknown as InitializationOptions, /--scheme xavier: is none of he, glorot, lecun/],
  ])("refuses %o", (options, message) => {
    expect(() => valuesOf(linear(4, 8), options)).toThrow(message);
  });
});

describe("roles", () => {
  it("biases 0, scales of normalizations 1, their biases 0", () => {
    const values = valuesOf((graph, x) => {
      const constants = ["bias", "scale", "shift"].map((name) =>
        graph.initializer(float32Tensor(name, [3], [7, 8, 9])),
      );
      const [bias = "", scale = "", shift = ""] = constants;
      const product = graph.node("Gemm", [x, graph.initializer(float32Tensor("weight", [2, 3])), bias]);
      return graph.node("LayerNormalization", [product, scale, shift]);
    });
    expect([...values.keys()]).toEqual(["weight", "bias", "scale", "shift"]);
    expect(["bias", "scale", "shift"].map((name) => numbers(values, name))).toEqual([
      [0, 0, 0],
      [1, 1, 1],
      [0, 0, 0],
    ]);
  });

  it("embeddings between -0.05 and 0.05, position embeddings normal with a deviation of 0.02", () => {
    const values = initialize(structureOf(readModel("fixtures/pytorch/vit.torchscript.onnx")));
    const free = [...values].find(([name]) => name.includes("pos"))?.[1].data ?? [];
    expect(deviation(free)).toBeCloseTo(0.02, 2);
    const embedded = initialize(structureOf(readModel("fixtures/pytorch/gpt2.torchscript.onnx")));
    const table = [...embedded].find(([name]) => name.includes("wte"))?.[1].data ?? [];
    expect(deviation(table)).toBeCloseTo(0.05 / Math.sqrt(3), 3);
    expect(table.every((value) => Math.abs(value) <= 0.05)).toBe(true);
  });

  it("what only multiplies starts at 1, slopes of PRelu at 0.25", () => {
    const values = valuesOf((graph, x) => {
      const factor = graph.initializer(float32Tensor("factor", [4], [5, 5, 5, 5]));
      const slope = graph.initializer(float32Tensor("slope", [4], [5, 5, 5, 5]));
      return graph.node("PRelu", [graph.node("Mul", [x, factor]), slope]);
    });
    expect(numbers(values, "factor")).toEqual([1, 1, 1, 1]);
    expect(numbers(values, "slope")).toEqual([0.25, 0.25, 0.25, 0.25]);
  });

  it("float64 parameters get float64, half-precision ones float32", () => {
    const types = (["float64", "float16", "bfloat16"] as const).map((dataType) => {
      const graph = graphBuilder("test");
      const weight = graph.initializer(numberTensor("weight", dataType, [2, 2], [0, 0, 0, 0]));
      graph.output(graph.node("MatMul", [graph.input("x", dataType), weight]), dataType);
      return initialize(structureOf(modelOf(graph.graph()))).get("weight")?.type;
    });
    expect(types).toEqual(["float64", "float32", "float32"]);
  });
});

describe("recurrent layers", () => {
  const lstm = (graph: GraphBuilder, x: string) => {
    const shapes = { W: [2, 20, 3], R: [2, 20, 5], B: [2, 40] };
    const weights = Object.entries(shapes).map(([name, shape]) => graph.initializer(float32Tensor(name, shape)));
    return graph.node("LSTM", [x, ...weights], { hidden_size: 5, direction: "bidirectional" });
  };

  it("recurrent kernels are orthogonal, each direction its own", () => {
    const data = numbers(valuesOf(lstm), "R");
    const columns = (direction: number) =>
      [0, 1, 2, 3, 4].map((column) =>
        Array.from({ length: 20 }, (_, row) => data[direction * 100 + row * 5 + column] ?? 0),
      );
    for (const direction of [0, 1]) {
      for (const [i, a] of columns(direction).entries()) {
        for (const [j, b] of columns(direction).entries()) {
          const product = a.reduce((sum, value, row) => sum + value * (b[row] ?? 0), 0);
          expect(product).toBeCloseTo(i === j ? 1 : 0, 6);
        }
      }
    }
    expect(columns(0)).not.toEqual(columns(1));
  });

  it("the forget gate's bias is 1 in the input's half, in each direction, and all others 0", () => {
    const block = (value: number) => Array.from({ length: 5 }, () => value);
    const direction = [0, 0, 1, 0, 0, 0, 0, 0].flatMap(block);
    expect(numbers(valuesOf(lstm), "B")).toEqual([...direction, ...direction]);
    expect(numbers(valuesOf(lstm, { forgetBias: 0 }), "B")).toEqual(Array.from({ length: 80 }, () => 0));
  });
});

describe("running statistics", () => {
  const normalized = (graph: GraphBuilder, x: string, name: string) => {
    const constants = ["scale", "shift", "mean", "variance"].map((part) =>
      graph.initializer(float32Tensor(`${name}.${part}`, [4], [5, 6, 7, 8])),
    );
    return graph.node("BatchNormalization", [x, ...constants]);
  };
  const two = (graph: GraphBuilder, x: string) =>
    normalized(graph, linear(4, 4, "b")(graph, normalized(graph, linear(4, 4, "a")(graph, x), "first")), "second");

  it("go back to 0 and 1", () => {
    const values = valuesOf(two);
    expect(numbers(values, "first.mean")).toEqual([0, 0, 0, 0]);
    expect(numbers(values, "second.variance")).toEqual([1, 1, 1, 1]);
  });

  it("stay where no new weight is before them, and where they are frozen", () => {
    expect([...valuesOf(two, {}, { freeze: ["a"] }).keys()]).toContain("first.scale");
    expect([...valuesOf(two, {}, { freeze: ["a", "first.*"] }).keys()]).toEqual([
      "b",
      "second.scale",
      "second.shift",
      "second.mean",
      "second.variance",
    ]);
    expect([...valuesOf(two, {}, { freeze: ["a", "first.scale", "first.shift", "second.*"] }).keys()]).toEqual(["b"]);
    const head = valuesOf(two, {}, { freeze: ["*"], train: ["b", "second.*"] });
    expect([...head.keys()].toSorted()).toEqual([
      "b",
      "second.mean",
      "second.scale",
      "second.shift",
      "second.variance",
    ]);
    expect(numbers(head, "second.mean")).toEqual([0, 0, 0, 0]);
    expect(numbers(head, "second.variance")).toEqual([1, 1, 1, 1]);
  });
});
