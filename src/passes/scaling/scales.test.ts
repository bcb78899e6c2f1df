import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, modelOf } from "../../graph/builder.js";
import { InputError } from "../../graph/errors.js";
import { readModel } from "../../graph/read-model.js";
import { structureOf } from "../structure/structure.js";
import type { StrategyName } from "./scale-table.js";
import { scalesOf } from "./scales.js";
import { strategies } from "./strategies.js";

/** A multilayer perceptron with these widths, as PyTorch exports it. */
function mlp(widths: readonly number[]) {
  const graph = graphBuilder("mlp");
  let value = graph.input("x", "float32", ["batch", widths[0] ?? 1]);
  for (const [index, width] of widths.slice(1).entries()) {
    const name = `fc${index + 1}`;
    const weight = graph.initializer(float32Tensor(`${name}.weight`, [width, widths[index] ?? 1]));
    const bias = graph.initializer(float32Tensor(`${name}.bias`, [width]));
    value = graph.node("Gemm", [value, weight, bias], { transB: 1 }, { name: `/${name}/Gemm` });
    if (index + 2 < widths.length) value = graph.node("Relu", [value]);
  }
  graph.output(value, "float32");
  return structureOf(modelOf(graph.graph()));
}

function scales(structure: ReturnType<typeof mlp>, options: Parameters<typeof scalesOf>[1]) {
  const { parameters } = scalesOf(structure, options);
  const of = (role: string) => parameters.filter((row) => row.role === role).map(({ scale }) => scale);
  return { kernels: of("kernel"), biases: of("bias") };
}

/** A GRU that resets after the product, its two biases stored as one, or as PyTorch does: apart. */
function gru(areBiasesApart: boolean) {
  const graph = graphBuilder("gru");
  const stored = (name: string, shape: readonly number[]) => graph.initializer(float32Tensor(name, shape));
  const apart = () => graph.node("Concat", [stored("bias_ih", [1, 12]), stored("bias_hh", [1, 12])], { axis: 1 });
  const bias = areBiasesApart ? apart() : stored("bias", [1, 24]);
  const inputs = [graph.input("x", "float32"), stored("w", [1, 12, 5]), stored("r", [1, 12, 4]), bias];
  graph.output(graph.node("GRU", inputs, { hidden_size: 4, linear_before_reset: 1 }), "float32");
  return structureOf(modelOf(graph.graph()));
}

describe("a GRU with linear_before_reset, under the convention parameter", () => {
  const connections = (structure: ReturnType<typeof gru>) => {
    const { parameters } = scalesOf(structure, { strategy: "additive", convention: "parameter" });
    return parameters.map((row) => row.connections);
  };

  it("has a matrix of two rows as its bias", () => {
    expect(connections(gru(false))).toEqual([60, 48, 24]);
  });

  it("has two vectors as its biases where the file keeps them apart", () => {
    expect(connections(gru(true))).toEqual([60, 48, 0, 0]);
  });
});

describe("the worked example, 8-64-32-1", () => {
  const example = mlp([8, 64, 32, 1]);

  it.each([
    ["additive", [1, 0.05, 1.95]],
    ["multiplicative", [1, 5, 5]],
    ["multiplicative-signed", [1, 0.2, 5]],
    ["depth", [2 ** (2 / 3), 2 ** (1 / 3), 1]],
    ["none", [1, 1, 1]],
  ] as const)("convention layer, %s", (strategy, expected) => {
    const { kernels, biases } = scales(example, { strategy });
    for (const [index, scale] of expected.entries()) expect(kernels[index]).toBeCloseTo(scale, 12);
    expect(biases).toEqual(kernels);
  });

  it("convention parameter", () => {
    const additive = scales(example, { strategy: "additive", convention: "parameter" });
    for (const [index, scale] of [1, 0.05, 1.95].entries()) expect(additive.kernels[index]).toBeCloseTo(scale, 12);
    for (const scale of additive.biases) expect(scale).toBeCloseTo(2.013333333333333, 12);
    const multiplicative = scales(example, { convention: "parameter" });
    for (const scale of multiplicative.biases) expect(scale).toBeCloseTo(5 ** (16 / 15), 12);
  });

  it("convention keras", () => {
    expect(scales(example, { strategy: "additive", convention: "keras" }).kernels).toEqual([1.95, 1.95, 1.95]);
    for (const scale of scales(example, { convention: "keras" }).kernels) expect(scale).toBeCloseTo(5, 12);
  });

  it("statistics are those of the kernels", () => {
    expect(scalesOf(example).statistics).toEqual({
      minConnections: 32,
      medianConnections: 512,
      maxConnections: 2048,
      totalDepth: 3,
    });
  });
});

