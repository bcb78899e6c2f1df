import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { attributesOf, graphBuilder, modelOf } from "../../graph/builder.js";
import { dataTypeCode } from "../../graph/data-type.js";
import type { Graph, ValueInfo, ValueType } from "../../graph/model.js";
import { readModel } from "../../graph/read-model.js";
import { numberTensor, rawBytes, readFloats, readNumbers, type Tensor } from "../../graph/tensor.js";
import { body, fixture, graph, model, node, only, readTensor } from "../../graph/testing/models.js";
import { bytes, int, varints } from "../../graph/testing/protobuf.js";
import { refusal } from "../../graph/testing/input-error.js";
import { floats, integers, type PlainTensor, runModel } from "../../graph/testing/run-model.js";
import { initialState } from "../training/initial-state.js";
import { rewrite } from "../training/rewrite.js";
import { normalize } from "./normalize.js";
import { runTensors } from "./testing/node-test.js";
import { toFloat32 } from "./to-float32.js";

/** See fixtures/half-precision/make_half_precision.py. */
interface Golden {
  readonly name: string;
  readonly x: { readonly shape: readonly number[]; readonly values: readonly number[] };
  readonly target: readonly number[];
  readonly lossValue: number;
  readonly gradients: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>
  >;
}

const goldens = JSON.parse(readFileSync(fixture("half-precision/golden.json"), "utf8")) as readonly Golden[];

describe("models in half precision train in float32", () => {
  test.each(goldens)("$name: loss and gradients are those of the rounded weights", async (golden) => {
    const file = readModel(fixture(`half-precision/${golden.name}.onnx`));
    const { models, contract } = rewrite(file, { loss: { name: "softmax-cross-entropy" } });
    const artifact = contract.artifacts.gradient ?? expect.fail();
    const results = await runModel(models.get("gradient") ?? expect.fail(), {
      ...feedsOf(golden),
      target: integers(golden.target),
      ...plain(initialState(file, artifact)),
    });
    expect(relativeError(results["loss"]?.values ?? [], [golden.lossValue])).toBeLessThan(1e-5);
    expect(contract.parameters.map(({ name }) => name).toSorted()).toEqual(Object.keys(golden.gradients).toSorted());
    for (const [name, { shape, values }] of Object.entries(golden.gradients)) {
      const gradient = results[`${name}.grad`];
      expect(gradient).toMatchObject({ dataType: "float32", shape });
      const { length } = values;
      // What is 0 but for rounding has no relative error.
      if (Math.hypot(...values) < 1e-7) expect(Math.hypot(...(gradient?.values ?? []))).toBeLessThan(1e-6);
      else expect([name, relativeError(gradient?.values ?? [], values)]).toEqual([name, expect.closeTo(0, 5)]);
      expect(gradient?.values.length).toBe(length);
    }
  });

  test.each(goldens)("$name: the contract feeds float32, its rows say what the file has", ({ name }) => {
    const file = readModel(fixture(`half-precision/${name}.onnx`));
    const { contract } = rewrite(file, { loss: { name: "softmax-cross-entropy" } });
    const ports = Object.values(contract.artifacts).flatMap(({ inputs, outputs }) => [...inputs, ...outputs]);
    expect(new Set(ports.map(({ dtype }) => dtype))).toEqual(new Set(["float32", "int64"]));
    expect(new Set(contract.parameters.map(({ dtype }) => dtype))).toEqual(
      new Set([name.endsWith("bfloat16") ? "bfloat16" : "float16"]),
    );
  });

  const runnable = goldens.filter(({ name }) => !name.endsWith("bfloat16"));
  test.each(runnable)("$name: predictions are those of the file, but for its rounding", async (golden) => {
    const file = readModel(fixture(`half-precision/${golden.name}.onnx`));
    const { model: widened } = normalize(file);
    const [input] = file.graph.inputs;
    const dataType = input?.type?.kind === "tensor" ? input.type.dataType : expect.fail();
    const x = numberTensor("x", dataType, golden.x.shape, golden.x.values);
    const [expected] = await runTensors(readFileSync(fixture(`half-precision/${golden.name}.onnx`)), [x]);
    const { output } = await runModel(widened, feedsOf(golden));
    expect(output).toMatchObject({ dataType: "float32", shape: expected?.shape });
    expect(relativeError(output?.values ?? [], readNumbers(expected ?? expect.fail()) ?? [])).toBeLessThan(3e-3);
  });
});

function feedsOf({ x }: Golden): Record<string, PlainTensor> {
  return { x: floats(x.values, x.shape) };
}

function plain(state: ReturnType<typeof initialState>): Record<string, PlainTensor> {
  return Object.fromEntries(
    Object.entries(state).map(([name, { data, dims }]) => [name, floats(Array.from(data), dims)]),
  );
}

/** Norm of the difference over norm. */
function relativeError(found: readonly number[], expected: readonly number[]): number {
  const difference = expected.map((value, index) => value - (found[index] ?? Number.NaN));
  return Math.hypot(...difference) / Math.hypot(...expected);
}

