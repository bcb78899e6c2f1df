import { readFileSync } from "node:fs";
import fc from "fast-check";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { float32Tensor } from "../../graph/builder.js";
import { dataflowOf } from "../../graph/dataflow.js";
import { encodeModel } from "../../graph/encode-model.js";
import { InputError } from "../../graph/errors.js";
import type { Attribute, Graph, Model, ModelFunction, Node } from "../../graph/model.js";
import { readModel } from "../../graph/read-model.js";
import { inputError, refusal } from "../../graph/testing/input-error.js";
import { body, fixture, graph, model, node, only } from "../../graph/testing/models.js";
import { inlineFunctions } from "./inline-functions.js";

/** A function of domain "d". */
function callee(
  name: string,
  inputs: readonly string[],
  nodes: readonly Node[],
  outputs: readonly string[],
  more?: Partial<ModelFunction>,
): ModelFunction {
  const rest = {
    overload: "",
    attributeNames: [],
    attributeDefaults: new Map<string, Attribute>(),
    valueInfo: [],
    opsetImports: new Map([["", 17]]),
  };
  return { name, domain: "d", inputs, nodes, outputs, ...rest, ...more };
}

function call(name: string, inputs: readonly string[], outputs: readonly string[], more?: Partial<Node>): Node {
  return node(name, inputs, outputs, { domain: "d", ...more });
}

function inlined(of: Graph, ...functions: readonly ModelFunction[]): Model {
  return inlineFunctions(
    model(of, {
      functions,
      opsetImports: new Map([
        ["", 17],
        ["d", 1],
      ]),
    }),
  );
}

/** Nodes as "outputs = operator(inputs)". */
function written({ graph: { nodes } }: Model): readonly string[] {
  return nodes.map(({ opType, inputs, outputs }) => `${outputs.join(", ")} = ${opType}(${inputs.join(", ")})`);
}

const attribute = (name: string, value: Attribute) => ({ attributes: new Map([[name, value]]) });
const reference = (name: string): Attribute => ({ kind: "reference", attribute: name });

