import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { modelOf } from "../../graph/builder.js";
import type { DataType } from "../../graph/data-type.js";
import { Emitter, type Value } from "../../graph/emitter.js";
import { Operators } from "../../graph/operators.js";
import { readModel } from "../../graph/read-model.js";
import { replay } from "../../graph/replay.js";
import { factsOfType } from "../../graph/shapes/declared-facts.js";
import { fixture } from "../../graph/testing/models.js";
import { type PlainTensor, runModel } from "../../graph/testing/run-model.js";
import { decompose } from "../decompose/index.js";
import { normalize } from "../normalize/normalize.js";
import { differentiate } from "./differentiate.js";

/**
 * Golden gradients of models with control flow, by automatic differentiation in PyTorch: see
 * fixtures/control-flow/make_goldens.py.
 */
interface Case {
  readonly name: string;
  readonly model: string;
  readonly inputs: Readonly<Record<string, GoldenTensor & { readonly gradient?: readonly number[] }>>;
  readonly outputs: readonly (GoldenTensor & { readonly cotangent?: readonly number[] })[];
}

interface GoldenTensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

const folder = fixture("control-flow");
const { cases } = JSON.parse(readFileSync(`${folder}/goldens.json`, "utf8")) as { readonly cases: readonly Case[] };

describe("gradients of control flow are PyTorch's", () => {
  test.each(cases)("$name", async ({ model, inputs, outputs }) => {
    const { graph, gradients } = gradientsOf(
      model,
      Object.entries(inputs).flatMap(([name, { gradient }]) => (gradient === undefined ? [] : [name])),
      outputs.map(({ cotangent }) => cotangent !== undefined),
    );
    const feeds = Object.fromEntries([
      ...Object.entries(inputs).map(([name, { dtype, shape, values }]) => [name, { dataType: dtype, shape, values }]),
      ...outputs.flatMap(({ dtype, shape, cotangent }, index) =>
        cotangent === undefined ? [] : [[`cotangent${index}`, { dataType: dtype, shape, values: cotangent }]],
      ),
    ]) as Record<string, PlainTensor>;
    const results = await runModel(modelOf(graph, 26, 13), feeds);
    for (const [index, { shape, values }] of outputs.entries()) {
      expectClose(results[`result${index}`], values, shape, `output ${index}`);
    }
    for (const [name, { shape, gradient = [] }] of Object.entries(inputs)) {
      const found = results[`${name}.grad`];
      if (gradients.has(name)) expectClose(found, gradient, shape, `gradient of ${name}`);
      else
        expect(
          gradient.filter((number) => number !== 0),
          `gradient of ${name}`,
        ).toEqual([]);
    }
  });
});

describe("what has no gradient is refused in one line", () => {
  test("a value whose shape changes from one iteration to the next", () => {
    expect(() => gradientsOf("loop-growing.onnx", ["x"], [true])).toThrow(
      /^Loop "y": "s" may change its shape from one iteration to the next, [^\n]*--freeze$/u,
    );
  });

  test("random numbers in a body", () => {
    expect(() => gradientsOf("loop-random.onnx", ["x"], [true])).toThrow(
      /^RandomNormalLike "r": is in a body of control flow, [^\n]*--freeze$/u,
    );
  });
});

/** The graph of a model's outputs and of the gradients of sum(outputs · cotangents). */
function gradientsOf(model: string, parameters: readonly string[], isSmooth: readonly boolean[]) {
  const { graph } = normalize(readModel(`${folder}/${model}`)).model;
  const g = new Operators(new Emitter());
  const inputs = new Map(
    graph.inputs.map(({ name, type }) => [
      name,
      g.emitter.input(
        name,
        factsOfType(type, (axis) => `${name}_${axis}`),
      ),
    ]),
  );
  const values = replay(graph, g.emitter, inputs, {
    initializer: (tensor, emitter) => emitter.initializer(tensor),
    rewrite: decompose,
  });
  const valueOf = (name: string): Value => values.get(name) ?? g.unreachable(name);
  const outputs = graph.outputs.map(({ name }) => valueOf(name));
  const seeds = outputs.flatMap((value, index) =>
    isSmooth[index] === true ? [{ value, gradient: g.emitter.input(`cotangent${index}`, value) }] : [],
  );
  const found = differentiate(g, { seeds, towards: parameters.map(valueOf) });
  const gradients = new Map(
    parameters.flatMap((name, index) => (found[index] === undefined ? [] : [[name, found[index]] as const])),
  );
  return {
    gradients,
    graph: g.emitter.graph("gradient", [
      ...outputs.map((value, index) => ({ value, name: `result${index}` })),
      ...[...gradients].map(([name, value]) => ({ value, name: `${name}.grad` })),
    ]),
  };
}

/** float32 against float64: 1e-5 of the largest element. */
function expectClose(
  found: PlainTensor | undefined,
  expected: readonly number[],
  shape: readonly number[],
  what: string,
): void {
  expect(found?.shape, `shape of ${what}`).toEqual(shape);
  const scale = Math.max(...expected.map(Math.abs), 1e-6);
  const worst = Math.max(0, ...expected.map((number, index) => Math.abs((found?.values[index] ?? NaN) - number)));
  expect(worst / scale, `${what}: ${found?.values.join(" ")} instead of ${expected.join(" ")}`).toBeLessThan(1e-5);
}