describe("toFloat32", () => {
  it("returns a model without half precision as it is", () => {
    const builder = graphBuilder("plain");
    const x = builder.input("x", "float64", [2]);
    builder.output(builder.node("Cast", [x], { to: dataTypeCode("float32") }), "float32", [2]);
    const plainModel = modelOf(builder.graph());
    expect(toFloat32(plainModel)).toBe(plainModel);
  });

  it("makes float32 of every type that is declared, also inside of other types, and leaves float64", () => {
    const half: ValueType = { kind: "tensor", dataType: "float16", shape: ["n", 3] };
    const widened: ValueType = { kind: "tensor", dataType: "float32", shape: ["n", 3] };
    const values = (type: ValueType): readonly ValueInfo[] => [
      { name: "tensor", type },
      { name: "sequence", type: { kind: "sequence", element: { kind: "optional", element: type } } },
      { name: "map", type: { kind: "map", key: "int64", value: type } },
      { name: "double", type: { kind: "tensor", dataType: "float64" } },
      { name: "untyped" },
    ];
    const given = graph([], [], [], { inputs: values(half), outputs: values(half), valueInfo: values(half) });
    const { inputs, outputs, valueInfo } = toFloat32(model(given)).graph;
    for (const list of [inputs, outputs, valueInfo]) expect(list).toEqual(values(widened));
  });

  it.each([
    ["Cast", "to", "bfloat16", "float32"],
    ["Cast", "to", "float64", "float64"],
    ["EyeLike", "dtype", "float16", "float32"],
    ["RandomNormal", "dtype", "float16", "float32"],
    ["Multinomial", "dtype", "int64", "int64"],
    ["HannWindow", "output_datatype", "float16", "float32"],
    ["DequantizeLinear", "output_dtype", "float16", "float32"],
    ["Attention", "softmax_precision", "float16", "float32"],
    ["LayerNormalization", "stash_type", "bfloat16", "float32"],
  ] as const)("%s: %s %s becomes %s", (opType, attribute, from, to) => {
    const attributes = attributesOf({ [attribute]: dataTypeCode(from), axis: 10 });
    const { nodes } = toFloat32(model(graph([], [node(opType, ["x"], ["y"], { attributes })], ["y"]))).graph;
    expect(only(nodes).attributes).toEqual(attributesOf({ [attribute]: dataTypeCode(to), axis: 10 }));
  });

  it("converts initializers and the tensors in attributes, also inside of bodies", () => {
    const half = numberTensor("half", "float16", [2], [1.5, -0.1]);
    const constant = node("Constant", [], ["c"], { attributes: attributesOf({ value: half }) });
    const inner: Graph = graph([], [constant], ["c"], { initializers: [half] });
    const branches = new Map([body("then_branch", inner), body("else_branch", inner)]);
    const given = graph([], [node("If", ["condition"], ["y"], { attributes: branches })], ["y"], {
      initializers: [half, numberTensor("double", "float64", [], [0.1])],
    });
    const found = toFloat32(model(given)).graph;
    const [branch] = [...only(found.nodes).attributes.values()].map((each) =>
      each.kind === "graph" ? each.value : expect.fail(),
    );
    const value = branch?.nodes[0]?.attributes.get("value");
    const tensors = [
      ...found.initializers,
      ...(branch?.initializers ?? []),
      ...(value?.kind === "tensor" ? [value.value] : []),
    ];
    expect(tensors.map(({ name, dataType, shape }) => [name, dataType, shape])).toEqual([
      ["half", "float32", [2]],
      ["double", "float64", []],
      ["half", "float32", [2]],
      ["half", "float32", [2]],
    ]);
    for (const index of [0, 2, 3]) expect(readNumbers(tensors[index] ?? half)).toEqual(readNumbers(half));
  });

  it("refuses to make bits of other numbers", () => {
    const attributes = attributesOf({ to: dataTypeCode("float16") });
    const given = model(graph(["x"], [node("BitCast", ["x"], ["y"], { attributes })], ["y"]));
    expect(refusal(() => toFloat32(given))).toBe(
      'BitCast "y": takes bits for half-precision numbers; export the model in float32',
    );
  });
});

describe("weights in half precision", () => {
  const widenedTensor = (tensor: Tensor): Tensor =>
    only(toFloat32(model(graph([], [], [], { initializers: [tensor] }))).graph.initializers);

  it("are not read before someone needs them, and then only as far as they are needed", () => {
    const reads: [number, number][] = [];
    const stored = rawBytes(
      numberTensor(
        "w",
        "bfloat16",
        [1000],
        Array.from({ length: 1000 }, (_, index) => index),
      ),
    );
    const source = {
      label: "file",
      size: 5000,
      read: (offset: number, length: number) => {
        reads.push([offset, length]);
        return stored.subarray(offset - 64, offset - 64 + length);
      },
    };
    const range = { source, offset: 64, length: 2000 };
    const tensor = widenedTensor({ name: "w", dataType: "bfloat16", shape: [1000], payload: { kind: "raw", range } });
    expect(reads).toEqual([]);
    const { payload } = tensor;
    if (payload.kind !== "raw") throw new Error(payload.kind);
    expect(payload.range.length).toBe(4000);
    // The second half of element 5, element 6, and the first byte of element 7.
    const part = payload.range.source.read(payload.range.offset + 5 * 4 + 2, 2 + 4 + 1);
    expect(Buffer.from(part)).toEqual(Buffer.from(Float32Array.of(5, 6, 7).buffer).subarray(2, 9));
    expect(reads).toEqual([[64 + 10, 6]]);
    expect(Array.from(readFloats(tensor, "float32").slice(252, 256))).toEqual([252, 253, 254, 255]);
  });

  it("are found in the typed field of a tensor, too, which holds their bits as integers", () => {
    const tensor = readTensor(int(1, 3), int(2, 10), bytes(5, varints(0x3c00, 0xbc00, 0x7c00)), bytes(8, "w"));
    expect(readNumbers(widenedTensor(tensor))).toEqual([1, -1, Infinity]);
    const none = widenedTensor(readTensor(int(1, 0), int(2, 10), bytes(8, "w")));
    expect([none.dataType, none.shape, readNumbers(none)]).toEqual(["float32", [0], []]);
  });
});