describe("a call becomes the body of the function", () => {
  it("with the caller's names outside and names of its own inside", () => {
    const f = callee(
      "f",
      ["a", "b"],
      [node("Add", ["a", "b"], ["t"], { name: "add" }), node("Relu", ["t"], ["r"])],
      ["r"],
    );
    const of = inlined(
      graph(
        ["x"],
        [call("f", ["x", "x"], ["y"], { name: "first" }), call("f", ["y", "x"], ["z"], { name: "second" })],
        ["z"],
      ),
      f,
    );
    expect(written(of)).toEqual([
      "first:t = Add(x, x)",
      "y = Relu(first:t)",
      "second:t = Add(y, x)",
      "z = Relu(second:t)",
    ]);
    expect(of.graph.nodes.map(({ name }) => name)).toEqual(["first:add", "", "second:add", ""]);
    expect(of.functions).toEqual([]);
    expect(of.opsetImports).toEqual(
      new Map([
        ["", 17],
        ["d", 1],
      ]),
    );
  });

  it("with names that differ for calls without a name, or with one name", () => {
    const f = callee("f", ["a"], [node("Relu", ["a"], ["t"]), node("Neg", ["t"], ["r"])], ["r"]);
    for (const name of ["", "same"]) {
      const calls = [
        call("f", ["x"], ["y"], { name }),
        call("f", ["y"], ["z"], { name }),
        call("f", ["z"], ["q"], { name }),
      ];
      const names = inlined(graph(["x"], calls, ["q"]), f).graph.nodes.flatMap(({ outputs }) => outputs);
      expect(new Set(names).size).toBe(6);
    }
  });

  it("with names that differ from all that the model has, in bodies too", () => {
    const f = callee(
      "f",
      ["a"],
      [node("Relu", ["a"], ["t"]), node("Neg", ["t"], ["b:t"]), node("Exp", ["b:t"], ["r"])],
      ["r"],
    );
    const branch = graph([], [node("Neg", ["x"], ["n:t"])], ["n:t"]);
    const condition = node("If", ["c"], ["z"], {
      attributes: new Map([body("then_branch", branch), body("else_branch", branch)]),
    });
    const calls = [call("f", ["x"], ["y"], { name: "n" }), call("f", ["y"], ["n:b:t"], { name: "n:b" })];
    const of = inlined(graph(["x", "c"], [condition, ...calls], ["z", "n:b:t"]), f);
    const names = of.graph.nodes.flatMap(({ outputs }) => outputs);
    expect(new Set([...names, "n:t", "x", "c"]).size).toBe(names.length + 3);
    expect(dataflowOf(of).operations).toHaveLength(9);
  });

  it("also inside functions, with attributes handed down and defaults where none is given", () => {
    const inner = callee(
      "inner",
      ["a"],
      [node("LeakyRelu", ["a"], ["r"], attribute("alpha", reference("slope")))],
      ["r"],
      {
        attributeDefaults: new Map([["slope", { kind: "float", value: 0.5 }]]),
      },
    );
    const outer = callee(
      "outer",
      ["a"],
      [
        call("inner", ["a"], ["t"], { name: "i", ...attribute("slope", reference("steep")) }),
        call("inner", ["t"], ["r"]),
      ],
      ["r"],
      { attributeNames: ["steep"] },
    );
    const top = [
      call("outer", ["x"], ["y"], { name: "o", ...attribute("steep", { kind: "float", value: 0.25 }) }),
      call("outer", ["y"], ["z"], { name: "p" }),
    ];
    const of = inlined(graph(["x"], top, ["z"]), inner, outer);
    expect(written(of)).toEqual([
      "o:t = LeakyRelu(x)",
      "y = LeakyRelu(o:t)",
      "p:t = LeakyRelu(y)",
      "z = LeakyRelu(p:t)",
    ]);
    // The call of `inner` by `p` hands down what `p` was not given: then inner's default holds.
    const slopes = of.graph.nodes.map(({ attributes }) => attributes.get("alpha"));
    expect(slopes).toEqual([0.25, 0.5, 0.5, 0.5].map((value) => ({ kind: "float", value })));
  });

  it("and leaves an attribute out where neither call nor function gives it", () => {
    const f = callee("f", ["a"], [node("LeakyRelu", ["a"], ["r"], attribute("alpha", reference("slope")))], ["r"], {
      attributeNames: ["slope"],
    });
    expect(only(inlined(graph(["x"], [call("f", ["x"], ["y"])], ["y"]), f).graph.nodes).attributes).toEqual(new Map());
  });

  it("of its overload", () => {
    const plain = callee("f", ["a"], [node("Relu", ["a"], ["r"])], ["r"]);
    const other = callee("f", ["a"], [node("Neg", ["a"], ["r"])], ["r"], { overload: "o" });
    const calls = [call("f", ["x"], ["y"]), call("f", ["y"], ["z"], { overload: "o" })];
    expect(written(inlined(graph(["x"], calls, ["z"]), plain, other))).toEqual(["y = Relu(x)", "z = Neg(y)"]);
  });

  it("that returns an input, an input twice, or a value twice", () => {
    const f = callee("f", ["a", "b"], [node("Relu", ["a"], ["t"])], ["a", "t", "t", "a", "b"]);
    const of = inlined(graph(["x", "w"], [call("f", ["x", "w"], ["p", "q", "r", "s", ""])], ["p", "q", "r", "s"]), f);
    expect(written(of)).toEqual(["q = Relu(x)", "p = Identity(x)", "r = Identity(q)", "s = Identity(x)"]);
    expect(dataflowOf(of).operations).toHaveLength(4);
  });

  it("with inputs and outputs omitted", () => {
    const f = callee(
      "f",
      ["a", "b", "c"],
      [node("Clip", ["a", "b", "c"], ["r"]), node("Neg", ["r"], ["s"])],
      ["r", "s"],
    );
    expect(written(inlined(graph(["x"], [call("f", ["x", "", "x"], ["y"], { name: "n" })], ["y"]), f))).toEqual([
      "y = Clip(x, , x)",
      "n:s = Neg(y)",
    ]);
    expect(written(inlined(graph(["x"], [call("f", ["x"], ["", "z"], { name: "n" })], ["z"]), f))).toEqual([
      "n:r = Clip(x, , )",
      "z = Neg(n:r)",
    ]);
  });

  it("in the bodies of If and Loop, which see the names around them", () => {
    const branch = (opType: string) => graph([], [node(opType, ["t"], ["u"])], ["u"]);
    const condition = node("If", ["c"], ["r"], {
      attributes: new Map([body("then_branch", branch("Relu")), body("else_branch", branch("Neg"))]),
    });
    const f = callee("f", ["a", "c"], [node("Exp", ["a"], ["t"]), condition], ["r"]);
    const loop = graph(["i", "k", "h"], [call("f", ["h", "k"], ["g"], { name: "n" })], ["k", "g"]);
    const of = inlined(
      graph(["x", "m"], [node("Loop", ["m", "", "x"], ["y"], { attributes: new Map([body("body", loop)]) })], ["y"]),
      f,
    );
    const flow = dataflowOf(of);
    expect(flow.operations.map((operation) => operation.node.opType)).toEqual([
      "Identity",
      "Exp",
      "Relu",
      "Neg",
      "If",
      "Identity",
    ]);
    const exp = only(flow.operations.filter((operation) => operation.node.opType === "Exp"));
    const relu = only(flow.operations.filter((operation) => operation.node.opType === "Relu"));
    expect(relu.inputs[0]).toBe(exp.outputs[0]);
  });

  it("with its declared types and the caller's metadata", () => {
    const type = { kind: "tensor", dataType: "float32", shape: [2] } as const;
    const f = callee(
      "f",
      ["a"],
      [node("Relu", ["a"], ["t"], { metadata: new Map([["own", "1"]]) }), node("Neg", ["t"], ["r"])],
      ["r"],
      {
        valueInfo: [
          { name: "t", type },
          { name: "a", type },
        ],
      },
    );
    const of = inlined(
      graph(["x"], [call("f", ["x"], ["y"], { name: "n", metadata: new Map([["scope", "net"]]) })], ["y"]),
      f,
    );
    expect(of.graph.valueInfo).toEqual([{ name: "n:t", type }]);
    expect(of.graph.nodes.map(({ metadata }) => [...metadata])).toEqual([
      [
        ["scope", "net"],
        ["own", "1"],
      ],
      [["scope", "net"]],
    ]);
  });

  it("but not without a function of that name and domain", () => {
    const f = callee("f", [], [], []);
    const nodes = [node("f", ["x"], ["y"]), call("g", ["y"], ["z"])];
    expect(written(inlined(graph(["x"], nodes, ["z"]), f))).toEqual(["y = f(x)", "z = g(y)"]);
    const without = model(graph(["x"], nodes, ["z"]));
    expect(inlineFunctions(without)).toBe(without);
  });
});

