import { describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, modelOf } from "../../graph/builder.js";
import { encodeModel } from "../../graph/encode-model.js";
import type { Graph } from "../../graph/model.js";
import { readModel } from "../../graph/read-model.js";
import { readFloats } from "../../graph/tensor.js";
import { refusal } from "../../graph/testing/input-error.js";
import { fixture } from "../../graph/testing/models.js";
import { floats, runModel } from "../../graph/testing/run-model.js";
import { withTrainedValues } from "./with-trained-values.js";

const values = (...numbers: number[]) => ({ data: Float64Array.from(numbers), dims: [numbers.length] });

/** y = a·x + b, with b as a Constant node in both branches of an If. */
function scaled() {
  const branch = (name: string): Graph => {
    const b = graphBuilder(name);
    b.output(b.node("Constant", [], { value: float32Tensor("", [1], [0]) }, { outputs: [name] }), "float32", [1]);
    return b.graph();
  };
  const g = graphBuilder("scaled");
  const x = g.input("x", "float32", ["batch"]);
  const product = g.node("Mul", [x, g.initializer(float32Tensor("a", [1], [1]))]);
  const condition = g.node("Cast", [g.initializer(float32Tensor("c", [], [1]))], { to: 9 });
  const b = g.node("If", [condition], { then_branch: branch("b"), else_branch: branch("other") });
  g.output(g.node("Add", [product, b], {}, { outputs: ["y"] }), "float32", ["batch"]);
  return modelOf(g.graph());
}

describe("a model with trained values", () => {
  it("computes with them, in bodies too, in its own types", async () => {
    const trained = withTrainedValues(
      scaled(),
      new Map([
        ["a", values(3)],
        ["b", values(0.5)],
      ]),
    );
    expect((await runModel(trained, { x: floats([1, 2], [2]) }))["y"]?.values).toEqual([3.5, 6.5]);
  });

  it("holds them when it is read again, and everything else as it was", () => {
    const model = readModel(fixture("pytorch/mlp.torchscript.onnx"));
    const [first, second] = model.graph.initializers;
    if (first === undefined || second === undefined) throw new Error("the fixture has weights");
    const data = readFloats(first, "float32").map((number) => number + 1);
    const trained = withTrainedValues(model, new Map([[first.name, { data, dims: first.shape }]]));
    const [changed, same] = readModel(encodeModel(trained)).graph.initializers;
    expect(changed && readFloats(changed, "float32")).toEqual(data);
    expect(same && readFloats(same, "float32")).toEqual(readFloats(second, "float32"));
    expect(trained.graph.nodes).toEqual(model.graph.nodes);
  });

  it("leaves other bodies' tensors of the same name alone", async () => {
    const branch = (name: string, size: number): Graph => {
      const b = graphBuilder(name);
      const w = b.initializer(float32Tensor("w", [size], Array<number>(size).fill(1)));
      b.output(b.node("ReduceSum", [w], { keepdims: 0 }, { outputs: [name] }), "float32", []);
      return b.graph();
    };
    const g = graphBuilder("branches");
    const branches = { then_branch: branch("two", 2), else_branch: branch("three", 3) };
    g.output(g.node("If", [g.input("x", "bool", [])], branches, { outputs: ["y"] }), "float32", []);
    const trained = withTrainedValues(modelOf(g.graph()), new Map([["w", values(5, 5)]]));
    const run = async (x: number) =>
      (await runModel(trained, { x: { dataType: "bool", shape: [], values: [x] } }))["y"];
    expect([(await run(1))?.values, (await run(0))?.values]).toEqual([[10], [3]]);
  });

  it("is refused where values do not make their shape", () => {
    const wrong = new Map([["a", { data: new Float32Array(3), dims: [1] }]]);
    expect(refusal(() => withTrainedValues(scaled(), wrong))).toBe('"a": has 3 values for the shape [1]');
  });

  it("is refused where the model has no such tensor, and where a number is too large for it", () => {
    expect(refusal(() => withTrainedValues(scaled(), new Map([["z", values(1)]])))).toMatch(
      /"z": is no initializer or constant of the model$/,
    );
    expect(refusal(() => withTrainedValues(scaled(), new Map([["a", values(1, 2)]])))).toMatch(
      /real numbers \[2\] were given$/,
    );
    expect(refusal(() => withTrainedValues(scaled(), new Map([["a", values(1e39)]])))).toMatch(
      /too large for float32; /,
    );
  });
});
