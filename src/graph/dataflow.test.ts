import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { float32Tensor } from "./builder.js";
import { type Dataflow, dataflowOf, type Operation, type Value } from "./dataflow.js";
import { encodeModel } from "./encode-model.js";
import type { Graph, Node } from "./model.js";
import { readModel } from "./read-model.js";
import { refusal } from "./testing/input-error.js";
import { body, fixtureModels, graph, model, node, only } from "./testing/models.js";

const flow = (of: Graph) => dataflowOf(model(of));
const opTypes = ({ operations }: Dataflow) => operations.map((each) => each.node.opType);
const names = (values: readonly (Value | undefined)[]) => values.map((value) => value?.name ?? "");

function withBodies(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  ...bodies: ReturnType<typeof body>[]
): Node {
  return node(opType, inputs, outputs, { attributes: new Map(bodies), name: opType });
}

/** The one operation of that type. */
function operationOf(of: Dataflow, opType: string): Operation {
  return only(of.operations.filter((candidate) => candidate.node.opType === opType));
}

/** The value behind an input, through the links that lead into and out of bodies. */
function source(value: Value | undefined): Value | undefined {
  const { origin } = value ?? {};
  const isLink = origin?.kind === "operation" && origin.operation.node.opType === "Identity";
  return isLink ? source(origin.operation.inputs[0]) : value;
}

/** Every operation after those whose outputs it reads, and origins and uses that agree. */
function expectConsistent({ operations, inputs, initializers, outputs }: Dataflow): void {
  const done = new Set<Operation>();
  for (const current of operations) {
    for (const [input, value] of current.inputs.entries()) {
      if (value === undefined) continue;
      expect(value.uses).toContainEqual(expect.objectContaining({ operation: current, input }));
      if (value.origin.kind === "operation") expect(done.has(value.origin.operation)).toBe(true);
    }
    for (const [output, value] of current.outputs.entries()) {
      if (value !== undefined) expect(value.origin).toEqual({ kind: "operation", operation: current, output });
    }
    done.add(current);
  }
  expect(inputs.every(({ origin }) => origin.kind === "input")).toBe(true);
  expect(initializers.every(({ origin }) => origin.kind === "initializer")).toBe(true);
  expect(outputs.every(({ origin }) => origin.kind !== "operation" || done.has(origin.operation))).toBe(true);
}

describe("a graph without bodies", () => {
  it("has its names resolved", () => {
    const w = float32Tensor("w", [1]);
    const nodes = [node("Add", ["x", "w"], ["a"]), node("Clip", ["a", "", "a"], ["y", ""])];
    const of = flow(graph(["x"], nodes, ["y", "x"], { initializers: [w] }));
    expectConsistent(of);
    expect([names(of.inputs), names(of.outputs), names(of.initializers)]).toEqual([["x"], ["y", "x"], ["w"]]);
    expect(names(operationOf(of, "Clip").inputs)).toEqual(["a", "", "a"]);
    expect(names(operationOf(of, "Clip").outputs)).toEqual(["y", ""]);
    expect(of.initializers[0]?.origin).toEqual({ kind: "initializer", tensor: w });
    expect(operationOf(of, "Clip").inputs[0]?.uses.map(({ input }) => input)).toEqual([0, 2]);
  });

  it("has the types that the file declares, wherever it declares them", () => {
    const type = { kind: "tensor", dataType: "float32", shape: [1] } as const;
    const of = flow({ ...graph(["x"], [node("Relu", ["x"], ["y"])], ["y"]), valueInfo: [{ name: "y", type }] });
    expect(only(of.outputs).type).toEqual(type);
    expect(only(of.inputs).type).toBeUndefined();
  });

  it("keeps its order where that is valid", () => {
    const nodes = [
      node("A", [], ["a"]),
      node("B", [], ["b"]),
      node("C", ["b"], ["c"]),
      node("D", ["a", "c"], ["d"]),
      node("E", [], []),
    ];
    expect(opTypes(flow(graph([], nodes, ["d"])))).toEqual(["A", "B", "C", "D", "E"]);
  });

  it("is sorted where it is not", () => {
    const nodes = [
      node("D", ["c", "a"], ["d"]),
      node("C", ["b"], ["c"]),
      node("A", ["x"], ["a"]),
      node("B", ["a"], ["b"]),
    ];
    const of = flow(graph(["x"], nodes, ["d"]));
    expectConsistent(of);
    expect(opTypes(of)).toEqual(["A", "B", "C", "D"]);
  });

  it("may be long and in reverse", () => {
    const length = 20_000;
    const nodes = Array.from({ length }, (_, index) => node("Relu", [`v${index}`], [`v${index + 1}`]));
    const of = flow(graph(["v0"], nodes.toReversed(), [`v${length}`]));
    expect(of.operations.map(({ node: { outputs } }) => outputs[0])).toEqual(nodes.map(({ outputs }) => outputs[0]));
  });
});

