import { describe, expect, it } from "vitest";
import { int64Tensor } from "../../builder.js";
import type { Node } from "../../model.js";
import { refusal } from "../../testing/input-error.js";
import { graph } from "../../testing/models.js";
import type { Facts } from "../facts.js";
import { inferGraph } from "../infer-graph.js";
import { declared, op, typesOf } from "../testing/facts-text.js";

describe("sequences and optionals", () => {
  const inputs = [declared("x", "float32", ["batch", 4]), declared("y", "float32", ["other", 4])];

  function infer(...nodes: readonly Node[]): ReadonlyMap<string, Facts> {
    return inferGraph(graph([], nodes, [], { inputs }));
  }

  it("knows of items what holds for all of them", () => {
    const facts = infer(
      op("SequenceConstruct", ["x", "x"], ["same"]),
      op("SequenceAt", ["same", "x"], ["item"]),
      op("SequenceInsert", ["same", "y"], ["mixed"]),
      op("SequenceAt", ["mixed", "x"], ["one"]),
      op("SequenceAt", ["mixed", "x"], ["two"]),
      op("SequenceErase", ["mixed"], ["rest"]),
      op("ConcatFromSequence", ["same"], ["long"], { axis: 0 }),
      op("ConcatFromSequence", ["mixed"], ["stacked"], { axis: 1, new_axis: 1 }),
      op("SequenceLength", ["rest"], ["count"]),
    );
    expect(typesOf(facts, "item", "one", "two", "long", "stacked", "count")).toEqual([
      "float32[batch, 4]",
      "float32[one_dim0, 4]",
      "float32[two_dim0, 4]",
      "float32[long_dim0, 4]",
      "float32[stacked_dim0, stacked_dim2, 4]",
      "int64[]",
    ]);
    expect(facts.get("rest")?.container).toEqual({
      kind: "sequence",
      element: { kind: "tensor", dataType: "float32", shape: [null, 4] },
    });
  });

  it("splits into parts of one extent, where they are", () => {
    const lengths = (name: string, values: readonly number[], shape?: readonly number[]) =>
      int64Tensor(name, values, shape);
    const split = (...splits: readonly string[]) => op("SplitToSequence", ["x", ...splits], ["parts"], { axis: 1 });
    const part = (nodes: readonly Node[], initializers: readonly ReturnType<typeof lengths>[] = []) =>
      typesOf(
        inferGraph(graph([], [...nodes, op("SequenceAt", ["parts", "x"], ["part"])], [], { inputs, initializers })),
        "part",
      );
    expect(part([split()])).toEqual(["float32[batch, 1]"]);
    expect(part([op("SplitToSequence", ["x"], ["parts"], { axis: 1, keepdims: 0 })])).toEqual(["float32[batch]"]);
    expect(part([split("s")], [lengths("s", [2], [])])).toEqual(["float32[batch, 2]"]);
    expect(part([split("s")], [lengths("s", [3], [])])).toEqual(["float32[batch, part_dim1]"]);
    expect(part([split("s")], [lengths("s", [2, 2])])).toEqual(["float32[batch, 2]"]);
    expect(part([split("s")], [lengths("s", [1, 3])])).toEqual(["float32[batch, part_dim1]"]);
  });

  it("maps a body over the items", () => {
    const body = graph(["item", "whole"], [op("Relu", ["item"], ["a"]), op("Relu", ["whole"], ["b"])], ["a", "b"]);
    const facts = infer(
      op("SequenceConstruct", ["x", "y"], ["sequence"]),
      op("SequenceMap", ["sequence", "x"], ["mapped", "copies"], { body }),
    );
    const element = (name: string) => {
      const container = facts.get(name)?.container;
      return container?.kind === "sequence" ? container.element : undefined;
    };
    expect(element("mapped")).toEqual({ kind: "tensor", dataType: "float32", shape: [null, 4] });
    expect(element("copies")).toEqual({ kind: "tensor", dataType: "float32", shape: ["batch", 4] });
  });

  it("opens optionals", () => {
    const facts = infer(
      op("Optional", ["x"], ["maybe"]),
      op("OptionalGetElement", ["maybe"], ["value"]),
      op("OptionalGetElement", ["x"], ["itself"]),
      op("OptionalHasElement", ["maybe"], ["unknown"]),
      op("OptionalHasElement", ["x"], ["yes"]),
      op("OptionalHasElement", [], ["no"]),
      op("SequenceEmpty", [], ["empty"], { dtype: 7 }),
    );
    expect(typesOf(facts, "value", "itself", "unknown", "yes", "no")).toEqual([
      "float32[batch, 4]",
      "float32[batch, 4]",
      "bool[]",
      "bool[] = 1",
      "bool[] = 0",
    ]);
    expect(facts.get("empty")?.container).toEqual({ kind: "sequence", element: { kind: "tensor", dataType: "int64" } });
    expect(refusal(() => infer(op("Optional", ["x"], ["o"]), op("SequenceAt", ["o", "x"], ["item"])))).toContain(
      "needs a sequence, but has a value of the kind optional",
    );
  });
});
