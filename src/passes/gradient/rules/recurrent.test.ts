import { describe, expect, test } from "vitest";
import { type AttributeInputs, attributesOf } from "../../../graph/builder.js";
import { Emitter, type Value } from "../../../graph/emitter.js";
import type { Graph } from "../../../graph/model.js";
import { Operators } from "../../../graph/operators.js";
import { node } from "../../../graph/testing/models.js";
import { decompose } from "../../decompose/index.js";
import { differentiate } from "../differentiate.js";

const gates = { RNN: 1, LSTM: 4, GRU: 3 };

/** The graph of the gradients of the states of a layer towards all of its inputs. */
function gradientGraph(op: keyof typeof gates, attributes: AttributeInputs): Graph {
  const g = new Operators(new Emitter());
  const rows = gates[op] * 4;
  const shapes = { x: ["steps", "batch", 3], w: [1, rows, 3], r: [1, rows, 4], b: [1, 2 * rows] } as const;
  const inputs = Object.entries(shapes).map(([name, shape]) => g.emitter.input(name, { dataType: "float32", shape }));
  const layer = node(op, Object.keys(shapes), ["y", "last"], { attributes: attributesOf(attributes) });
  const [y] = decompose({ emitter: g.emitter, node: layer, inputs }) ?? [];
  if (y === undefined) throw new Error("no output");
  const found = differentiate(g, { seeds: [{ value: y, gradient: g.onesLike(y) }], towards: inputs });
  const values = found.filter((value): value is Value => value !== undefined);
  return g.emitter.graph(
    "gradients",
    values.map((value) => ({ value })),
  );
}

/** The operators in the bodies of a graph's Scans, Scan by Scan. */
function steps(graph: Graph): readonly (readonly string[])[] {
  return graph.nodes
    .filter(({ opType }) => opType === "Scan")
    .map(({ attributes }) => {
      const body = attributes.get("body");
      return body?.kind === "graph" ? body.value.nodes.map(({ opType }) => opType) : [];
    });
}

describe("the gradient of a layer as most are goes back step by step without its activation functions", () => {
  test.each([
    ["RNN", "RNN", {}, ["Tanh"]],
    ["RNN with Relu", "RNN", { activations: ["Relu"] }, ["Relu"]],
    ["RNN with Sigmoid", "RNN", { activations: ["Sigmoid"] }, ["Sigmoid"]],
    ["LSTM", "LSTM", {}, ["Sigmoid", "Sigmoid", "Tanh", "Sigmoid", "Tanh"]],
    ["GRU", "GRU", {}, ["Sigmoid", "Sigmoid", "Tanh"]],
    ["GRU, linear before reset", "GRU", { linear_before_reset: 1 }, ["Sigmoid", "Sigmoid", "Tanh"]],
  ] as const)("%s", (_, op, attributes, functions) => {
    const isFunction = (opType: string) => ["Relu", "Tanh", "Sigmoid"].includes(opType);
    const [forwards = [], backwards = [], ...others] = steps(gradientGraph(op, attributes));
    expect(forwards.filter(isFunction)).toEqual(functions);
    expect(backwards).toContain("MatMul");
    expect(backwards.filter(isFunction)).toEqual([]);
    expect(others).toEqual([]);
  });
});

test("what all steps add to the gradients of weights is one product behind them, in any layer", () => {
  for (const attributes of [{}, { clip: { float: 0.5 } }, { input_forget: 1 }]) {
    const graph = gradientGraph("LSTM", attributes);
    const products = graph.nodes.filter(({ opType }) => opType === "Gemm");
    expect(products).toHaveLength(1);
  }
});