describe("If", () => {
  const branch = (opType: string, ...inputs: readonly string[]) => graph([], [node(opType, inputs, ["r"])], ["r"]);

  it("reads its condition and both branches, which see outer values", () => {
    const branches = [body("then_branch", branch("Add", "x", "w")), body("else_branch", branch("Sub", "x", "late"))];
    const nodes = [withBodies("If", ["c"], ["y"], ...branches), node("Relu", ["x"], ["late"])];
    const of = flow(graph(["x", "c"], nodes, ["y"], { initializers: [float32Tensor("w", [1])] }));
    expectConsistent(of);
    expect(opTypes(of)).toEqual(["Add", "Relu", "Sub", "If"]);
    const [condition, yes, no] = operationOf(of, "If").inputs;
    expect([condition?.name, yes?.origin, no?.origin]).toEqual([
      "c",
      { kind: "operation", operation: operationOf(of, "Add"), output: 0 },
      { kind: "operation", operation: operationOf(of, "Sub"), output: 0 },
    ]);
    expect(of.initializers[0]?.uses).toEqual([{ operation: operationOf(of, "Add"), input: 1 }]);
  });

  it("pairs the outputs of its branches, and leaves out what no one takes", () => {
    const two = (opType: string) => graph([], [node(opType, ["x"], ["p", "q"])], ["q", "p"]);
    const nodes = [withBodies("If", ["c"], ["", "y"], body("then_branch", two("A")), body("else_branch", two("B")))];
    const of = flow(graph(["x", "c"], nodes, ["y"]));
    expectConsistent(of);
    const { origin } = only(of.outputs);
    expect(origin.kind === "operation" && names(origin.operation.inputs)).toEqual(["c", "p", "p"]);
  });

  it("keeps the names of its branches apart, also from outer ones", () => {
    const shadow = graph([], [node("Relu", ["x"], ["y"]), node("Neg", ["y"], ["r"])], ["r"]);
    const nodes = [
      node("Abs", ["x"], ["y"]),
      withBodies("If", ["y"], ["z"], body("then_branch", shadow), body("else_branch", branch("Sub", "y"))),
    ];
    const of = flow(graph(["x"], nodes, ["z"]));
    expect(operationOf(of, "Neg").inputs[0]?.origin).toMatchObject({ operation: operationOf(of, "Relu") });
    expect(operationOf(of, "Sub").inputs[0]?.origin).toMatchObject({ operation: operationOf(of, "Abs") });
    expect(refusal(() => flow(graph(["x"], [...nodes, node("Exp", ["r"], ["e"])], ["e"])))).toMatch(
      /Exp "e": reads "r", which no/,
    );
  });

  it("has initializers of its own", () => {
    const own = graph([], [], ["k"], { initializers: [float32Tensor("k", [1])] });
    const of = flow(
      graph(["c"], [withBodies("If", ["c"], ["y"], body("then_branch", own), body("else_branch", own))], ["y"]),
    );
    expect(names(of.initializers)).toEqual(["k", "k"]);
    expect(names(operationOf(of, "If").inputs)).toEqual(["c", "k", "k"]);
  });

  it("may be nested deeply", () => {
    let inner = branch("Relu", "x");
    for (let depth = 0; depth < 500; depth++) {
      inner = graph(
        [],
        [withBodies("If", ["c"], ["r"], body("then_branch", inner), body("else_branch", branch("Neg", "x")))],
        ["r"],
      );
    }
    expect(
      flow(inner.nodes.length === 1 ? { ...inner, inputs: [{ name: "x" }, { name: "c" }] } : inner).operations,
    ).toHaveLength(1001);
  });
});

