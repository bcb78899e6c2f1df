import { describe, expect, it, test } from "vitest";
import { bodiesOf, capturedNames, renamedNode } from "./bodies.js";
import { float32Tensor } from "./builder.js";
import type { Node } from "./model.js";
import { body, graph, node } from "./testing/models.js";

/** An If inside of a Loop: what is read at each depth comes from another place. */
const inner = graph(
  [],
  [node("Add", ["carried", "outside"], ["sum"]), node("Mul", ["sum", "far"], ["p"])],
  ["p", "only"],
);
const conditional = node("If", ["going"], ["chosen"], {
  attributes: new Map([body("then_branch", inner), body("else_branch", graph([], [], ["x"]))]),
});
const loopBody = graph(
  ["i", "going", "carried"],
  [conditional, node("Relu", ["chosen"], ["next"])],
  ["going", "next"],
  {
    initializers: [float32Tensor("far", [1], [1])],
  },
);
const loop = node("Loop", ["trips", "", "x"], ["y"], { attributes: new Map([body("body", loopBody)]) });

test("bodies are the graphs in a node's attributes, in their order", () => {
  expect(bodiesOf(loop)).toEqual([loopBody]);
  expect(bodiesOf(conditional).map(({ outputs }) => outputs.length)).toEqual([2, 1]);
  expect(bodiesOf({ attributes: new Map([["graphs", { kind: "graphs", value: [inner, loopBody] }]]) })).toEqual([
    inner,
    loopBody,
  ]);
  expect(bodiesOf(node("Relu", ["x"], ["y"]))).toEqual([]);
});

test("captured are the names that bodies of any depth read, and that no graph in between defines", () => {
  expect(capturedNames(conditional).toSorted()).toEqual(["carried", "far", "only", "outside", "x"]);
  expect(capturedNames(loop).toSorted()).toEqual(["only", "outside", "x"]);
  expect(capturedNames(node("Add", ["x", ""], ["y"]))).toEqual([]);
});

describe("renaming", () => {
  const renamed = renamedNode(
    loop,
    new Map([
      ["x", "X"],
      ["outside", "O"],
      ["only", "P"],
      ["y", "Y"],
    ]),
  );

  it("reaches inputs, outputs and everything that bodies read", () => {
    expect([renamed.inputs, renamed.outputs]).toEqual([["trips", "", "X"], ["Y"]]);
    expect(capturedNames(renamed).toSorted()).toEqual(["O", "P", "X"]);
  });

  it("leaves the node that it is given as it was", () => {
    expect(capturedNames(loop).toSorted()).toEqual(["only", "outside", "x"]);
    const none = new Map<string, string>();
    expect(renamedNode(loop, none)).toBe(loop);
  });

  it("reaches lists of graphs, too", () => {
    const given: Node = { ...loop, attributes: new Map([["graphs", { kind: "graphs", value: [inner] }]]) };
    expect(capturedNames(renamedNode(given, new Map([["outside", "O"]]))).toSorted()).toEqual([
      "O",
      "carried",
      "far",
      "only",
    ]);
  });
});
