import { describe, expect, it } from "vitest";
import { readRange } from "./bytes.js";
import { graphBuilder, modelOf } from "./builder.js";
import { bitsOf, dataTypeOf } from "./data-type.js";
import { dataflowOf } from "./dataflow.js";
import { encodeModel } from "./encode-model.js";
import type { Attribute, ValueType } from "./model.js";
import { readModel } from "./read-model.js";
import { rawBytes, type Tensor, tensorFrom } from "./tensor.js";
import { inputError, refusal } from "./testing/input-error.js";
import { graph, model, modelBytes, node, only, readAttribute, readTensor } from "./testing/models.js";
import { bytes, concat, double, float, floats, group, int, varints } from "./testing/protobuf.js";

const text = (value: string) => new Uint8Array(Buffer.from(value));
const tensor = tensorFrom("t", "float32", [2], floats(1, 2));
const inner = graph(["a"], [node("Relu", ["a"], ["b"], { name: "n" })], ["b"], { name: "inner" });

/** What a model reads as after it was written, without what only tells where its bytes are. */
function rewritten(of: Parameters<typeof encodeModel>[0]) {
  return readModel(encodeModel(of));
}

/** Payloads by their values: a reference into a file and one into memory then look the same. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, item: unknown) => {
      if (typeof item === "bigint") return `${item}n`;
      if (item instanceof Map) return [...item];
      if (item instanceof Uint8Array) return [...item];
      if (typeof item === "object" && item !== null && "payload" in item)
        return { ...item, payload: [...rawBytes(item as never)] };
      return item;
    }),
  );
}

function plainStrings({ payload }: Tensor): readonly string[] {
  return payload.kind === "typed" ? payload.ranges.map((range) => Buffer.from(readRange(range)).toString()) : [];
}

describe("what is written is read again", () => {
  it.each<Attribute>([
    { kind: "float", value: Math.fround(0.1) },
    { kind: "int", value: -(2n ** 63n) },
    { kind: "int", value: 2n ** 63n - 1n },
    { kind: "string", value: text("größe") },
    { kind: "string", value: Uint8Array.of(0xff, 0) },
    { kind: "tensor", value: tensor },
    { kind: "graph", value: inner },
    { kind: "type", value: { kind: "tensor", dataType: "float32", shape: [1] } },
    { kind: "floats", value: [1, -0.5, 0] },
    { kind: "floats", value: [] },
    { kind: "ints", value: [0n, -1n, 2n ** 62n] },
    { kind: "ints", value: [] },
    { kind: "strings", value: [text("a"), text("")] },
    { kind: "tensors", value: [tensor, tensor] },
    { kind: "graphs", value: [inner, inner] },
    { kind: "types", value: [{ kind: "sequence", element: { kind: "tensor", dataType: "int64" } }] },
  ])("attribute of kind $kind", (attribute) => {
    const op = node("Op", ["x"], ["y"], { attributes: new Map([["a", attribute]]), domain: "d", name: "n" });
    const again = only(rewritten(model(graph(["x"], [op], ["y"]))).graph.nodes);
    expect(plain(again)).toEqual(plain(op));
  });

  it.each<ValueType>([
    { kind: "tensor", dataType: "float16", shape: [1, "batch", null, 0] },
    { kind: "tensor", dataType: "int2", shape: [] },
    { kind: "tensor", dataType: "bool" },
    { kind: "sparse-tensor", dataType: "float64", shape: [3] },
    { kind: "sequence", element: { kind: "sequence", element: { kind: "tensor", dataType: "string" } } },
    { kind: "sequence" },
    { kind: "optional", element: { kind: "tensor", dataType: "float32" } },
    { kind: "map", key: "int64", value: { kind: "tensor", dataType: "float32" } },
    { kind: "map", key: "string" },
  ])("value type %j", (type) => {
    const again = rewritten(
      model({ ...graph([], [], []), inputs: [{ name: "x", type }], valueInfo: [{ name: "v", type }] }),
    );
    expect(again.graph.inputs).toEqual([{ name: "x", type }]);
    expect(again.graph.valueInfo).toEqual([{ name: "v", type }]);
  });

  it.each(Array.from({ length: 26 }, (_, index) => dataTypeOf(index + 1)).filter((type) => type !== "string"))(
    "tensors of %s",
    (dataType) => {
      const values = Uint8Array.from({ length: 48 }, (_, index) => index);
      const shape = [1, (48 * 8) / bitsOf(dataType)];
      const initializers = [tensorFrom("t", dataType, shape, values)];
      const again = only(rewritten(model(graph([], [], [], { initializers }))).graph.initializers);
      expect([again.dataType, again.shape, [...rawBytes(again)]]).toEqual([dataType, shape, [...values]]);
    },
  );

  it("string tensors", () => {
    const strings = readTensor(bytes(1, varints(2)), int(2, 8), bytes(6, "größe"), bytes(6), bytes(8, "s"));
    const again = only(rewritten(model(graph([], [], [], { initializers: [strings] }))).graph.initializers);
    expect(plainStrings(again)).toEqual(["größe", ""]);
  });

  it("a model that was built", () => {
    const build = graphBuilder("net");
    const x = build.input("x", "float32", ["batch", 2]);
    const w = build.initializer(tensorFrom("w", "float32", [2, 1], floats(1, 2)));
    build.output(build.node("Gemm", [x, w, ""], { alpha: { float: 0.5 }, transB: 0 }), "float32");
    const made = { ...modelOf(build.graph(), 17, 8), metadata: new Map([["k", "v"]]), producerVersion: "1" };
    const again = readModel(encodeModel(made));
    expect(plain({ ...again, source: 0, label: 0 })).toEqual(plain({ ...made, source: 0, label: 0 }));
  });
});

describe("fields as other writers may write them", () => {
  it("in reverse order", () => {
    const op = concat(bytes(7, "d"), bytes(4, "Op"), bytes(3, "n"), bytes(2, "y"), bytes(1, "x"));
    const content = concat(
      bytes(7, bytes(12, bytes(1, "y")), bytes(11, bytes(1, "x")), bytes(2, "g"), bytes(1, op)),
      bytes(8, int(2, 17)),
      int(1, 8),
    );
    const { irVersion, graph: read } = readModel(content);
    expect([irVersion, read.name, read.inputs, read.outputs]).toEqual([8, "g", [{ name: "x" }], [{ name: "y" }]]);
    expect(only(read.nodes)).toEqual(node("Op", ["x"], ["y"], { name: "n", domain: "d" }));
  });

  it("with the data before the shape and type", () => {
    const read = readTensor(bytes(9, floats(1, 2)), int(2, 1), bytes(1, varints(1)), int(1, 2), bytes(8, "t"));
    expect([read.shape, read.dataType, [...rawBytes(read)]]).toEqual([[1, 2], "float32", [...floats(1, 2)]]);
  });

  it("with fields that no version of ONNX has, of every wire type, at every level", () => {
    const unknown = concat(int(999, 1), double(998, 1), bytes(997, "?"), group(996, int(1, 1)), float(995, 1));
    const attribute = bytes(5, unknown, bytes(1, "axis"), int(3, 1), int(20, 2), unknown);
    const type = bytes(2, bytes(1, unknown, int(1, 1), bytes(2, unknown, bytes(1, unknown, int(1, 3)))), unknown);
    const read = readModel(
      concat(
        unknown,
        modelBytes(
          unknown,
          bytes(1, unknown, bytes(4, "Op"), attribute),
          bytes(5, unknown, int(1, 1), int(2, 1), bytes(9, floats(1)), unknown),
          bytes(11, unknown, bytes(1, "x"), type),
        ),
        unknown,
      ),
    ).graph;
    expect(only(read.nodes).attributes).toEqual(new Map([["axis", { kind: "int", value: 1n }]]));
    expect(only(read.initializers).shape).toEqual([1]);
    expect(only(read.inputs).type).toEqual({ kind: "tensor", dataType: "float32", shape: [3] });
  });

  it("with dims, ints and floats packed, unpacked and in pieces", () => {
    expect(readTensor(int(1, 2), bytes(1, varints(0, 3)), int(2, 1)).shape).toEqual([2, 0, 3]);
    expect(readAttribute(bytes(1, "a"), int(8, 1), bytes(8, varints(-2, 3)), int(20, 7))).toEqual({
      kind: "ints",
      value: [1n, -2n, 3n],
    });
    expect(readAttribute(bytes(1, "a"), float(7, 1), bytes(7, floats(2, 3)), int(20, 6))).toEqual({
      kind: "floats",
      value: [1, 2, 3],
    });
  });

  it("with attributes that do not say their type, as IR version 1 allowed", () => {
    expect(readAttribute(bytes(1, "a"), int(3, 4))).toEqual({ kind: "int", value: 4n });
    expect(readAttribute(bytes(1, "a"), bytes(4, "s"))).toEqual({ kind: "string", value: text("s") });
    expect(readAttribute(bytes(1, "a"), float(7, 1))).toEqual({ kind: "floats", value: [1] });
  });

  it("with a value left out where it is the default", () => {
    expect(readAttribute(bytes(1, "a"), int(20, 2))).toEqual({ kind: "int", value: 0n });
    expect(readAttribute(bytes(1, "a"), int(20, 7))).toEqual({ kind: "ints", value: [] });
  });

  it("with a reference to the attribute of a function", () => {
    expect(readAttribute(bytes(1, "a"), bytes(21, "b"), int(20, 1))).toEqual({ kind: "reference", attribute: "b" });
  });

  it("with omitted optional inputs, and the standard domain by its other name", () => {
    const read = only(
      readModel(modelBytes(bytes(1, bytes(1, "x"), bytes(1), bytes(1, "z"), bytes(4, "Clip"), bytes(7, "ai.onnx"))))
        .graph.nodes,
    );
    expect([read.inputs, read.domain]).toEqual([["x", "", "z"], ""]);
  });

  it("with initializers listed among the inputs, as until IR version 3", () => {
    const weight = bytes(5, int(1, 1), int(2, 1), bytes(8, "w"), bytes(9, floats(1)));
    const op = bytes(1, bytes(1, "x"), bytes(1, "w"), bytes(2, "y"), bytes(4, "Add"));
    const content = modelBytes(
      op,
      weight,
      bytes(11, bytes(1, "x")),
      bytes(11, bytes(1, "w")),
      bytes(12, bytes(1, "y")),
    );
    const { inputs, initializers } = dataflowOf(readModel(content));
    expect([inputs.map(({ name }) => name), initializers.map(({ name }) => name)]).toEqual([["x"], ["w"]]);
  });

  it("with extents of -1 and empty symbols, which mean unknown", () => {
    const shape = bytes(2, bytes(1, int(1, -1)), bytes(1, bytes(2)), bytes(1, bytes(2, "n")), bytes(1));
    const read = readModel(modelBytes(bytes(11, bytes(1, "x"), bytes(2, bytes(1, int(1, 1), shape))))).graph.inputs;
    expect(only(read).type).toEqual({ kind: "tensor", dataType: "float32", shape: [null, null, "n", null] });
  });

  it("with functions, sparse initializers, opaque types and metadata", () => {
    const callee = concat(
      bytes(1, "f"),
      bytes(10, "ai.onnx"),
      bytes(13, "o"),
      bytes(4, "a"),
      bytes(5, "b"),
      bytes(6, "alpha"),
      bytes(11, bytes(1, "beta"), int(3, 2), int(20, 2)),
      bytes(9, int(2, 18)),
      bytes(12, bytes(1, "b")),
      bytes(7, bytes(4, "Relu")),
    );
    const sparse = bytes(
      15,
      bytes(1, int(1, 1), int(2, 1), bytes(8, "s"), bytes(9, floats(1))),
      bytes(3, varints(3, 4)),
    );
    const opaque = bytes(11, bytes(1, "q"), bytes(2, bytes(7, bytes(1, "d"), bytes(2, "n"))));
    const entry = (key: string) => concat(bytes(1, key), bytes(2, "v"));
    const content = concat(
      modelBytes(sparse, opaque, bytes(16, entry("in graph")), bytes(1, bytes(4, "Op"), bytes(9, entry("in node")))),
      bytes(25, callee),
      bytes(14, entry("in model")),
    );
    const read = readModel(content);
    expect(only(read.functions)).toMatchObject({
      name: "f",
      domain: "",
      overload: "o",
      inputs: ["a"],
      outputs: ["b"],
      attributeNames: ["alpha"],
    });
    expect(only(read.functions).attributeDefaults).toEqual(new Map([["beta", { kind: "int", value: 2n }]]));
    expect(only(read.functions).opsetImports).toEqual(new Map([["", 18]]));
    expect(only(read.graph.sparseInitializers)).toMatchObject({ name: "s", shape: [3, 4] });
    expect(only(read.graph.inputs).type).toEqual({ kind: "opaque", domain: "d", name: "n" });
    expect([read.metadata, read.graph.metadata, only(read.graph.nodes).metadata].map((map) => [...map.keys()])).toEqual(
      [["in model"], ["in graph"], ["in node"]],
    );
  });

  it("with an element type newer than ours", () => {
    expect(readTensor(int(1, 3), int(2, 99), bytes(9, "?"))).toMatchObject({ dataType: "undefined", shape: [3] });
  });
});

describe("what is not a model says so", () => {
  it.each<[string, Uint8Array, RegExp]>([
    ["nothing", new Uint8Array(), /is empty/],
    [
      "zip or .pt",
      concat(text("PK\u0003\u0004"), new Uint8Array(40)),
      /zip archive or a PyTorch checkpoint; export the model/,
    ],
    ["pickle 2", Uint8Array.of(0x80, 2, 0x8a), /Python pickle/],
    ["pickle 4", Uint8Array.of(0x80, 4, 0x95), /Python pickle/],
    ["HDF5", Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a), /HDF5 file/],
    ["gzip", Uint8Array.of(0x1f, 0x8b, 8, 0), /gzip-compressed; decompress/],
    ["GGUF", text("GGUF\u0003"), /GGUF/],
    [
      "Git LFS pointer",
      text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
      /Git LFS pointer.*git lfs pull/,
    ],
    ["text", text("hello world"), /is cut off|does not begin a protobuf field/],
    ["no graph", concat(int(1, 8), bytes(8, int(2, 17))), /holds no graph; is it an ONNX model/],
    ["no IR version", concat(bytes(8, int(2, 17)), bytes(7)), /does not say its IR version/],
    ["no opset", concat(int(1, 8), bytes(7)), /does not say its IR version and opsets/],
    ["two graphs", concat(modelBytes(), modelBytes()), /more than one graph; was it joined/],
  ])("%s", (_, content, message) => {
    const { message: said } = inputError(() => readModel(content));
    expect(said).toMatch(message);
    expect(said).toMatch(/^the given bytes: /);
  });

  it.each<[string, readonly Uint8Array[], RegExp]>([
    ["a negative extent", [int(1, -1), int(2, 1)], /impossible shape \[-1\]/],
    ["an extent beyond 2^53", [int(1, 2n ** 60n), int(2, 1)], /impossible shape/],
    [
      "a product beyond 2^53",
      [bytes(1, varints(2 ** 30, 2 ** 30)), int(2, 1)],
      /impossible shape \[1073741824, 1073741824\]/,
    ],
    [
      "a product of infinity and 0",
      [bytes(1, varints(...Array.from({ length: 40 }, () => 2 ** 40), 0)), int(2, 1)],
      /impossible shape/,
    ],
  ])("%s", (_, fields, message) => {
    expect(refusal(() => readTensor(...fields, bytes(8, "w")))).toMatch(message);
  });

  it("attributes without a value or of an unknown kind", () => {
    for (const code of [4, 5, 11])
      expect(refusal(() => readAttribute(bytes(1, "a"), int(20, code)))).toMatch(/says its type but has no value/);
    expect(refusal(() => readAttribute(bytes(1, "a"), int(20, 99)))).toMatch(/neither a known type nor a value/);
    expect(refusal(() => readAttribute(bytes(1, "a")))).toMatch(/neither a known type nor a value/);
  });

  it("bodies and types nested without end", () => {
    const inside = (numbers: readonly number[]) =>
      Array.from({ length: 3000 }).reduce<Uint8Array>(
        (content) => numbers.reduceRight<Uint8Array>((rest, number) => bytes(number, rest), content),
        new Uint8Array(),
      );
    // A graph's node's attribute's graph; a sequence type's element type.
    expect(refusal(() => readModel(modelBytes(inside([1, 5, 6]))))).toMatch(/nested more than 100 deep/);
    expect(refusal(() => readModel(modelBytes(bytes(11, bytes(2, inside([4, 1]))))))).toMatch(
      /nested more than 100 deep/,
    );
  });

  it("names that would break the line are escaped in the message", () => {
    const name = "w\n\u001b[2J\u009b31m\u2028";
    const { message } = inputError(() => readTensor(int(1, 2), int(2, 1), bytes(8, name)));
    expect(message).toContain(String.raw`"w\n\u001b[2J\u009b31m\u2028" should hold 8 bytes`);
  });

  it("names that are not UTF-8", () => {
    expect(refusal(() => readTensor(int(1, 0), int(2, 1), bytes(8, Uint8Array.of(0xc3))))).toMatch(
      /graph\.initializer\[0\]: field 8 .* not UTF-8/,
    );
  });

  it("names the place in nested messages", () => {
    const bad = bytes(1, bytes(5, bytes(1, "body"), bytes(6, bytes(1), bytes(1, int(4, 1)))));
    expect(refusal(() => readModel(modelBytes(bad)))).toMatch(
      /graph\.node\[0\]\.attribute\[0\]\.body\.node\[1\]: field 4 should hold a string/,
    );
  });
});
