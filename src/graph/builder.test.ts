import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { expect, it } from "vitest";
import { float32Tensor, graphBuilder, int64Tensor, modelOf } from "./builder.js";
import { encodeModel } from "./encode-model.js";
import { rawBytes, readIntegers } from "./tensor.js";
import { refusal } from "./testing/input-error.js";
import { floats } from "./testing/protobuf.js";

it("names outputs after nodes, and nodes after operators", () => {
  const build = graphBuilder("g");
  const x = build.input("x", "float32");
  const a = build.node("Relu", [x]);
  const [values, indices] = build.nodes(
    "TopK",
    [a, build.initializer(int64Tensor("k", [1]))],
    2,
    { axis: -1 },
    { name: "top" },
  );
  const named = build.node("Custom", [x], {}, { outputs: ["z"], domain: "d" });
  expect([a, values, indices, named]).toEqual(["Relu_0_output_0", "top_output_0", "top_output_1", "z"]);
  const { nodes } = build.graph();
  expect(nodes.map(({ name, domain, opType }) => [name, domain, opType])).toEqual([
    ["Relu_0", "", "Relu"],
    ["top", "", "TopK"],
    ["Custom_2", "d", "Custom"],
  ]);
  expect([...modelOf(build.graph(), 17).opsetImports]).toEqual([
    ["", 17],
    ["d", 1],
  ]);
});

it("tells attributes apart by what they are given as", () => {
  const build = graphBuilder("g");
  const inner = graphBuilder("inner").graph();
  const tensor = float32Tensor("t", [0]);
  build.node("Op", [], {
    i: -2,
    f: { float: 0.5 },
    s: "größe",
    is: [1, 2],
    none: [],
    ss: ["a"],
    fs: { floats: [1] },
    t: tensor,
    g: inner,
  });
  expect([...(build.graph().nodes[0]?.attributes ?? [])]).toEqual([
    ["i", { kind: "int", value: -2n }],
    ["f", { kind: "float", value: 0.5 }],
    ["s", { kind: "string", value: Buffer.from("größe") }],
    ["is", { kind: "ints", value: [1n, 2n] }],
    ["none", { kind: "ints", value: [] }],
    ["ss", { kind: "strings", value: [Buffer.from("a")] }],
    ["fs", { kind: "floats", value: [1] }],
    ["t", { kind: "tensor", value: tensor }],
    ["g", { kind: "graph", value: inner }],
  ]);
});

it("a graph taken from it does not change any more", () => {
  const build = graphBuilder("g");
  const before = build.graph();
  build.output(build.node("Relu", [build.input("x", "float32")]));
  expect([before.nodes, before.inputs, before.outputs]).toEqual([[], [], []]);
  expect(build.graph().nodes).toHaveLength(1);
});

it("makes constants", () => {
  expect([...rawBytes(float32Tensor("w", [2], [1, -2]))]).toEqual([...floats(1, -2)]);
  expect([...rawBytes(float32Tensor("w", [2, 2]))]).toEqual([...new Uint8Array(16)]);
  expect(float32Tensor("w", [], [1]).shape).toEqual([]);
  expect(readIntegers(int64Tensor("k", [3, -1]))).toEqual([3, -1]);
  expect(int64Tensor("k", [3], []).shape).toEqual([]);
  expect(refusal(() => float32Tensor("w", [3], [1, 2]))).toMatch(/tensor "w": should hold 12 bytes/);
});

it("what it builds, the runtime runs", async () => {
  const build = graphBuilder("net");
  const x = build.input("x", "float32", ["batch", 2]);
  const h = build.node("Gemm", [x, build.initializer(float32Tensor("w", [2, 2], [1, 2, 3, 4]))], {
    alpha: { float: 2 },
    transB: 1,
  });
  const branch = (opType: string) => {
    const inner = graphBuilder(opType);
    inner.output(inner.node(opType, [h], {}, { outputs: [`${opType}_result`] }), "float32", ["batch", 2]);
    return inner.graph();
  };
  const flag = build.input("flag", "bool", []);
  build.output(
    build.node("If", [flag], { then_branch: branch("Neg"), else_branch: branch("Relu") }, { outputs: ["y"] }),
    "float32",
    ["batch", 2],
  );
  const session = await InferenceSession.create(encodeModel(modelOf(build.graph())));
  const run = async (condition: boolean) => {
    const feeds = { x: new OrtTensor("float32", [1, -2], [1, 2]), flag: new OrtTensor("bool", [condition], []) };
    return [...((await session.run(feeds))["y"]?.data ?? [])];
  };
  expect([await run(true), await run(false)]).toEqual([
    [6, 10],
    [0, 0],
  ]);
});
