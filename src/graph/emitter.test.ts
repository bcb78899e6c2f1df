import { describe, expect, it } from "vitest";
import { attributesOf, float32Tensor, int64Tensor } from "./builder.js";
import { Emitter, type Value } from "./emitter.js";
import type { Graph } from "./model.js";
import { Operators } from "./operators.js";
import { type Facts, tensorFacts } from "./shapes/facts.js";
import { standardModel } from "./standard-model.js";
import { readNumbers } from "./tensor.js";
import { refusal } from "./testing/input-error.js";
import { floats, runModel } from "./testing/run-model.js";

const vector: Facts = { dataType: "float32", shape: ["n"] };

/** A graph under construction with one input x [n]. */
function started(facts: Facts = vector) {
  const emitter = new Emitter();
  return { emitter, g: new Operators(emitter), x: emitter.input("x", facts) };
}

/** Operators and names of outputs, in order. */
function written({ nodes }: Graph): readonly string[] {
  return nodes.map(({ opType, inputs, outputs }) => `${opType}(${inputs.join(", ")}) -> ${outputs.join(", ")}`);
}

function graphOf(emitter: Emitter, ...values: readonly Value[]): Graph {
  return emitter.graph(
    "g",
    values.map((value) => ({ value })),
  );
}

describe("a value", () => {
  it("comes with its type and symbolic shape", () => {
    const { g, x } = started({ dataType: "float32", shape: ["n", 4] });
    const product = g.matMul(x, g.tensor("float32", [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]));
    expect(product).toMatchObject({ dataType: "float32", shape: ["n", 2] });
    expect(g.concat([product, product], 0)).toMatchObject({ dataType: "float32", shape: ["2*n", 2] });
  });

  it("of an operator of another domain is what the request says", () => {
    const { emitter, x } = started();
    const facts = [tensorFacts("float32", ["m"])];
    const [known] = emitter.emit({ opType: "Custom", domain: "com.example", inputs: [x], facts });
    expect(known).toMatchObject({ dataType: "float32", shape: ["m"] });
    const [unknown] = emitter.emit({ opType: "Other", domain: "com.example", inputs: [x] });
    expect(unknown).toMatchObject({ dataType: "undefined", shape: undefined });
  });

  it("is made only by nodes that fit it", () => {
    const { emitter } = started();
    const [a, b] = [2, 3].map((extent) => emitter.input("x", tensorFacts("float32", [4, extent])));
    expect(refusal(() => emitter.emit({ opType: "Add", inputs: [a, b], name: "sum" }))).toMatch(/^Add "sum": /);
  });
});

describe("a node that is there already", () => {
  it("is not emitted again", () => {
    const { emitter, g, x } = started();
    const sum = g.add(g.exp(x), g.exp(x));
    expect(g.add(g.exp(x), g.exp(x))).toBe(sum);
    expect(written(graphOf(emitter, sum))).toEqual(["Exp(x) -> Exp", "Add(Exp, Exp) -> Add"]);
  });

  it.each([
    [{ axis: 0 }, { axis: 1 }],
    [{ alpha: { float: 1 } }, { alpha: { float: 2 } }],
    [{ alpha: { float: 0 } }, { alpha: { float: -0 } }],
    [{ mode: "a" }, { mode: "b" }],
    [{}, { mode: "b" }],
    [{ value: float32Tensor("", [1], [1]) }, { value: float32Tensor("", [1], [2]) }],
  ])("is another one where its attributes are others: %j, %j", (one, other) => {
    const { emitter, x } = started();
    const emit = (attributes: typeof one) =>
      emitter.emit({ opType: "Custom", domain: "com.example", inputs: [x], attributes })[0];
    expect(emit(one)).not.toBe(emit(other));
    expect(emit(one)).toBe(emit(one));
  });

  it("is another one where it draws random numbers", () => {
    const { emitter, g, x } = started();
    const [one, other] = [1, 2].map(() => g.op("RandomNormalLike", [x]));
    expect(one).not.toBe(other);
    expect(emitter.emissions.length).toBe(2);
  });

  it("gets the outputs that were not wanted before", async () => {
    const { emitter, g, x } = started({ dataType: "float32", shape: [1, 1, 4] });
    const pooling = { kernel_shape: [2], strides: [2] };
    const y = g.op("MaxPool", [x], pooling);
    const [again, indices] = g.ops("MaxPool", [x], 2, pooling);
    expect(again).toBe(y);
    if (indices === undefined) throw new Error("no indices");
    const graph = graphOf(emitter, y, indices);
    expect(graph.nodes.map(({ opType }) => opType)).toEqual(["MaxPool"]);
    const results = await runModel(standardModel(graph, "g"), { x: floats([1, 3, 4, 2], [1, 1, 4]) });
    expect(Object.values(results).map(({ values }) => values)).toEqual([
      [3, 4],
      [1, 2],
    ]);
  });

  it("serves the bodies inside of its graph, unless they are to stand for themselves", () => {
    const { emitter, g, x } = started();
    const outer = g.exp(x);
    const opsOf = (isIsolated: boolean) =>
      emitter
        .body("b", [], (inner) => [new Operators(inner).neg(new Operators(inner).exp(x))], isIsolated)
        .graph.nodes.map(({ opType }) => opType);
    expect(opsOf(false)).toEqual(["Neg"]);
    expect(opsOf(true)).toEqual(["Exp", "Neg"]);
    expect(emitter.emissions.map(({ outputs }) => outputs[0])).toEqual([outer]);
  });
});

