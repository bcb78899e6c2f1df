import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type AttributeInput, attributesOf } from "../../graph/builder.js";
import type { DataType } from "../../graph/data-type.js";
import { Emitter, type Value } from "../../graph/emitter.js";
import type { Node } from "../../graph/model.js";
import { Operators } from "../../graph/operators.js";
import { standardModel } from "../../graph/standard-model.js";
import { numberTensor } from "../../graph/tensor.js";
import { fixture } from "../../graph/testing/models.js";
import { type PlainTensor, runModel } from "../../graph/testing/run-model.js";
import { decompose } from "../decompose/index.js";
import { differentiate } from "./differentiate.js";

/**
 * Golden gradients of single operators, by automatic differentiation in PyTorch or JAX in float64: see
 * fixtures/gradients/golden.py.
 */
interface Case {
  readonly name: string;
  readonly op: string;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, AttributeInput>>;
  /** Axes whose extents the graph does not know: of all inputs, or by the input's index. */
  readonly symbolic: readonly number[] | Readonly<Record<string, readonly number[]>>;
  readonly inputs: readonly (GoldenInput | null)[];
  readonly outputs: readonly (GoldenOutput | null)[];
}

interface GoldenTensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly values: readonly (number | string)[];
}

interface GoldenInput extends GoldenTensor {
  readonly role: "parameter" | "data" | "constant";
  readonly gradient?: readonly (number | string)[];
}

interface GoldenOutput extends GoldenTensor {
  readonly cotangent?: readonly (number | string)[];
}

const folder = fixture("gradients");
const families = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => JSON.parse(readFileSync(`${folder}/${name}`, "utf8")) as { family: string; cases: readonly Case[] });

describe.each(families)("gradients of $family", ({ cases }) => {
  test.each(cases)("$name", async (golden) => {
    await expectGradients(golden, false);
    if (Object.values(golden.symbolic).length > 0) await expectGradients(golden, true);
  });
});

/** Compiles sum(outputs · cotangents) and its gradients, runs both, and compares. */
async function expectGradients(golden: Case, isSymbolic: boolean): Promise<void> {
  const g = new Operators(new Emitter());
  const feeds: Record<string, PlainTensor> = {};
  const inputs = golden.inputs.map((input, index) => {
    if (input === null) return undefined;
    const { dtype, shape, role } = input;
    const values = input.values.map(Number);
    if (role === "constant") return g.emitter.initializer(numberTensor(`input${index}`, dtype, shape, values));
    const isOpen = (axis: number) => isSymbolic && symbolicAxes(golden, index).includes(axis);
    const declared = shape.map((extent, axis) => (isOpen(axis) ? `extent${index}_${axis}` : extent));
    feeds[`input${index}`] = { dataType: dtype, shape, values };
    return g.emitter.input(`input${index}`, { dataType: dtype, shape: declared });
  });
  const node: Node = {
    name: "operator",
    domain: golden.domain ?? "",
    opType: golden.op,
    overload: "",
    inputs: inputs.map((input) => input?.name ?? ""),
    outputs: golden.outputs.map((output, index) => (output === null ? "" : `output${index}`)),
    attributes: attributesOf(golden.attributes ?? {}),
    metadata: new Map(),
  };
  const outputs = decompose({ emitter: g.emitter, node, inputs }) ?? g.emitter.emit({ ...node, inputs });
  const seeds = golden.outputs.flatMap((output, index) => {
    const value = outputs[index];
    if (output?.cotangent === undefined || value === undefined) return [];
    const name = `cotangent${index}`;
    feeds[name] = { dataType: value.dataType, shape: output.shape, values: output.cotangent.map(Number) };
    return [{ value, gradient: g.emitter.input(name, { dataType: value.dataType, shape: value.shape }) }];
  });
  const towards = inputs.filter((_, index): boolean => golden.inputs[index]?.role === "parameter") as Value[];
  const gradients = differentiate(g, { seeds, towards });
  const graph = g.emitter.graph("gradient", [
    ...outputs.flatMap((value, index) => (value === undefined ? [] : [{ value, name: `result${index}` }])),
    ...gradients.flatMap((value, index) =>
      value === undefined ? [] : [{ value, name: `${towards[index]?.name}.grad` }],
    ),
  ]);
  expect(graph.nodes.filter(({ domain }) => domain !== "")).toEqual([]);
  const results = await runModel(standardModel(graph, "gradient"), feeds);
  for (const [index, output] of golden.outputs.entries()) {
    if (output !== null) expectClose(results[`result${index}`], output.values, output.shape, `output ${index}`);
  }
  for (const [index, input] of golden.inputs.entries()) {
    if (input?.gradient === undefined) continue;
    const found = results[`input${index}.grad`];
    const isZero = input.gradient.every((value) => value === 0);
    if (found !== undefined || !isZero) expectClose(found, input.gradient, input.shape, `gradient of input ${index}`);
  }
}

function symbolicAxes({ symbolic }: Case, input: number): readonly number[] {
  return "length" in symbolic ? (symbolic as readonly number[]) : (symbolic[input] ?? []);
}

/** float32 against float64: 1e-5 of the largest element. */
function expectClose(
  found: PlainTensor | undefined,
  expected: readonly (number | string)[],
  shape: readonly number[],
  what: string,
): void {
  expect(found?.shape, `shape of ${what}`).toEqual(shape);
  const numbers = expected.map(Number);
  const scale = Math.max(...numbers.map(Math.abs).filter(Number.isFinite), 1e-6);
  const differences = numbers.map((number, index) => {
    const value = found?.values[index] ?? Number.NaN;
    return Object.is(value, number) || value === number ? 0 : Math.abs(value - number);
  });
  const worst = Math.max(0, ...differences.map((difference) => (Number.isNaN(difference) ? Infinity : difference)));
  expect(
    worst / scale,
    `${what}: ${found?.values.slice(0, 8).join(" ")} instead of ${numbers.slice(0, 8).join(" ")}`,
  ).toBeLessThan(1e-5);
}
