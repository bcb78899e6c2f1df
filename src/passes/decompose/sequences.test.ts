import { describe, expect, test } from "vitest";
import { type AttributeInputs, attributesOf, modelOf } from "../../graph/builder.js";
import { Emitter, type Value } from "../../graph/emitter.js";
import { Operators } from "../../graph/operators.js";
import { floats, runModel } from "../../graph/testing/run-model.js";
import { decompose } from "./index.js";

type Apply = (opType: string, inputs: readonly Value[], attributes?: AttributeInputs) => Value;

/** What a graph with sequences makes of x [3, 4]. */
type Build = (apply: Apply, g: Operators, x: Value) => Value;

const cases: readonly { readonly name: string; readonly build: Build }[] = [
  {
    name: "chunk: parts of one length, the last one shorter",
    build: (apply, g, x) => at(apply, g, apply("SplitToSequence", [x, g.scalar(3, "int64")], { axis: 1 }), 1),
  },
  {
    name: "split: parts of given lengths, counted from the back",
    build: (apply, g, x) => at(apply, g, apply("SplitToSequence", [x, g.integers([1, 2, 1])], { axis: -1 }), -2),
  },
  {
    name: "unbind as PyTorch exports it: parts of length 1 without the axis",
    build: (apply, g, x) => {
      const parts = apply("SplitToSequence", [x, g.scalar(1, "int64")], { axis: 1, keepdims: 0 });
      return g.mul(at(apply, g, parts, 0), at(apply, g, parts, -1));
    },
  },
  {
    name: "unbind with the length left out",
    build: (apply, g, x) => at(apply, g, apply("SplitToSequence", [x], { axis: 0, keepdims: 0 }), 2),
  },
  {
    name: "parts of length 1 that keep their axis",
    build: (apply, g, x) => at(apply, g, apply("SplitToSequence", [x], { axis: 0 }), 1),
  },
  {
    name: "the number of parts",
    build: (apply, g, x) =>
      g.cast(apply("SequenceLength", [apply("SplitToSequence", [x, g.scalar(2, "int64")])]), "float32"),
  },
  {
    name: "a list that is appended to, inserted into, erased from, and joined",
    build: (apply, g, x) => {
      const list = apply("SequenceConstruct", [x, g.mul(x, 2)]);
      const longer = apply("SequenceInsert", [list, g.mul(x, 3)]);
      const inserted = apply("SequenceInsert", [longer, g.mul(x, 4), g.scalar(1, "int64")]);
      const erased = apply("SequenceErase", [inserted, g.scalar(0, "int64")]);
      return apply("ConcatFromSequence", [apply("SequenceErase", [erased])], { axis: 1 });
    },
  },
  {
    name: "a list from nothing, stacked along a new axis",
    build: (apply, g, x) => {
      const list = apply("SequenceInsert", [apply("SequenceEmpty", []), x]);
      return apply("ConcatFromSequence", [apply("SequenceInsert", [list, g.neg(x)])], { axis: 1, new_axis: 1 });
    },
  },
];

function at(apply: Apply, g: Operators, sequence: Value, position: number): Value {
  return apply("SequenceAt", [sequence, g.scalar(position, "int64")]);
}

describe("sequences whose items are known become their items", () => {
  test.each(cases)("$name", async ({ build }) => {
    const [original, decomposed] = [modelWith(build, false), modelWith(build, true)];
    const feeds = { x: floats([1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12], [3, 4]) };
    expect(await runModel(decomposed, feeds)).toEqual(await runModel(original, feeds));
    expect(decomposed.graph.nodes.map(({ opType }) => opType).filter((name) => name.includes("Sequence"))).toEqual([]);
  });

  test("but not those of a sequence that the model is given", () => {
    const g = new Operators(new Emitter());
    const sequence = g.emitter.input("sequence", {
      dataType: "undefined",
      shape: undefined,
      container: { kind: "sequence", element: { kind: "tensor", dataType: "float32", shape: [2] } },
    });
    const inputs = [sequence, g.scalar(0, "int64")];
    expect(decompose({ emitter: g.emitter, node: nodeOf("SequenceAt", inputs), inputs })).toBeUndefined();
  });

  test("nor an item at a position that only running tells", () => {
    const g = new Operators(new Emitter());
    const x = g.emitter.input("x", { dataType: "float32", shape: [3, 4] });
    const position = g.emitter.input("position", { dataType: "int64", shape: [] });
    const inputs = [g.op("SplitToSequence", [x]), position];
    expect(decompose({ emitter: g.emitter, node: nodeOf("SequenceAt", inputs), inputs })).toBeUndefined();
  });
});

function modelWith(build: Build, isDecomposed: boolean) {
  const g = new Operators(new Emitter());
  const x = g.emitter.input("x", { dataType: "float32", shape: [3, 4] });
  const apply: Apply = (opType, inputs, attributes = {}) => {
    const node = nodeOf(opType, inputs, attributes);
    const outputs = isDecomposed ? decompose({ emitter: g.emitter, node, inputs }) : undefined;
    return outputs?.[0] ?? g.op(opType, inputs, attributes);
  };
  return modelOf(g.emitter.graph("sequences", [{ value: build(apply, g, x), name: "y" }]), 24, 11);
}

function nodeOf(opType: string, inputs: readonly Value[], attributes: AttributeInputs = {}) {
  const names = inputs.map(({ name }) => name);
  const attributeMap = attributesOf(attributes);
  return {
    name: "",
    domain: "",
    opType,
    overload: "",
    inputs: names,
    outputs: ["y"],
    attributes: attributeMap,
    metadata: new Map<string, string>(),
  };
}