describe("constants", () => {
  it("that are small and equal are one, whatever they are called", () => {
    const { emitter } = started();
    const one = emitter.constant(float32Tensor("a", [2], [1, 2]));
    expect(emitter.constant(float32Tensor("b", [2], [1, 2]))).toBe(one);
    expect(emitter.constant(float32Tensor("a", [1, 2], [1, 2]))).not.toBe(one);
    expect(emitter.constant(int64Tensor("a", [1, 2]))).not.toBe(one);
    expect(emitter.constant(float32Tensor("a", [2], [0, 2]))).not.toBe(
      emitter.constant(float32Tensor("a", [2], [-0, 2])),
    );
  });

  it("that are initializers stay themselves", () => {
    const { emitter } = started();
    const [one, other] = ["a", "b"].map((name) => emitter.initializer(float32Tensor(name, [1], [1])));
    expect([one?.name, other?.name]).toEqual(["a", "b"]);
  });

  it("are what integers become that are known", () => {
    const { emitter, g, x } = started({ dataType: "float32", shape: ["n", 4] });
    const extent = g.mul(g.gather(g.shapeOf(x), g.scalar(1, "int64"), 0), 3);
    expect(readNumbers(extent.constant ?? expect.fail())).toEqual([12]);
    expect(graphOf(emitter, g.range(extent)).nodes).toEqual([]);
    expect(g.gather(g.shapeOf(x), g.scalar(0, "int64"), 0).constant).toBeUndefined();
  });

  it("lie in the outermost graph, also those of bodies", async () => {
    const { emitter, g, x } = started({ dataType: "float32", shape: [2] });
    const condition = emitter.input("condition", tensorFacts("bool", []));
    const branch = (number: number) => g.body("b", [], (inner) => [inner.add(x, number)]);
    const bodies = { then_branch: branch(10).graph, else_branch: branch(20).graph };
    const [y] = emitter.emit({
      opType: "If",
      inputs: [condition],
      attributes: bodies,
      bodies: new Map(["then_branch", "else_branch"].map((name) => [name, [x]])),
    });
    const graph = graphOf(emitter, y ?? expect.fail());
    expect(graph.initializers.map(({ name }) => name)).toEqual(["10", "20"]);
    const feeds = { x: floats([1, 2]), condition: { dataType: "bool" as const, shape: [], values: [0] } };
    const results = await runModel(standardModel(graph, "g"), feeds);
    expect(Object.values(results)[0]?.values).toEqual([21, 22]);
  });
});

describe("names", () => {
  it("are those that are asked for, or made of the scope and the operator; each is there once", () => {
    const { emitter, g, x } = started();
    const first = emitter.scoped("layer", () => emitter.scoped("inner", () => g.exp(x)));
    const [second] = emitter.emit({ opType: "Log", inputs: [x], name: "log", outputs: ["x"] });
    const third = g.neg(first);
    expect(emitter.uniqueName("Neg")).toBe("Neg_1");
    expect([first, second, third].map((value) => value?.name)).toEqual(["layer/inner/Exp", "x_1", "Neg"]);
    expect(emitter.emissions.map(({ node }) => node.name)).toEqual(["layer/inner/Exp", "log", "Neg"]);
    expect(emitter.input("x", vector).name).toBe("x_2");
  });

  it("begin with no scope any more when the scope has failed", () => {
    const { emitter, g, x } = started();
    const failing = () =>
      emitter.scoped("scope", () => {
        throw new Error("failed");
      });
    expect(failing).toThrow("failed");
    expect(g.exp(x).name).toBe("Exp");
  });
});