describe("Loop", () => {
  const loopBody = graph(
    ["i", "c_in", "h_in"],
    [node("Identity", ["c_in"], ["c_out"]), node("MatMul", ["h_in", "w"], ["h_out"]), node("Exp", ["h_out"], ["scan"])],
    ["c_out", "h_out", "scan"],
  );
  const inputs = ["x", "m", "c"];
  const initializers = [float32Tensor("w", [1])];

  it("links carried values in and out, and sees outer values", () => {
    const of = flow(
      graph(inputs, [withBodies("Loop", ["m", "c", "x"], ["h", "s"], body("body", loopBody))], ["h", "s"], {
        initializers,
      }),
    );
    expectConsistent(of);
    expect(names(of.inputs)).toEqual(inputs);
    const matMul = operationOf(of, "MatMul");
    expect(source(matMul.inputs[0])?.name).toBe("x");
    expect(matMul.inputs[1]).toBe(of.initializers[0]);
    expect(of.outputs.map(source)).toEqual([matMul.outputs[0], operationOf(of, "Exp").outputs[0]]);
  });

  it("has an iteration number that is no outer value", () => {
    const counting = graph(["i", "c"], [node("Cast", ["i"], ["r"])], ["c", "r"]);
    const of = flow(graph(["m"], [withBodies("Loop", ["m"], ["s"], body("body", counting))], ["s"]));
    expectConsistent(of);
    expect(operationOf(of, "Cast").inputs[0]?.origin).toEqual({ kind: "input" });
    expect(names(of.inputs)).toEqual(["m"]);
  });

  it("is refused when values and body do not fit together", () => {
    const loop = (ins: readonly string[], outs: readonly string[]) => () =>
      flow(graph(inputs, [withBodies("Loop", ins, outs, body("body", loopBody))], outs, { initializers }));
    expect(refusal(loop(["m", "c"], ["h"]))).toMatch(/Loop "Loop": gives 2 values to a body that takes 3/);
    expect(refusal(loop(["m", "c", "x"], ["h", "s", "t"]))).toMatch(
      /Loop "Loop": has 3 outputs, but a body that returns 2/,
    );
  });

  it("that reads its own result in its body is a cycle", () => {
    const own = graph(["i", "c"], [node("Add", ["i", "h"], ["r"])], ["c", "r"]);
    expect(refusal(() => flow(graph(["m"], [withBodies("Loop", ["m"], ["h"], body("body", own))], ["h"])))).toMatch(
      /form a cycle/,
    );
  });
});

describe("Scan", () => {
  const step = graph(
    ["h_in", "x_t"],
    [node("Add", ["h_in", "x_t"], ["h_out"]), node("Exp", ["h_out"], ["y_t"])],
    ["h_out", "y_t"],
  );

  it.each([
    ["links states and slices", ["h0", "xs"]],
    ["has sequence lengths first at opset 8", ["", "h0", "xs"]],
  ])("%s", (_, inputs) => {
    const of = flow(graph(["h0", "xs"], [withBodies("Scan", inputs, ["h", "ys"], body("body", step))], ["h", "ys"]));
    expectConsistent(of);
    expect(operationOf(of, "Add").inputs.map((value) => source(value)?.name)).toEqual(["h0", "xs"]);
    expect(of.outputs.map(source)).toEqual([operationOf(of, "Add").outputs[0], operationOf(of, "Exp").outputs[0]]);
  });
});

