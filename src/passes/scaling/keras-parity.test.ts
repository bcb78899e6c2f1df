import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { InputError } from "../../graph/errors.js";
import { readModel } from "../../graph/read-model.js";
import { structureOf } from "../structure/structure.js";
import { scalesOf } from "./scales.js";

// Golden scales are what the reference package (caadam 0.1.1, its own code) computes for the variables of Keras models;
// see fixtures/keras/export_models.py. "parameter" is the same code, given variables with unique names.
interface Golden {
  readonly variables: readonly {
    readonly path: string;
    readonly initializer: string | null;
    readonly scales: Readonly<Record<"keras" | "parameter", Readonly<Record<string, number | string>>>>;
  }[];
}

/** Models whose ONNX file has all of the Keras variables, one tensor each and in Keras' order. */
const faithful = [
  "autoencoder",
  "cnn",
  "cnn_batchnorm",
  "cnn_batchnorm_after_relu",
  "conv1d",
  "depthwise_cnn",
  "embedding_layernorm",
  "embedding_lstm",
  "gru",
  "mlp",
  "mlp_one_layer",
  "mlp_wide",
  "separable_cnn",
];

/**
 * Models where the file differs: two directions in one tensor (bidirectional_lstm), a second branch that comes first
 * (residual_cnn), value before query (transformer). The counts are the same, so the connection strategies agree.
 */
const reordered = ["bidirectional_lstm", "residual_cnn", "transformer"];

function modelAndGolden(name: string) {
  const golden = JSON.parse(readFileSync(`fixtures/keras/${name}.golden.json`, "utf8")) as Golden;
  return { structure: structureOf(readModel(`fixtures/keras/${name}.onnx`)), golden };
}

describe.each(["keras", "parameter"] as const)("convention %s equals caadam 0.1.1", (convention) => {
  const cases = [
    ...faithful.flatMap((name) => ["additive", "multiplicative", "depth"].map((strategy) => [name, strategy] as const)),
    ...reordered.flatMap((name) => ["additive", "multiplicative"].map((strategy) => [name, strategy] as const)),
  ];
  it.each(cases)("%s, %s", (name, strategyName) => {
    const strategy = strategyName as "additive" | "multiplicative" | "depth";
    const { structure, golden } = modelAndGolden(name);
    const rows = new Map(scalesOf(structure, { convention, strategy }).parameters.map((row) => [row.name, row.scale]));
    expect(golden.variables.length).toBeGreaterThan(0);
    for (const { path, initializer, scales } of golden.variables) {
      const expected = Number(scales[convention][strategy]);
      // The package computes in float32: one part in 10^6 is what its numbers can be held to.
      const error = Math.abs((rows.get(initializer ?? "") ?? Number.NaN) - expected) / Math.max(1, Math.abs(expected));
      expect(error, path).toBeLessThan(1e-6);
    }
  });
});

describe("where the reference divides by 0", () => {
  it.each(["keras", "parameter"] as const)("convention %s stops and names convention layer", (convention) => {
    const { structure } = modelAndGolden("mlp_median_is_min");
    expect(() => scalesOf(structure, { convention, strategy: "additive" })).toThrow(InputError);
    expect(() => scalesOf(structure, { convention, strategy: "additive" })).toThrow(/divides by 0.*--convention layer/);
  });

  it("convention layer gives scale 1 on the empty side", () => {
    const { structure } = modelAndGolden("mlp_median_is_min");
    const { parameters } = scalesOf(structure, { strategy: "additive" });
    expect(parameters.map(({ scale }) => scale)).toEqual([1, 1, 1, 1, 0.050000000000000044, 0.050000000000000044]);
  });
});

it("patterns match the names that a parameter may have, too", () => {
  const model = readModel("fixtures/keras/residual_cnn.onnx");
  const { layers } = structureOf(model, { freeze: ["*"], train: ["head/*"] });
  const names = layers.flatMap(({ parameters }) => parameters.map(({ tensor }) => tensor.name));
  expect(names).toEqual(["resnet_1/head_1/Cast/ReadVariableOp:0", "resnet_1/head_1/BiasAdd/ReadVariableOp:0"]);
});

describe("names of Keras variables", () => {
  it.each([...faithful, ...reordered])("%s: right or unknown, never wrong", (name) => {
    const { structure, golden } = modelAndGolden(name);
    const rows = new Map(scalesOf(structure).parameters.map((row) => [row.name, row]));
    for (const { path, initializer } of golden.variables) {
      const row = rows.get(initializer ?? "");
      expect([path, null]).toContain(row?.frameworkName);
      if (row?.frameworkNameCandidates !== undefined) expect(row.frameworkNameCandidates).toContain(path);
    }
  });
});