describe("scales", () => {
  const widths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 7 });
  const strategyNames = [...strategies.keys()];
  const strategy = fc.constantFrom<StrategyName[]>(...strategyNames);

  it("stay within the strategy's range and are 1 where all kernels are of one size", () => {
    const ranges: Record<StrategyName, readonly [number, number]> = {
      additive: [0.05, 1.95],
      multiplicative: [1, 5],
      "multiplicative-signed": [0.2, 5],
      depth: [1, 2],
      none: [1, 1],
    };
    fc.assert(
      fc.property(widths, strategy, (layers, name) => {
        const [least, most] = ranges[name];
        for (const { scale } of scalesOf(mlp(layers), { strategy: name }).parameters) {
          expect(scale).toBeGreaterThanOrEqual(least - 1e-12);
          expect(scale).toBeLessThanOrEqual(most + 1e-12);
        }
      }),
      { numRuns: 60 },
    );
    expect(scales(mlp([4, 4, 4]), {}).kernels).toEqual([1, 1]);
  });

  it("have the element-weighted geometric mean 1 when normalized, in the same proportions", () => {
    fc.assert(
      fc.property(widths, strategy, (layers, name) => {
        const structure = mlp(layers);
        const plain = scalesOf(structure, { strategy: name }).parameters;
        const rows = scalesOf(structure, { strategy: name, normalize: true }).parameters;
        const elements = rows.reduce((sum, row) => sum + row.elements, 0);
        const mean = rows.reduce((sum, row) => sum + (row.elements / elements) * Math.log(row.scale), 0);
        expect(Math.abs(mean)).toBeLessThan(1e-12);
        const ratios = rows.map((row, index) => row.scale / (plain[index]?.scale ?? Number.NaN));
        for (const ratio of ratios) expect(ratio).toBeCloseTo(ratios[0] ?? Number.NaN, 12);
      }),
      { numRuns: 60 },
    );
  });

  it("follow gamma", () => {
    expect(scales(mlp([8, 64, 32, 1]), { strategy: "additive", gamma: 0.5 }).kernels).toEqual([1, 0.5, 1.5]);
    expect(scales(mlp([8, 64, 32, 1]), { strategy: "depth", gamma: 3 }).kernels[0]).toBeCloseTo(4 ** (2 / 3), 12);
  });

  it.each([
    ["multiplicative", 0],
    ["multiplicative-signed", -1],
    ["depth", -1],
    ["additive", Number.NaN],
    ["multiplicative", Number.POSITIVE_INFINITY],
  ] as const)("%s refuses gamma %d", (name, gamma) => {
    expect(() => scalesOf(mlp([8, 4, 1]), { strategy: name, gamma })).toThrow(InputError);
  });

  it("are refused where they would climb, or are no numbers", () => {
    expect(() => scalesOf(mlp([8, 64, 32, 1]), { strategy: "additive", gamma: 2 })).toThrow(
      /gives "fc2.weight" the scale -1/,
    );
    const huge = { convention: "parameter", gamma: 1e308 } as const;
    expect(() => scalesOf(mlp([8, 64, 32, 1]), huge)).toThrow(/the scale Infinity/);
  });

  it("count recurrent weights that are stored without the axis of directions", () => {
    const structure = structureOf(readModel("fixtures/pytorch/lstm_regressor.dynamo.onnx"));
    const { statistics, parameters } = scalesOf(structure, { convention: "parameter" });
    expect(statistics.maxConnections).toBe(9216);
    const counts = parameters.map(({ role, shape, connections }) => [role, shape.length, connections]);
    expect(counts).toContainEqual(["recurrent", 2, 9216]);
    expect(counts).toContainEqual(["bias", 2, 0]);
  });

  it("count a PReLU slope as a vector, though exporters give it the rank of its input", () => {
    const graph = graphBuilder("prelu");
    const x = graph.input("x", "float32");
    const convolved = graph.node("Conv", [x, graph.initializer(float32Tensor("w", [8, 3, 3, 3]))]);
    const slope = graph.initializer(float32Tensor("slope", [8, 1, 1]));
    const active = graph.node("PRelu", [convolved, slope]);
    graph.output(graph.node("Conv", [active, graph.initializer(float32Tensor("v", [4, 8, 3, 3]))]), "float32");
    const { statistics } = scalesOf(structureOf(modelOf(graph.graph())), { convention: "parameter" });
    expect(statistics).toMatchObject({ minConnections: 216, maxConnections: 288 });
  });

  it("refuse to be normalized where one is not positive", () => {
    expect(() => scalesOf(mlp([8, 64, 32, 1]), { strategy: "additive", gamma: 1, normalize: true })).toThrow(
      /needs positive scales.*fc2/,
    );
  });
});
