import { describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, type GraphBuilder, int64Tensor } from "../builder.js";
import type { Graph } from "../model.js";
import { numberTensor } from "../tensor.js";
import { refusal } from "../testing/input-error.js";
import { graph, node } from "../testing/models.js";
import { type Facts, tensorFacts } from "./facts.js";
import { inferGraph, inferNode } from "./infer-graph.js";
import { factsOfTensor } from "./tensor-facts.js";
import { declared, op, textOf, typesOf } from "./testing/facts-text.js";

function build(define: (g: GraphBuilder) => void): Graph {
  const builder = graphBuilder("g");
  define(builder);
  return builder.graph();
}

describe("facts of a graph's inputs and constants", () => {
  it("reads expressions as extents, and gives axes without one a symbol of their own", () => {
    const facts = inferGraph(
      build((g) => {
        g.input("x", "float32", ["batch", "2 * time + 1", null, 5]);
        g.input("y", "float32");
        g.input("z", "float32", ["?", "?", -1]);
      }),
    );
    expect(typesOf(facts, "x", "y", "z")).toEqual([
      "float32[batch, 2*time + 1, x_dim2, 5]",
      "float32",
      "float32[z_dim0, z_dim1, z_dim2]",
    ]);
  });

  it("takes given facts instead of declared ones", () => {
    const x = tensorFacts("float32", ["n", 8]);
    const model = build((g) => g.output(g.node("Relu", [g.input("x", "float32", [1, 8])], {}, { outputs: ["y"] })));
    expect(typesOf(inferGraph(model, { inputs: new Map([["x", x]]) }), "x", "y")).toEqual([
      "float32[n, 8]",
      "float32[n, 8]",
    ]);
  });

  it("reads small constants of integers and booleans, and no others", () => {
    expect(textOf(factsOfTensor(int64Tensor("a", [2, -1])))).toBe("int64[2] = 2, -1");
    expect(textOf(factsOfTensor(numberTensor("b", "bool", [], [1])))).toBe("bool[] = 1");
    expect(
      textOf(
        factsOfTensor(
          int64Tensor(
            "c",
            Array.from({ length: 1025 }, () => 0),
          ),
        ),
      ),
    ).toBe("int64[1025]");
    const floats = factsOfTensor(float32Tensor("d", [2], [1, 2]));
    expect(textOf(floats)).toBe("float32[2]");
    expect(floats.constant?.name).toBe("d");
    const absent = { name: "e", dataType: "int64", shape: [2], payload: { kind: "none" } } as const;
    expect(textOf(factsOfTensor(absent))).toBe("int64[2]");
  });

  it("tells symbols of the file from those that it makes", () => {
    const facts = inferGraph(
      graph([], [op("NonMaxSuppression", ["x", "scores"], ["y"])], [], {
        inputs: [declared("x", "float32", ["y_dim0", 6, 4]), declared("scores", "float32", ["y_dim0", 2, 6])],
      }),
    );
    expect(typesOf(facts, "x", "y")).toEqual(["float32[y_dim0, 6, 4]", "int64[y_dim0_, 3]"]);
  });

  it("knows the dense shape of sparse constants", () => {
    const sparse = { name: "s", shape: [4, 5], values: float32Tensor("s", [2]) };
    expect(typesOf(inferGraph(graph([], [], [], { sparseInitializers: [sparse] })), "s")).toEqual(["float32[4, 5]"]);
  });
});

describe("facts along a graph", () => {
  it("sorts nodes that a file lists in any order, and knows of what bodies read", () => {
    const branch = graph([], [op("Relu", ["late"], ["taken"])], ["taken"]);
    const nodes = [
      op("If", ["condition"], ["z"], { then_branch: branch, else_branch: branch }),
      op("Relu", ["y"], ["late"]),
      op("Relu", ["x"], ["y"]),
    ];
    const inputs = [
      declared("x", "float32", ["n"]),
      { name: "condition", type: { kind: "tensor", dataType: "bool", shape: [] } } as const,
    ];
    expect(typesOf(inferGraph(graph([], nodes, ["z"], { inputs })), "late", "z")).toEqual(["float32[n]", "float32[n]"]);
  });

  it("refuses cycles, and names defined twice or never", () => {
    const cycle = [op("Relu", ["b"], ["a"]), op("Relu", ["a"], ["b"])];
    expect(refusal(() => inferGraph(graph([], cycle, [])))).toContain('its nodes form a cycle: Relu "a" <- Relu "b"');
    const twice = [op("Relu", ["x"], ["a"]), op("Relu", ["x"], ["a"])];
    expect(refusal(() => inferGraph(graph(["x"], twice, [])))).toContain('defines "a" for the second time');
    expect(refusal(() => inferGraph(graph(["a"], [op("Relu", ["a"], ["a"])], [])))).toContain(
      'defines "a" for the second',
    );
    expect(refusal(() => inferGraph(graph([], [op("Relu", ["x"], ["a"])], [])))).toContain('reads "x", which no input');
  });

  it("believes the file's declarations where nothing else is known", () => {
    const nodes = [
      node("Mystery", ["x"], ["a"], { domain: "com.example" }),
      node("Mystery", ["x"], ["b"], { domain: "com.example" }),
      op("Relu", ["a"], ["y"]),
      op("NonMaxSuppression", ["a", "a"], ["boxes"]),
    ];
    const facts = inferGraph(
      graph([], nodes, ["y"], {
        inputs: [declared("x", "float32", ["batch", 8])],
        valueInfo: [declared("a", "float32", ["batch", 8, null]), declared("boxes", "int64", [5, 3])],
      }),
    );
    expect(typesOf(facts, "a", "b", "y", "boxes")).toEqual([
      "float32[batch, 8, a_dim2]",
      "undefined",
      "float32[batch, 8, a_dim2]",
      "int64[5, 3]",
    ]);
  });

  it("trusts what it infers more than declarations, of the batch size above all", () => {
    const facts = inferGraph(
      graph([], [op("Relu", ["x"], ["y"]), op("Relu", ["x"], ["z"])], [], {
        inputs: [declared("x", "float32", ["batch", 8])],
        outputs: [declared("y", "float32", [1, 8]), declared("z", "float32", [1, 8, 1])],
      }),
    );
    expect(typesOf(facts, "y", "z")).toEqual(["float32[batch, 8]", "float32[batch, 8]"]);
  });
});

it("infers a single node by a lookup", () => {
  const lookup = (name: string): Facts | undefined => (name === "x" ? tensorFacts("float32", ["n"]) : undefined);
  expect(inferNode(op("Relu", ["x"], ["y"]), lookup).map(textOf)).toEqual(["float32[n]"]);
  expect(refusal(() => inferNode(op("Relu", ["z"], ["y"]), lookup))).toContain('reads "z"');
});
