import { basename } from "node:path";
import { expect, it } from "vitest";
import type { Graph, Model, ValueInfo } from "../../graph/model.js";
import { readModel } from "../../graph/read-model.js";
import { type Extent, substitute, symbolsOf } from "../../graph/shapes/extent.js";
import { inferGraph } from "../../graph/shapes/infer-graph.js";
import { fixtureModels } from "../../graph/testing/models.js";
import { type PlainTensor, runModel } from "../../graph/testing/run-model.js";
import { inlineFunctions } from "./inline-functions.js";
import { upgradeOpset } from "./upgrade-opset.js";

/** Extents for the symbols of a model's inputs, in the order of their occurrence. */
const extents: readonly number[] = [3, 7];

it.each(fixtureModels.map((path) => [basename(path), path]))(
  "infers what ONNX Runtime computes, %s",
  async (_, path) => {
    const model = withoutDeclarations(upgradeOpset(inlineFunctions(readModel(path))));
    const numbers = numbersOf(model.graph);
    const computed = await runModel(withEveryValue(model), feedsOf(model.graph, numbers));
    const facts = inferGraph(model.graph);
    const disagreements: string[] = [];
    let exact = 0;
    for (const [name, { dataType, shape, values }] of Object.entries(computed)) {
      const inferred = facts.get(name);
      const inferredShape = inferred?.shape?.map((extent) => numberOf(extent, numbers));
      const elements = inferred?.elements?.map((element) =>
        element === null ? undefined : numberOf(element, numbers),
      );
      const agrees =
        inferred?.dataType === dataType &&
        agree(inferredShape ?? shape, shape) &&
        agree(elements ?? values, dataType.endsWith("int64") ? values.map(clamped) : values);
      if (!agrees)
        disagreements.push(
          `${name}: ${dataType}[${shape.join()}] is not ${inferred?.dataType}[${inferred?.shape?.join()}]`,
        );
      if (inferredShape?.every((extent) => extent !== undefined) === true) exact++;
    }
    expect(disagreements).toEqual([]);
    // Loops that end by a condition are all that leaves an extent open.
    expect(Object.keys(computed).length - exact).toBe(basename(path) === "gru_loop.onnx" ? 4 : 0);
  },
);

function withoutDeclarations(model: Model): Model {
  const outputs = model.graph.outputs.map(({ name }) => ({ name }));
  return { ...model, graph: { ...model.graph, outputs, valueInfo: [] } };
}

function withEveryValue(model: Model): Model {
  const names = model.graph.nodes.flatMap(({ outputs }) => outputs).filter((name) => name !== "");
  return { ...model, graph: { ...model.graph, outputs: names.map((name) => ({ name })) } };
}

function inputsOf({ inputs, initializers }: Graph): readonly ValueInfo[] {
  const constants = new Set(initializers.map(({ name }) => name));
  return inputs.filter(({ name }) => !constants.has(name));
}

function numbersOf(graph: Graph): ReadonlyMap<string, number> {
  const dimensions = inputsOf(graph).flatMap(({ type }) => (type?.kind === "tensor" ? (type.shape ?? []) : []));
  const symbols = [...new Set(dimensions.filter((dimension) => typeof dimension === "string"))];
  return new Map(symbols.map((name, index) => [name, extents[index] ?? expect.fail("too many symbols")]));
}

function feedsOf(graph: Graph, numbers: ReadonlyMap<string, number>): Record<string, PlainTensor> {
  return Object.fromEntries(
    inputsOf(graph).map(({ name, type }) => {
      if (type?.kind !== "tensor") throw new Error(`${name} is no tensor`);
      const shape =
        type.shape?.map((dimension) =>
          typeof dimension === "number" ? dimension : (numbers.get(dimension ?? "") ?? 1),
        ) ?? [];
      const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 1);
      return [name, { dataType: type.dataType, shape, values }];
    }),
  );
}

function numberOf(extent: Extent, numbers: ReadonlyMap<string, number>): Extent | undefined {
  return symbolsOf(extent).every((name) => numbers.has(name)) ? substitute(extent, numbers) : undefined;
}

/** Whether two lists are the same, where the first one knows. */
function agree(known: readonly (Extent | undefined)[], real: readonly number[]): boolean {
  return known.length === real.length && known.every((value, index) => value === undefined || value === real[index]);
}

/** 64-bit extremes are known as the greatest safe integers. */
function clamped(value: number): number {
  return Math.min(Math.max(value, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}
