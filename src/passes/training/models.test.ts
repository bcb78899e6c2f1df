import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { DataType } from "../../graph/data-type.js";
import type { Model } from "../../graph/model.js";
import { readModel } from "../../graph/read-model.js";
import { fixture } from "../../graph/testing/models.js";
import { repeatedNodes } from "../../graph/testing/repeated-nodes.js";
import { type PlainTensor, runModel } from "../../graph/testing/run-model.js";
import type { LossName, LossOptions } from "../loss/loss.js";
import { initialState } from "./initial-state.js";
import type { LossSpecification } from "./losses.js";
import { rewrite, type TrainingArtifacts } from "./rewrite.js";

/** Losses and gradients of whole models by PyTorch's autograd: see fixtures/training/make_goldens.py. */
interface Golden {
  readonly name: string;
  readonly model: string;
  readonly loss: GoldenLoss;
  readonly mode: { readonly batchNorm: "training" | "inference"; readonly dropout: boolean };
  readonly inputs: Readonly<Record<string, GoldenTensor>>;
  readonly target?: GoldenTensor;
  readonly targets?: Readonly<Record<string, GoldenTensor & { readonly loss: GoldenLoss; readonly weight: number }>>;
  readonly lossValue: number;
  readonly gradients: Readonly<Record<string, GoldenGradient>>;
  readonly buffers?: Readonly<Record<string, readonly number[] | GoldenTensor>>;
}

type GoldenLoss =
  | ({ readonly name: LossName | "binary-cross-entropy"; readonly outputIs?: string } & LossOptions)
  | { readonly name: "weighted-sum" }
  | { readonly name: "output"; readonly output: string };

interface GoldenTensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

interface GoldenGradient {
  readonly shape: readonly number[];
  readonly norm: number;
  readonly values: readonly number[];
  readonly sensitivity?: number;
  readonly zero?: boolean;
  readonly scale?: number;
  readonly constant?: boolean;
  readonly untaken?: boolean;
}

/** Parameters that the exporter folded with a constant: nothing in the file tells that they are trained. */
const unnamedParameters: Readonly<Record<string, readonly string[]>> = { "vit_batch1.dynamo": ["expand"] };

const folder = fixture("training");
const goldens = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((file): Golden => ({
    name: file.replace(/\.json$/, ""),
    ...(JSON.parse(readFileSync(`${folder}/${file}`, "utf8")) as Omit<Golden, "name">),
  }));

describe("loss and gradients of whole models are PyTorch's", () => {
  test.each(goldens)("$name", async (golden) => {
    const model = readModel(fixture(golden.model));
    const artifacts = rewrite(model, {
      loss: specificationsOf(golden),
      freezeBatchNorm: golden.mode.batchNorm === "inference",
      noDropout: true,
      train: unnamedParameters[golden.name] ?? [],
    });
    const gradientGraph = artifacts.models.get("gradient")?.graph;
    expect(gradientGraph && repeatedNodes(gradientGraph), "nodes that are there twice").toEqual([]);
    const results = await runGradient(artifacts, model, golden);
    expectRelative(results["loss"]?.values ?? [], [golden.lossValue], 1e-5, "loss");
    const trained = new Set(artifacts.contract.parameters.map(({ name }) => name));
    for (const [name, gradient] of Object.entries(golden.gradients)) {
      const found = results[`${name}.grad`];
      if (found === undefined) {
        expect(gradient.constant === true, `${name} has no gradient`).toBe(true);
        continue;
      }
      trained.delete(name);
      expectGradient(found, gradient, golden, name);
    }
    expect([...trained], "gradients that PyTorch does not have").toEqual([]);
    for (const [name, golds] of Object.entries(golden.mode.batchNorm === "training" ? (golden.buffers ?? {}) : {})) {
      const values = isTensor(golds) ? golds.values : golds;
      expectRelative(results[`${name}.updated`]?.values ?? [], values, 1e-4, `${name}.updated`);
    }
  });
});

function isTensor(buffer: readonly number[] | GoldenTensor): buffer is GoldenTensor {
  return !Array.isArray(buffer);
}

function specificationsOf({ loss, targets = {} }: Golden): readonly LossSpecification[] {
  if (loss.name === "weighted-sum") {
    return Object.entries(targets).map(([output, target]) => ({
      ...specificationOf(target.loss),
      output,
      weight: target.weight,
    }));
  }
  return [specificationOf(loss)];
}

function specificationOf(loss: GoldenLoss): LossSpecification {
  if (loss.name === "output") return { name: "model", output: loss.output };
  if (loss.name === "weighted-sum") throw new Error("a sum of sums");
  const { name, outputIs: _, ...options } = loss;
  // Of a model that ends in a Sigmoid, these are one.
  return { name: name === "binary-cross-entropy" ? "binary-cross-entropy-with-logits" : name, ...options };
}

async function runGradient({ contract, models }: TrainingArtifacts, model: Model, golden: Golden) {
  const gradient = models.get("gradient");
  const ports = contract.artifacts.gradient;
  if (gradient === undefined || ports === undefined) throw new Error("no gradient graph");
  const state = initialState(model, ports);
  const feeds: Record<string, PlainTensor> = {};
  for (const { name, role } of ports.inputs) {
    const output = name.replace(/\.target$/, "");
    const given = role === "target" ? (golden.target ?? golden.targets?.[output]) : golden.inputs[name];
    const initial = state[name];
    if (given !== undefined) feeds[name] = { dataType: given.dtype, shape: given.shape, values: given.values };
    else if (initial !== undefined) {
      feeds[name] = { dataType: initial.type, shape: initial.dims, values: [...initial.data] };
    }
  }
  return runModel(gradient, feeds);
}

function expectGradient(found: PlainTensor, golden: GoldenGradient, { name: of }: Golden, name: string): void {
  expect(found.shape, `shape of the gradient of ${name}`).toEqual(golden.shape);
  const { length } = found.values;
  const sampled =
    length <= 64
      ? found.values
      : golden.values.map((_, k) => found.values[Math.floor((k * length) / 64)] ?? Number.NaN);
  if (golden.zero === true || golden.norm === 0) {
    expect(norm(found.values), `${of}: gradient of ${name}`).toBeLessThan(1e-3 * (golden.scale ?? 1));
    return;
  }
  const tolerance = Math.max(1e-3, 4 * (golden.sensitivity ?? 0));
  expectRelative(
    sampled,
    golden.values,
    tolerance,
    `gradient of ${name}`,
    (golden.norm * Math.sqrt(sampled.length / length)) / 10,
  );
  expectRelative([norm(found.values)], [golden.norm], tolerance, `norm of the gradient of ${name}`);
}

/** Norm of the difference over norm; at least over `least`. */
function expectRelative(
  found: readonly number[],
  expected: readonly number[],
  tolerance: number,
  what: string,
  least = 0,
): void {
  const difference = norm(expected.map((value, index) => value - (found[index] ?? Number.NaN)));
  const relative = difference / Math.max(norm(expected), least, 1e-12);
  expect(relative, `${what}: ${found.slice(0, 4).join(" ")} instead of ${expected.slice(0, 4).join(" ")}`).toBeLessThan(
    tolerance,
  );
}

function norm(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}