describe("a graph", () => {
  it("holds what its outputs need, and nothing else", () => {
    const { emitter, g, x } = started();
    const unused = emitter.initializer(float32Tensor("unused", [1], [1]));
    const used = emitter.initializer(float32Tensor("used", [1], [2]));
    g.exp(g.add(x, unused));
    const y = g.mul(x, used);
    const graph = graphOf(emitter, y);
    expect(written(graph)).toEqual(["Mul(x, used) -> Mul"]);
    expect(graph.initializers.map(({ name }) => name)).toEqual(["used"]);
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x"]);
  });

  it("keeps what only bodies use, also after a node has got another body", () => {
    const { emitter, g, x } = started({ dataType: "float32", shape: [2] });
    const condition = emitter.input("condition", tensorFacts("bool", []));
    const [inOne, inOther] = [g.exp(x), g.neg(x)];
    const branch = (value: Value) => g.body("b", [], (inner) => [inner.abs(value)]);
    const one = branch(inOne);
    const [y] = emitter.emit({
      opType: "If",
      inputs: [condition],
      attributes: { then_branch: one.graph, else_branch: one.graph },
      bodies: new Map(["then_branch", "else_branch"].map((name) => [name, [x]])),
    });
    if (y === undefined) throw new Error("no output");
    const opsOf = () => graphOf(emitter, y).nodes.map(({ opType }) => opType);
    expect(opsOf()).toEqual(["Exp", "If"]);
    const emission = emitter.emissionOf(y) ?? expect.fail();
    const [further] = emitter.extend(emission, { else_branch: branch(inOther).graph }, [x]);
    expect(opsOf()).toEqual(["Exp", "Neg", "If"]);
    expect(further).toMatchObject({ dataType: "float32", shape: [2] });
    expect(emitter.emissionOf(further ?? expect.fail())?.node.outputs).toEqual([y.name, further?.name]);
  });

  /** Names of outputs with what they compute of x = [4, 9]. */
  async function computed(emitter: Emitter, outputs: readonly { readonly value: Value; readonly name?: string }[]) {
    const results = await runModel(standardModel(emitter.graph("g", outputs), "g"), { x: floats([4, 9]) });
    return Object.fromEntries(Object.entries(results).map(([name, { values }]) => [name, values]));
  }

  it("calls outputs as they are asked for: by another name, two for one value, and inputs, constants and their copies", async () => {
    const { emitter, g, x } = started();
    const root = g.sqrt(x);
    const constant = emitter.initializer(float32Tensor("w", [1], [7]));
    const outputs = [
      { value: root, name: "first" },
      { value: root },
      { value: root, name: "third" },
      { value: g.neg(x), name: "negated" },
      { value: x },
      { value: x, name: "copy" },
      { value: constant },
      { value: constant, name: "seven" },
    ];
    expect(await computed(emitter, outputs)).toEqual({
      first: [2, 3],
      Sqrt: [2, 3],
      third: [2, 3],
      negated: [-4, -9],
      x: [4, 9],
      copy: [4, 9],
      w: [7],
      seven: [7],
    });
  });

  it("calls an output differently where another value has the name", async () => {
    const { emitter, g, x } = started();
    const root = g.sqrt(x);
    expect(
      await computed(emitter, [
        { value: root, name: "x" },
        { value: root, name: "x" },
      ]),
    ).toEqual({
      x_1: [2, 3],
      x_2: [2, 3],
    });
  });

  it("that is a body returns only what its own nodes make", async () => {
    const { emitter, g, x } = started({ dataType: "float32", shape: [2] });
    const trips = g.scalar(2, "int64");
    const body = g.body(
      "body",
      [
        { name: "i", facts: tensorFacts("int64", []) },
        { name: "condition", facts: tensorFacts("bool", []) },
        { name: "carried", facts: x },
      ],
      (inner, [, condition, carried]) => {
        if (condition === undefined || carried === undefined) return inner.unreachable("Loop");
        const next = inner.mul(carried, carried);
        return [condition, next, x, next];
      },
    );
    const outputs = emitter.emit({
      opType: "Loop",
      inputs: [trips, undefined, x],
      attributes: { body: body.graph },
      outputs: 3,
      bodies: new Map([["body", body.outputs]]),
    });
    const values = outputs.map((value) => ({ value: value ?? expect.fail() }));
    expect(Object.values(await computed(emitter, values))).toEqual([
      [256, 6561],
      [4, 9, 4, 9],
      [16, 81, 256, 6561],
    ]);
  });
});

describe("an extent", () => {
  it("is read off a value that has it, in this graph or in the one around it", () => {
    const { emitter, g, x } = started({ dataType: "float32", shape: [3, "n"] });
    const doubled = g.concat([x, x], 1);
    expect(emitter.extentSource("n")).toEqual({ value: x, axis: 1 });
    expect(emitter.extentSource("2*n")).toEqual({ value: doubled, axis: 1 });
    expect(emitter.extentSource("m")).toBeUndefined();
    emitter.body("b", [{ name: "y", facts: tensorFacts("float32", ["m"]) }], (inner, [y]) => {
      expect(inner.extentSource("n")?.value).toBe(x);
      expect(inner.extentSource("m")?.value).toBe(y);
      return [];
    });
    expect(emitter.extentSource("m")).toBeUndefined();
  });
});

it("attributes may be given as a node has them", () => {
  const { emitter, x } = started();
  const attributes = attributesOf({ alpha: { float: 0.5 } });
  const [value] = emitter.emit({ opType: "LeakyRelu", inputs: [x], attributes });
  expect(emitter.emissionOf(value ?? expect.fail())?.node.attributes).toEqual(attributes);
});
