import { describe, expect, it, test } from "vitest";
import { attributesOf, float32Tensor } from "./builder.js";
import { Emitter, type Value } from "./emitter.js";
import type { Graph, Node } from "./model.js";
import { Operators } from "./operators.js";
import { replay, type Replay } from "./replay.js";
import { type Facts, tensorFacts } from "./shapes/facts.js";
import { standardModel } from "./standard-model.js";
import { numberTensor } from "./tensor.js";
import { refusal } from "./testing/input-error.js";
import { body, graph, node } from "./testing/models.js";
import { floats, type PlainTensor, runModel } from "./testing/run-model.js";

const asItIs: Replay = { initializer: (tensor, inner) => inner.initializer(tensor), rewrite: () => undefined };

const vector = tensorFacts("float32", ["n"]);

/** The graph, with its inputs of these types, through an emitter. */
function replayed(given: Graph, inputs: Readonly<Record<string, Facts>>, how: Replay = asItIs): Graph {
  const emitter = new Emitter();
  const values = replay(given, emitter, declared(emitter, inputs), how);
  const outputs = given.outputs.map(({ name }) => ({ name, value: values.get(name) ?? expect.fail(name) }));
  return emitter.graph("replayed", outputs);
}

function declared(emitter: Emitter, inputs: Readonly<Record<string, Facts>>): ReadonlyMap<string, Value> {
  return new Map(Object.entries(inputs).map(([name, facts]) => [name, emitter.input(name, facts)]));
}

/** What the first output is for x = [1, -2]. */
async function valuesOf(found: Graph, feeds: Readonly<Record<string, PlainTensor>> = {}): Promise<readonly number[]> {
  const results = await runModel(standardModel(found, "replayed"), { x: floats([1, -2]), ...feeds });
  return Object.values(results)[0]?.values ?? [];
}

function written({ nodes }: Graph): readonly string[] {
  return nodes.map(({ name, opType, inputs, outputs }) => `${name}: ${opType}(${inputs.join()}) -> ${outputs.join()}`);
}

describe("a graph is replayed", () => {
  it("with the names that it has, in an order in which every value is there before it is read", () => {
    const nodes = [
      node("Add", ["h", "w"], ["y"], { name: "add" }),
      node("Relu", ["x"], ["h"]),
      node("Relu", ["h"], ["unused"], { name: "unused" }),
    ];
    const found = replayed(graph(["x"], nodes, ["y"], { initializers: [float32Tensor("w", [1], [3])] }), { x: vector });
    expect(written(found)).toEqual(["h: Relu(x) -> h", "add: Add(h,w) -> y"]);
    expect(found.initializers.map(({ name }) => name)).toEqual(["w"]);
    expect(found.outputs).toEqual([{ name: "y", type: { kind: "tensor", dataType: "float32", shape: ["n"] } }]);
  });

  it("with what the file declares of values of which inference knows nothing", () => {
    const custom = node("Custom", ["x"], ["y"], { domain: "com.example" });
    const type = { kind: "tensor", dataType: "float32", shape: ["n", null] } as const;
    const found = replayed(graph(["x"], [custom], ["y"], { valueInfo: [{ name: "y", type }] }), { x: vector });
    expect(found.outputs[0]?.type).toEqual({ ...type, shape: ["n", "y_dim1"] });
  });

  it("with omitted inputs and outputs", () => {
    const pooling = attributesOf({ kernel_shape: [2] });
    const nodes = [
      node("Clip", ["x", "", "high"], ["clipped"]),
      node("MaxPool", ["clipped"], ["y", ""], { attributes: pooling }),
    ];
    const high = numberTensor("high", "float32", [], [1]);
    const cube = tensorFacts("float32", [1, 1, "n"]);
    expect(written(replayed(graph(["x"], nodes, ["y"], { initializers: [high] }), { x: cube }))).toEqual([
      "clipped: Clip(x,,high) -> clipped",
      "y: MaxPool(clipped) -> y,",
    ]);
  });

  it.each([
    [
      "a value that nothing makes",
      [node("Relu", ["h"], ["y"])],
      'Relu "y": reads "h", which nothing in the model makes',
    ],
    ["a cycle", [node("Relu", ["y"], ["y"])], 'graph "g": its nodes form a cycle'],
  ])("but not with %s", (_, nodes, message) => {
    expect(refusal(() => replayed(graph(["x"], nodes, ["y"]), { x: vector }))).toContain(message);
  });
});

