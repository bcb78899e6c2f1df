import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { encodeModel } from "../../graph/encode-model.js";
import { standardModel } from "../../graph/standard-model.js";
import { elementCount } from "../../graph/tensor.js";
import { type OptimizerOptions, optimizerSettings } from "../optimizer/index.js";
import { stepNumbers } from "../optimizer/step-numbers.js";
import { portKey } from "./artifact.js";
import type { ContractTensor } from "./contract.js";
import { type UpdatedParameter, updateArtifact } from "./update-artifact.js";

const optimizers: readonly OptimizerOptions[] = [
  {},
  { amsgrad: true, weightDecay: 0.1, averageMomentum: 0.9, clip: { by: "global-norm", limit: 1 } },
  { optimizer: "adamw", epsilonPlacement: "torch", clip: { by: "norm", limit: 0.5 } },
  { optimizer: "sgd", clip: { by: "value", limit: 0.1 } },
  { optimizer: "sgd", momentum: 0.9, averageMomentum: 0.9 },
  { optimizer: "sgd", momentum: 0.9, nesterov: true, weightDecay: 0.1 },
  { beta1: 0, averageMomentum: 0 },
];

const parameters: readonly UpdatedParameter[] = [
  { name: "small", dataType: "float32", shape: [3], scaleShape: [], decays: true },
  { name: "large", dataType: "float32", shape: [300, 257], scaleShape: [], decays: true },
  { name: "double", dataType: "float64", shape: [5, 7], scaleShape: [5, 7], decays: false },
  { name: "scalar", dataType: "float32", shape: [], scaleShape: undefined, decays: true },
];

describe("an update", () => {
  it.each(optimizers.map((options) => ({ label: JSON.stringify(options), options })))(
    "gives the same bits in the memory of what it takes: $label",
    async ({ options }) => {
      const settings = optimizerSettings(options);
      const artifact = updateArtifact(parameters, settings);
      const session = await InferenceSession.create(encodeModel(standardModel(artifact.graph, "update.onnx")), {
        logSeverityLevel: 4,
      });
      const { inputs, outputs } = artifact.contract;
      const start = new Map(inputs.map((port, seed) => [portKey(port), tensorOf(port, seed)]));
      const feeds = (state: ReadonlyMap<string, Tensor>) =>
        Object.fromEntries(inputs.flatMap((port) => entry(port.name, state.get(portKey(port)))));
      const apart = new Map(start);
      const inPlace = new Map([...start].map(([key, tensor]) => [key, copyOf(tensor)]));
      const memory = Object.fromEntries(outputs.flatMap((port) => entry(port.name, inPlace.get(portKey(port)))));
      for (let step = 1; step <= 5; step++) {
        const numbers: Readonly<Record<string, number>> = { ...stepNumbers(settings, 0.01, step) };
        for (const port of inputs) {
          const value = numbers[port.role];
          if (value === undefined) continue;
          for (const state of [apart, inPlace]) floatsOf(state, port).fill(value);
        }
        const results = await session.run(feeds(apart));
        for (const port of outputs) {
          const result = results[port.name];
          if (result !== undefined) apart.set(portKey(port), result);
        }
        await session.run(feeds(inPlace), memory);
        for (const port of outputs) {
          const [values, golds] = [floatsOf(inPlace, port), floatsOf(apart, port)];
          expect(
            values.every((value, index) => Object.is(value, golds[index])),
            port.name,
          ).toBe(true);
          expect(golds.every(Number.isFinite), port.name).toBe(true);
        }
      }
      await session.release();
    },
  );

  it("does not take what its optimizer has no use for", () => {
    const rolesOf = (options: OptimizerOptions) => {
      const { contract } = updateArtifact(parameters.slice(0, 1), optimizerSettings(options));
      return contract.inputs.map(({ role }) => role);
    };
    expect(rolesOf({ optimizer: "sgd" })).toEqual(["parameter", "gradient", "scale", "alpha"]);
    expect(rolesOf({ weightDecay: 0.1, amsgrad: true })).toEqual([
      "parameter",
      "gradient",
      "moment1",
      "moment2",
      "moment2max",
      "scale",
      "alpha",
      "epsilon",
      "decay",
    ]);
  });

  it("has numbers of the type that is exact for all parameters", () => {
    const typesOf = (some: readonly UpdatedParameter[]) => {
      const { inputs } = updateArtifact(some, optimizerSettings({})).contract;
      return inputs.flatMap(({ role, dtype }) => (role === "alpha" || role === "epsilon" ? [dtype] : []));
    };
    expect(typesOf(parameters)).toEqual(["float64", "float64"]);
    expect(typesOf(parameters.slice(0, 2))).toEqual(["float32", "float32"]);
  });
});

function entry(name: string, tensor: Tensor | undefined): readonly (readonly [string, Tensor])[] {
  return tensor === undefined ? [] : [[name, tensor]];
}

function floatsOf(state: ReadonlyMap<string, Tensor>, port: ContractTensor): Float32Array {
  const tensor = state.get(portKey(port));
  if (tensor === undefined) throw new Error(`no ${port.name}`);
  return tensor.data as Float32Array;
}

/** Second moments are squares. */
function tensorOf({ role, dtype, shape }: ContractTensor, seed: number): Tensor {
  const dims = (shape ?? []).map(Number);
  const isSquare = role === "moment2" || role === "moment2max";
  const values = Array.from({ length: elementCount(dims) }, (_, index) => Math.sin(index * 12.9898 + seed * 78.233));
  const numbers = isSquare ? values.map((value) => value * value) : values;
  return dtype === "float64"
    ? new Tensor("float64", Float64Array.from(numbers), dims)
    : new Tensor("float32", Float32Array.from(numbers), dims);
}

function copyOf({ type, data, dims }: Tensor): Tensor {
  return new Tensor(type as "float32", (data as Float32Array).slice(), dims);
}