describe("functions that have no end are refused", () => {
  const start = (name: string) => graph(["x"], [call(name, ["x"], ["y"])], ["y"]);

  it("one that calls itself, directly, through another, and in a body", () => {
    const self = callee("f", ["a"], [call("f", ["a"], ["r"])], ["r"]);
    expect(refusal(() => inlined(start("f"), self))).toMatch(/^m: f "y": the function "f" calls itself/);
    const ping = callee("ping", ["a"], [call("pong", ["a"], ["r"])], ["r"]);
    const pong = callee("pong", ["a"], [call("ping", ["a"], ["r"])], ["r"]);
    expect(refusal(() => inlined(start("ping"), ping, pong))).toMatch(/calls itself/);
    const branch = graph([], [call("g", ["a"], ["r"])], ["r"]);
    const g = callee(
      "g",
      ["a"],
      [node("If", ["a"], ["r"], { attributes: new Map([body("then_branch", branch), body("else_branch", branch)]) })],
      ["r"],
    );
    expect(refusal(() => inlined(start("g"), g))).toMatch(/calls itself/);
  });

  it("many that call each other in a long line", () => {
    const line = Array.from({ length: 20_000 }, (_, n) =>
      callee(`f${n}`, ["a"], [call(`f${n + 1}`, ["a"], ["r"])], ["r"]),
    );
    expect(refusal(() => inlined(start("f0"), ...line))).toMatch(/call each other more than 100 deep/);
  });

  it("that multiply to any number of nodes", () => {
    const doubling = Array.from({ length: 40 }, (_, n) =>
      callee(`f${n}`, ["a"], [call(`f${n + 1}`, ["a"], ["t"]), call(`f${n + 1}`, ["t"], ["r"])], ["r"]),
    );
    expect(inputError(() => inlined(start("f0"), ...doubling)).message).toBe(
      "m: its functions unfold to more than 1000000 nodes",
    );
  });

  it("but thousands of calls of one function are fine", () => {
    const f = callee("f", ["a"], [node("Relu", ["a"], ["t"]), node("Neg", ["t"], ["r"])], ["r"]);
    const calls = Array.from({ length: 20_000 }, (_, n) => call("f", [`v${n}`], [`v${n + 1}`]));
    expect(dataflowOf(inlined(graph(["v0"], calls, ["v20000"]), f)).operations).toHaveLength(40_000);
  });
});

