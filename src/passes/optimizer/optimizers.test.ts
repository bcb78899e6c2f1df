import { readFileSync } from "node:fs";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import type { DataType } from "../../graph/data-type.js";
import { encodeModel } from "../../graph/encode-model.js";
import { standardModel } from "../../graph/standard-model.js";
import { elementCount } from "../../graph/tensor.js";
import { inputError } from "../../graph/testing/input-error.js";
import { fixture } from "../../graph/testing/models.js";
import { portKey } from "../training/artifact.js";
import { updateArtifact } from "../training/update-artifact.js";
import { type OptimizerOptions, optimizerSettings } from "./index.js";
import { stepNumbers } from "./step-numbers.js";

/** Updates by Keras, caadam and PyTorch: see fixtures/optimizers/make.py. */
interface Golden {
  readonly parameters: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>
  >;
  /** By step and parameter. */
  readonly gradients: readonly (readonly (readonly number[])[])[];
  readonly cases: readonly GoldenCase[];
}

interface GoldenCase {
  readonly source: string;
  readonly learningRate: number;
  readonly options: OptimizerOptions;
  readonly scales?: Readonly<Record<string, number>>;
  readonly dtypes?: Readonly<Record<string, DataType>>;
  readonly after: Readonly<Record<string, Values>>;
  readonly averages?: Readonly<Record<string, Values>>;
}

type Values = Readonly<Record<string, readonly number[]>>;

const golden = JSON.parse(readFileSync(fixture("optimizers/optimizers.json"), "utf8")) as Golden;
const cases = golden.cases.map((one) => ({ ...one, label: `${one.source}: ${labelOf(one)}` }));

/**
 * Values are below 2, and 15 steps add up roundings of 2⁻⁵³ or 2⁻²⁴ each. Where Keras trains in float32, it computes
 * √(1 − β₂ᵗ) in float32 as well, which costs it up to 3e-5 of each step, and steps are of 0.01.
 */
const tolerances: Readonly<Partial<Record<DataType, number>>> = { float64: 2e-14, float32: 5e-6 };

describe("updates are those of", () => {
  test.each(cases)("$label", async (one) => {
    const settings = optimizerSettings(one.options);
    const names = Object.keys(golden.parameters);
    const typeOf = (name: string): DataType => one.dtypes?.[name] ?? "float64";
    const artifact = updateArtifact(
      names.map((name) => ({
        name,
        dataType: typeOf(name),
        shape: golden.parameters[name]?.shape ?? [],
        scaleShape: one.scales === undefined ? undefined : [],
        decays: !(settings.withoutDecay ?? []).includes(name),
      })),
      settings,
    );
    const session = await InferenceSession.create(encodeModel(standardModel(artifact.graph, "update.onnx")), {
      logSeverityLevel: 4,
      intraOpNumThreads: 1,
    });
    const state = new Map<string, Tensor>();
    const set = (role: "parameter" | "gradient" | "average", of: string, values: Numbers) =>
      state.set(portKey({ role, of }), tensorOf(typeOf(of), values, golden.parameters[of]?.shape ?? []));
    const valuesOf = (role: "parameter" | "average", of: string) =>
      (state.get(portKey({ role, of }))?.data ?? []) as Numbers;
    for (const [name, { values }] of Object.entries(golden.parameters)) {
      set("parameter", name, values);
      set("average", name, values);
    }
    for (const [index, gradients] of golden.gradients.entries()) {
      const step = index + 1;
      for (const [parameter, name] of names.entries()) set("gradient", name, gradients[parameter] ?? []);
      const numbers: Readonly<Record<string, number>> = { ...stepNumbers(settings, one.learningRate, step) };
      const feeds = artifact.contract.inputs.map((port) => {
        const number = port.role === "scale" ? one.scales?.[port.of ?? ""] : numbers[port.role];
        const dims = (port.shape ?? []).map(Number);
        const filled = () =>
          tensorOf(
            port.dtype,
            Array.from({ length: elementCount(dims) }, () => number ?? 0),
            dims,
          );
        return [port.name, (number === undefined ? state.get(portKey(port)) : undefined) ?? filled()] as const;
      });
      const results = await session.run(Object.fromEntries(feeds));
      for (const port of artifact.contract.outputs) {
        const result = results[port.name];
        if (result !== undefined) state.set(portKey(port), result);
      }
      // Keras and PyTorch begin the average with the weights after the first step.
      if (step === 1) for (const name of names) set("average", name, valuesOf("parameter", name));
      for (const name of names) {
        const tolerance = tolerances[typeOf(name)] ?? 0;
        const what = `${name} after step ${step}`;
        expectClose(valuesOf("parameter", name), one.after[step]?.[name], tolerance, what);
        expectClose(valuesOf("average", name), one.averages?.[step]?.[name], tolerance, `average of ${what}`);
      }
    }
    await session.release();
  });
});

