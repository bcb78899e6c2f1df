import { describe, expect, it } from "vitest";
import { type AttributeInputs, float32Tensor, int64Tensor } from "../../builder.js";
import type { Graph } from "../../model.js";
import { numberTensor } from "../../tensor.js";
import { refusal } from "../../testing/input-error.js";
import { graph } from "../../testing/models.js";
import { tensorFacts } from "../facts.js";
import { bodyInputFacts, inferGraph } from "../infer-graph.js";
import { factsOfTensor } from "../tensor-facts.js";
import { declared, op, textOf, typesOf } from "../testing/facts-text.js";

describe("If", () => {
  const condition = { name: "condition", type: { kind: "tensor", dataType: "bool", shape: [] } } as const;

  function branches(then: Graph, other: Graph, known?: number): Graph {
    return graph([], [op("If", ["condition"], ["y"], { then_branch: then, else_branch: other })], ["y"], {
      inputs: [declared("x", "float32", ["batch", 8, 4]), ...(known === undefined ? [condition] : [])],
      initializers: known === undefined ? [] : [numberTensor("condition", "bool", [], [known])],
    });
  }

  function branch(opType: string, attributes: AttributeInputs = {}): Graph {
    return graph([], [op(opType, ["x"], ["out"], attributes)], ["out"]);
  }

  const pool = branch("MaxPool", { kernel_shape: [2] });

  it("has what holds for both branches", () => {
    expect(typesOf(inferGraph(branches(branch("Relu"), pool)), "y")).toEqual(["float32[batch, 8, y_dim2]"]);
    expect(typesOf(inferGraph(branches(branch("Relu"), branch("Einsum", { equation: "bij->bi" }))), "y")).toEqual([
      "float32",
    ]);
  });

  it("never takes a symbol of one branch for that of the other", () => {
    const boxes = graph([], [op("NonMaxSuppression", ["x", "x"], ["out"])], ["out"]);
    const facts = inferGraph(branches(boxes, boxes));
    expect(typesOf(facts, "y")).toEqual(["int64[y_dim0, 3]"]);
  });

  it("has what the one branch returns that a known condition takes, and asks nothing of the other", () => {
    const broken = branch("MaxPool", { kernel_shape: [9, 9] });
    expect(typesOf(inferGraph(branches(broken, pool, 0)), "y")).toEqual(["float32[batch, 8, 3]"]);
    expect(typesOf(inferGraph(branches(pool, broken, 1)), "y")).toEqual(["float32[batch, 8, 3]"]);
    expect(refusal(() => inferGraph(branches(pool, broken)))).toContain("has a kernel of 2 axes for 1 spatial axes");
  });

  it("refuses branches of different types", () => {
    const boxes = graph([], [op("NonMaxSuppression", ["x", "x"], ["out"])], ["out"]);
    expect(refusal(() => inferGraph(branches(branch("Relu"), boxes)))).toContain(
      "float32 at one time and int64 at another",
    );
  });
});