it("functions of damaged files are inlined or refused", () => {
  const content = new Uint8Array(readFileSync(fixture("pytorch/mlp.functions.onnx")));
  const flip = fc.tuple(fc.nat(content.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(flip, { minLength: 1, maxLength: 4 }), (flips) => {
      const damaged = content.slice();
      for (const [at, byte] of flips) damaged[at] = byte;
      const inline = () => inlineFunctions(readModel(damaged)).functions;
      try {
        expect(inline()).toEqual([]);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        inputError(inline);
      }
    }),
    { numRuns: 300 },
  );
});

describe("the inlined model computes what the original does", () => {
  it.each([
    ["pytorch/mlp.functions.onnx", [3]],
    ["pytorch/vit.functions.onnx", [2]],
  ] as const)("%s", async (name, [batch]) => {
    const path = fixture(name);
    const original = readModel(path);
    const flat = inlineFunctions(original);
    expect(original.functions.length).toBeGreaterThan(0);
    const local = new Set(original.functions.map(({ domain, name: opType }) => `${domain}:${opType}`));
    expect(flat.graph.nodes.filter(({ domain, opType }) => local.has(`${domain}:${opType}`))).toEqual([]);
    const { name: input, type } = only(original.graph.inputs);
    const shape = (type?.kind === "tensor" ? (type.shape ?? []) : []).map((extent) =>
      typeof extent === "number" ? extent : batch,
    );
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => Math.sin(index));
    const outputs = async (from: string | Uint8Array) => {
      const session = await (typeof from === "string" ? InferenceSession.create(from) : InferenceSession.create(from));
      return Object.values(await session.run({ [input]: new OrtTensor("float32", data, shape) })).map(
        (tensor) => tensor.data,
      );
    };
    expect(await outputs(encodeModel(flat))).toEqual(await outputs(path));
  });

  it("with initializers in the bodies of a function", async () => {
    const k = float32Tensor("k", [1], [3]);
    const branch = (opType: string) => graph([], [node(opType, ["a", "k"], ["u"])], ["u"], { initializers: [k] });
    const condition = node("If", ["c"], ["r"], {
      attributes: new Map([body("then_branch", branch("Add")), body("else_branch", branch("Mul"))]),
    });
    const f = callee("f", ["a", "c"], [condition], ["r"]);
    const typed: Graph = {
      ...graph(["x", "c"], [call("f", ["x", "c"], ["y"]), call("f", ["y", "c"], ["z"])], ["z"]),
      inputs: [
        { name: "x", type: { kind: "tensor", dataType: "float32", shape: [1] } },
        { name: "c", type: { kind: "tensor", dataType: "bool", shape: [] } },
      ],
      outputs: [{ name: "z", type: { kind: "tensor", dataType: "float32", shape: [1] } }],
    };
    const session = await InferenceSession.create(encodeModel(inlined(typed, f)));
    const run = async (flag: boolean) =>
      (await session.run({ x: new OrtTensor("float32", [2], [1]), c: new OrtTensor("bool", [flag], []) }))["z"]?.data;
    expect([await run(true), await run(false)]).toEqual([Float32Array.of(8), Float32Array.of(18)]);
  });
});