type Numbers = readonly number[] | Float32Array | Float64Array;

function tensorOf(type: string, values: Numbers, dims: readonly number[]): Tensor {
  return type === "float64"
    ? new Tensor("float64", Float64Array.from(values), dims)
    : new Tensor("float32", Float32Array.from(values), dims);
}

function labelOf({ options, scales, dtypes }: GoldenCase): string {
  const { optimizer, ...rest } = options;
  const types = dtypes === undefined ? "" : `in ${[...new Set(Object.values(dtypes))].join(" and ")}`;
  const scaled =
    scales === undefined
      ? ""
      : `scaled by ${Object.values(scales)
          .map((scale) => scale.toFixed(2))
          .join(", ")}`;
  return [optimizer, JSON.stringify(rest), scaled, types].filter((part) => part !== "" && part !== "{}").join(" ");
}

function expectClose(actual: Numbers, expected: readonly number[] | undefined, tolerance: number, what: string): void {
  if (expected === undefined) return;
  expect(actual.length, what).toBe(expected.length);
  const worst = expected.reduce((most, gold, index) => Math.max(most, Math.abs(gold - (actual[index] ?? NaN))), 0);
  expect(worst, what).toBeLessThan(tolerance);
}

describe("options", () => {
  const refused = (options: OptimizerOptions) => inputError(() => optimizerSettings(options)).message;

  test("have the defaults of the command line", () => {
    expect(optimizerSettings({})).toEqual({
      name: "caadam",
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-7,
      epsilonPlacement: "keras",
      amsgrad: false,
    });
    expect(optimizerSettings({ optimizer: "sgd" })).toEqual({ name: "sgd", momentum: 0, nesterov: false });
    expect(optimizerSettings({ optimizer: "adamw" }).weightDecay).toBe(0.01);
    expect(optimizerSettings({ optimizer: "adamw", weightDecay: 0 })).not.toHaveProperty("weightDecay");
  });

  test("that an optimizer does not have are refused", () => {
    expect(refused({ optimizer: "sgd", beta1: 0.9 })).toBe("--beta1: means nothing to sgd");
    expect(refused({ optimizer: "sgd", epsilonPlacement: "torch" })).toBe("--epsilon-placement: means nothing to sgd");
    expect(refused({ optimizer: "adam", momentum: 0.9 })).toBe("--momentum: means nothing to adam");
    expect(refused({ optimizer: "sgd", nesterov: true })).toBe("--nesterov: needs a momentum; give --momentum");
    expect(refused({ withoutDecay: ["*.bias"] })).toMatch(/^--without-decay: means nothing where no weight decays/);
    expect(refused({ optimizer: "adagrad" as "adam" })).toBe(
      "--optimizer adagrad: is none of caadam, adam, adamw, sgd",
    );
  });

  test("out of range are refused", () => {
    for (const [options, flag] of [
      [{ beta1: 1 }, "--beta1 1"],
      [{ beta2: -0.1 }, "--beta2 -0.1"],
      [{ averageMomentum: Number.NaN }, "--ema NaN"],
      [{ optimizer: "sgd", momentum: 1.5 }, "--momentum 1.5"],
      [{ epsilon: -1 }, "--epsilon -1"],
      [{ weightDecay: Infinity }, "--weight-decay Infinity"],
      [{ clip: { by: "global-norm", limit: 0 } }, "--clip-global-norm 0"],
    ] as const) {
      expect(refused(options)).toContain(`${flag}: is out of range: it takes`);
    }
  });
});