describe("Loop", () => {
  const head = ["i", "condition"];

  /** A loop that carries x, doing what the body says; y is the last x. */
  function loop(body: Graph, outputs: readonly string[], shape: readonly (number | string)[] = ["n", 8]): Graph {
    return graph([], [op("Loop", ["count", "", "x"], outputs, { body })], outputs, {
      inputs: [declared("x", "float32", shape)],
      initializers: [int64Tensor("count", [5], [])],
    });
  }

  it("keeps what every iteration keeps", () => {
    const body = graph([...head, "v"], [op("Relu", ["v"], ["next"])], ["condition", "next", "next"]);
    expect(typesOf(inferGraph(loop(body, ["y", "all"])), "y", "all")).toEqual(["float32[n, 8]", "float32[5, n, 8]"]);
  });

  it("generalizes extents and ranks that change from one iteration to the next", () => {
    const shrink = graph(
      [...head, "v"],
      [op("MaxPool", ["v"], ["next"], { kernel_shape: [2] })],
      ["condition", "next", "v"],
    );
    const model = loop(shrink, ["y", "all"], ["n", 8, 9]);
    // Each iteration stacks a v of one shape, whatever that is.
    expect(typesOf(inferGraph(model), "y", "all")).toEqual(["float32[n, 8, y_dim2]", "float32[5, n, 8, all_dim3]"]);
    const flatten = graph([...head, "v"], [op("Det", ["v"], ["next"])], ["condition", "next"]);
    expect(typesOf(inferGraph(loop(flatten, ["y"], ["n", 3, 3, 3, 3])), "y")).toEqual(["float32"]);
  });

  it("stacks an unknown number of results where the condition may end the loop", () => {
    const body = graph([...head, "v"], [op("NonMaxSuppression", ["v", "v"], ["kept"])], ["stop", "v", "kept"], {
      nodes: [op("RegexFullMatch", ["text"], ["stop"], { pattern: "a" }), op("Relu", ["v"], ["kept"])],
    });
    const model = loop(body, ["y", "all"]);
    const text = { name: "text", type: { kind: "tensor", dataType: "string", shape: [] } } as const;
    expect(typesOf(inferGraph({ ...model, inputs: [...model.inputs, text] }), "all")).toEqual([
      "float32[all_dim0, n, 8]",
    ]);
  });

  it("sees values of the graph around it, in nested loops too", () => {
    const inner = graph(["j", "c", "w"], [op("Einsum", ["w", "kernel"], ["u"], { equation: "ni,io->no" })], ["c", "u"]);
    const outer = graph(
      [...head, "v"],
      [op("Loop", ["count", "", "v"], ["next"], { body: inner })],
      ["condition", "next"],
    );
    const model = loop(outer, ["y"]);
    const facts = inferGraph({ ...model, initializers: [...model.initializers, float32Tensor("kernel", [8, 8])] });
    expect(typesOf(facts, "y")).toEqual(["float32[n, 8]"]);
  });

  it("tells the facts of a body's inputs in every iteration", () => {
    const body = graph([...head, "v"], [op("MaxPool", ["v"], ["next"], { kernel_shape: [2] })], ["condition", "next"]);
    const [loopNode] = loop(body, ["y"]).nodes;
    if (loopNode === undefined) throw new Error("no node");
    const inputs = [factsOfTensor(int64Tensor("count", [5], [])), undefined, tensorFacts("float32", ["n", 8, 9])];
    const facts = bodyInputFacts(loopNode, inputs, () => undefined);
    expect(facts.get("body")?.map(textOf)).toEqual(["int64[]", "bool[] = 1", "float32[n, 8, y.body.v_dim2]"]);
  });

  it("refuses bodies that take or return another number of values, and values that change their type", () => {
    const none = graph(head, [], ["condition"]);
    expect(refusal(() => inferGraph(loop(none, ["y"])))).toContain("gives 3 values to a body that takes 2");
    const forgetful = graph([...head, "v"], [], ["condition"]);
    expect(refusal(() => inferGraph(loop(forgetful, ["y"])))).toContain(
      "has a body that returns 1 values and carries 1",
    );
    const other = graph([...head, "v"], [op("NonMaxSuppression", ["v", "v"], ["next"])], ["condition", "next"]);
    expect(refusal(() => inferGraph(loop(other, ["y"], [1, 2, 3])))).toContain(
      "float32 at one time and int64 at another",
    );
  });

  it("ends for loops nested in each other and values that hand changes on one at a time", () => {
    const names = Array.from({ length: 40 }, (_, index) => `v${index}`);
    const shifted = ["next", ...names.slice(0, -1)];
    let body = graph(
      [...head, ...names],
      [op("MaxPool", ["v0"], ["next"], { kernel_shape: [2] })],
      ["condition", ...shifted],
    );
    for (let depth = 0; depth < 8; depth++) {
      const inner = names.map((name) => `${name}_${depth}`);
      body = graph(
        [...head, ...names],
        [op("Loop", ["count", "", ...names], inner, { body })],
        ["condition", ...inner],
      );
    }
    const outputs = names.map((name) => `${name}_out`);
    const facts = inferGraph(
      graph([], [op("Loop", ["count", "", ...names.map(() => "x")], outputs, { body })], outputs, {
        inputs: [declared("x", "float32", [1, 1, 99])],
        initializers: [int64Tensor("count", [5], [])],
      }),
    );
    expect(typesOf(facts, "v0_out", "v39_out")).toEqual(["float32", "float32"]);
  });
});

describe("Scan", () => {
  function scan(body: Graph, attributes: AttributeInputs, outputs: readonly string[]): Graph {
    const scanNode = op("Scan", ["state", "x"], outputs, { ...attributes, num_scan_inputs: 1, body });
    return graph([], [scanNode], outputs, {
      inputs: [declared("state", "float32", ["batch", 4]), declared("x", "float32", ["batch", "time", 3])],
    });
  }

  it("gives the body slices, keeps states, and stacks results along the axes asked for", () => {
    const body = graph(["h", "slice"], [op("Relu", ["h"], ["next"])], ["next", "slice", "h"]);
    const model = scan(body, { scan_input_axes: [1], scan_output_axes: [-1, 1] }, ["last", "slices", "states"]);
    expect(typesOf(inferGraph(model), "last", "slices", "states")).toEqual([
      "float32[batch, 4]",
      "float32[batch, 3, time]",
      "float32[batch, time, 4]",
    ]);
  });

  it("refuses a state that cannot keep its shape, and an axis that is not there", () => {
    const body = graph(["h", "slice"], [], ["slice", "h"]);
    expect(refusal(() => inferGraph(scan(body, { scan_input_axes: [1] }, ["last", "states"])))).toContain(
      "has a state [batch, 4] of which its body makes [batch, 3]",
    );
    expect(refusal(() => inferGraph(scan(body, { scan_input_axes: [3] }, ["last", "states"])))).toContain(
      "scans axis 3 of a shape of rank 3",
    );
  });
});