describe("a rewrite", () => {
  it("puts others in place of a node, or nothing, in bodies as well", async () => {
    const condition = tensorFacts("bool", []);
    const branches = new Map([
      body("then_branch", graph([], [node("Relu", ["x"], ["a"])], ["a"])),
      body("else_branch", graph([], [node("Dropout", ["x"], ["b"])], ["b"])),
    ]);
    const given = graph(["x", "condition"], [node("If", ["condition"], ["y"], { attributes: branches })], ["y"]);
    const seen: string[] = [];
    const found = replayed(
      given,
      { x: vector, condition },
      {
        ...asItIs,
        rewrite: ({ emitter, node: { opType }, inputs: [input] }) => {
          seen.push(opType);
          if (opType === "Dropout") return [input];
          return opType === "Relu" && input !== undefined ? [new Operators(emitter).max(input, -1)] : undefined;
        },
      },
    );
    expect(seen).toEqual(["If", "Relu", "Dropout"]);
    expect(found.initializers.length).toBe(1);
    const taken = (value: number) => ({ condition: { dataType: "bool" as const, shape: [], values: [value] } });
    expect(await valuesOf(found, taken(1))).toEqual([1, -1]);
    expect(await valuesOf(found, taken(0))).toEqual([1, -2]);
  });

  it("may take outputs away that nobody reads", () => {
    const nodes = [node("Dropout", ["x"], ["y", "mask"]), node("Not", ["mask"], ["z"])];
    const how: Replay = {
      ...asItIs,
      rewrite: ({ node: { opType }, inputs }) => (opType === "Dropout" ? inputs : undefined),
    };
    expect(replayed(graph(["x"], nodes.slice(0, 1), ["y"]), { x: vector }, how).nodes.length).toBe(1);
    expect(refusal(() => replayed(graph(["x"], nodes, ["z"]), { x: vector }, how))).toBe(
      'Not "z": reads "mask", which nothing in the model makes',
    );
  });

  it("may turn initializers into inputs, those of bodies too", () => {
    const weighted = graph([], [node("Mul", ["x", "w"], ["a"])], ["a"], {
      initializers: [float32Tensor("w", [1], [3])],
    });
    const branches = new Map([body("then_branch", weighted), body("else_branch", weighted)]);
    const given = graph(["x", "condition"], [node("If", ["condition"], ["y"], { attributes: branches })], ["y"]);
    const emitter = new Emitter();
    const inputs = declared(emitter, { x: vector, condition: tensorFacts("bool", []), w: tensorFacts("float32", [1]) });
    const values = replay(given, emitter, inputs, { ...asItIs, initializer: () => inputs.get("w") ?? expect.fail() });
    const found = emitter.graph("replayed", [{ value: values.get("y") ?? expect.fail() }]);
    expect(found.initializers).toEqual([]);
    expect(found.inputs.map(({ name }) => name)).toEqual(["x", "condition", "w"]);
  });
});

describe("an If whose condition is known", () => {
  const contradiction = graph([], [node("Squeeze", ["x", "axis"], ["b"])], ["b"], {
    initializers: [numberTensor("axis", "int64", [1], [0])],
  });
  const branches = new Map([
    body("then_branch", graph([], [node("Relu", ["x"], ["a"])], ["a"])),
    body("else_branch", contradiction),
  ]);
  const given = (value: number): Graph =>
    graph(["x"], [node("If", ["condition"], ["y"], { attributes: branches })], ["y"], {
      initializers: [numberTensor("condition", "bool", [], [value])],
    });

  it("is the branch that is taken, whatever the other one is", async () => {
    const found = replayed(given(1), { x: tensorFacts("float32", [2]) });
    expect(written(found)).toEqual(["a: Relu(x) -> y"]);
    expect(await valuesOf(found)).toEqual([1, 0]);
  });

  it("contradicts itself where the branch does that is taken", () => {
    expect(refusal(() => replayed(given(0), { x: tensorFacts("float32", [2]) }))).toMatch(
      /^Squeeze "b": removes axis 0/,
    );
  });
});

test("loops carry values, count, and see what is around them", async () => {
  const nodes: readonly Node[] = [
    node("Identity", ["going"], ["on"]),
    node("Add", ["carried", "bias"], ["next"]),
    node("Identity", ["next"], ["row"]),
  ];
  const loop = graph(["i", "going", "carried"], nodes, ["on", "next", "row"]);
  const given = graph(
    ["x"],
    [node("Loop", ["trips", "", "x"], ["last", "rows"], { attributes: new Map([body("body", loop)]) })],
    ["rows", "last"],
    { initializers: [numberTensor("trips", "int64", [], [3]), numberTensor("bias", "float32", [1], [10])] },
  );
  const found = replayed(given, { x: vector });
  expect(found.outputs.map(({ type }) => (type?.kind === "tensor" ? type.shape : []))).toEqual([[3, "n"], ["n"]]);
  expect(await valuesOf(found)).toEqual([11, 8, 21, 18, 31, 28]);
});