it("an unknown operator with bodies reads what they return", () => {
  const some = graph([], [node("Relu", ["x"], ["r"])], ["r"]);
  const of = flow(graph(["x"], [withBodies("Mystery", ["x"], ["y"], body("body", some), body("more", some))], ["y"]));
  expectConsistent(of);
  expect(names(operationOf(of, "Mystery").inputs)).toEqual(["x", "r", "r"]);
});

describe("what no graph may be", () => {
  it.each<[string, Graph, RegExp]>([
    [
      "a name that two nodes define",
      graph(["x"], [node("A", ["x"], ["y"]), node("B", ["x"], ["y"])], ["y"]),
      /"y" is defined twice/,
    ],
    ["a name that one node defines twice", graph([], [node("A", [], ["y", "y"])], ["y"]), /"y" is defined twice/],
    ["two inputs of one name", graph(["x", "x"], [], ["x"]), /"x" is defined twice/],
    ["an input that a node defines", graph(["x"], [node("A", [], ["x"])], ["x"]), /"x" is defined twice/],
    [
      "two initializers of one name",
      graph([], [], [], { initializers: [float32Tensor("w", [1]), float32Tensor("w", [1])] }),
      /"w" is defined twice/,
    ],
    [
      "a name that nothing defines",
      graph([], [node("A", ["q"], ["y"])], ["y"]),
      /^m: A "y": reads "q", which no input, initializer or node defines/,
    ],
    ["an output that nothing defines", graph([], [], ["q"]), /^m: the graph's outputs: reads "q"/],
    [
      "a node that reads its own output",
      graph([], [node("A", ["y"], ["y"])], ["y"]),
      /form a cycle: A "y"; an ONNX graph must have none/,
    ],
    [
      "a cycle",
      graph([], [node("A", ["c"], ["a"]), node("B", ["a"], ["b"]), node("C", ["b"], ["c"])], ["c"]),
      /form a cycle: A "a" <- C "c" <- B "b"/,
    ],
    [
      "a long cycle",
      graph(
        [],
        Array.from({ length: 9 }, (_, n) => node("N", [`${(n + 8) % 9}`], [`${n}`])),
        [],
      ),
      /and 5 more/,
    ],
  ])("%s", (_, of, message) => {
    expect(refusal(() => flow(of))).toMatch(message);
  });

  it("a cycle through a body", () => {
    const branch = graph([], [node("Neg", ["z"], ["r"])], ["r"]);
    const nodes = [
      withBodies("If", ["c"], ["y"], body("then_branch", branch), body("else_branch", branch)),
      node("Exp", ["y"], ["z"]),
    ];
    expect(refusal(() => flow(graph(["c"], nodes, ["z"])))).toMatch(/form a cycle/);
  });
});

it.each(fixtureModels.map((path) => [basename(path), path]))("%s is consistent, in file order", (_, path) => {
  const read = readModel(path);
  const of = dataflowOf(read);
  expectConsistent(of);
  const plainNodes = read.graph.nodes.filter(({ attributes }) =>
    [...attributes.values()].every(({ kind }) => kind !== "graph"),
  );
  const own = new Set(plainNodes);
  expect(of.operations.map((each) => each.node).filter((each) => own.has(each))).toEqual(plainNodes);
});

it("a model of nested bodies reads from a file as it is", () => {
  const inner = graph([], [node("Relu", ["x"], ["r"])], ["r"]);
  const nested = Array.from({ length: 30 }).reduce<Graph>(
    (of) => graph([], [withBodies("If", ["c"], ["r"], body("then_branch", of), body("else_branch", inner))], ["r"]),
    inner,
  );
  const whole = { ...nested, inputs: [{ name: "x" }, { name: "c" }] };
  expect(dataflowOf(readModel(encodeModel(model(whole)))).operations).toHaveLength(61);
});
