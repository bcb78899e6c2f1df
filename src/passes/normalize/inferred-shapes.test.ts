import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import type { Model } from "../../graph/model.js";
import { readModel } from "../../graph/read-model.js";
import { type Extent, substitute, symbolsOf } from "../../graph/shapes/extent.js";
import type { Facts } from "../../graph/shapes/facts.js";
import { inferGraph } from "../../graph/shapes/infer-graph.js";
import { fixtureModels } from "../../graph/testing/models.js";
import { type PlainTensor, runModel } from "../../graph/testing/run-model.js";
import { inlineFunctions } from "./inline-functions.js";
import { upgradeOpset } from "./upgrade-opset.js";

/** Where the number of iterations shows only when a loop has run. */
const dataDependent: ReadonlySet<string> = new Set(["gru_loop.onnx"]);

/** The model without what the file declares of its values, and with all of them as outputs. */
function exposed(path: string): Model {
  const model = inlineFunctions(upgradeOpset(readModel(path)));
  const outputs = model.graph.nodes.flatMap((node) => node.outputs).filter((name) => name !== "");
  return { ...model, graph: { ...model.graph, valueInfo: [], outputs: outputs.map((name) => ({ name })) } };
}

function symbolsOfInputs({ graph }: Model, facts: ReadonlyMap<string, Facts>): readonly string[] {
  const inputs = graph.inputs.map(({ name }) => facts.get(name)?.shape ?? []);
  return [...new Set(inputs.flatMap((shape) => shape.flatMap(symbolsOf)))];
}

/** The extents with numbers put in; those that stay symbolic, or are unknown, as they are. */
function withNumbers(extents: Facts["elements"], numbers: ReadonlyMap<string, Extent>): Facts["elements"] {
  return extents?.map((extent) => (extent === null ? null : substitute(extent, numbers)));
}

/** The real numbers, but what inference leaves open where it does. */
function where(inferred: Facts["elements"], real: readonly number[]): Facts["elements"] {
  return real.map((number, index) => {
    const open = inferred?.[index];
    return typeof open === "string" || open === null ? open : number;
  });
}

/** Ones for every input. */
function feedsOf(
  { graph }: Model,
  facts: ReadonlyMap<string, Facts>,
  numbers: ReadonlyMap<string, Extent>,
): Record<string, PlainTensor> {
  const constants = new Set(graph.initializers.map(({ name }) => name));
  const fed = graph.inputs.filter(({ name }) => !constants.has(name));
  return Object.fromEntries(
    fed.map(({ name }) => {
      const { dataType = "float32", shape = [] } = facts.get(name) ?? {};
      const extents = (withNumbers(shape, numbers) ?? []).map(Number);
      const count = extents.reduce((product, extent) => product * extent, 1);
      return [name, { dataType, shape: extents, values: Array.from({ length: count }, () => 1) }];
    }),
  );
}

describe.each(fixtureModels.map((path) => [basename(path), path]))("%s", (name, path) => {
  const model = exposed(path);
  const facts = inferGraph(model.graph);
  const symbols = symbolsOfInputs(model, facts);

  it("has a type and a shape over the inputs' extents for every value", () => {
    const open = [...facts].filter(([, { dataType, shape }]) => {
      if (dataType === "undefined" || shape === undefined) return true;
      return shape.some((extent) => symbolsOf(extent).some((symbol) => !symbols.includes(symbol)));
    });
    const unexpected = dataDependent.has(name) ? [] : open.map(([value]) => value);
    expect(unexpected).toEqual([]);
  });

  it.each([
    [2, 7],
    [3, 5],
  ])("has the shapes and extents that the runtime computes for %i x %i", async (batch, length) => {
    const numbers = new Map<string, Extent>(symbols.map((symbol, index) => [symbol, index === 0 ? batch : length]));
    const results = await runModel(model, feedsOf(model, facts, numbers));
    for (const [value, real] of Object.entries(results)) {
      const { dataType, shape, elements } = facts.get(value) ?? expect.fail(`no facts of ${value}`);
      const extents = withNumbers(shape, numbers);
      expect([value, dataType, extents]).toEqual([value, real.dataType, where(extents, real.shape)]);
      if (elements === undefined) continue;
      const computed = withNumbers(elements, numbers);
      // 64-bit extremes are clamped.
      const clamped = real.values.map((number) => Math.min(Math.max(number, -(2 ** 53) + 1), 2 ** 53 - 1));
      expect([value, computed]).toEqual([value, where(computed, clamped)]);
    }
  });
});
