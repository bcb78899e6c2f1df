import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { type AttributeInputs, attributesOf } from "./builder.js";
import { type DataType, dataTypeCode } from "./data-type.js";
import type { Graph, Node } from "./model.js";
import { shapeRules } from "./shapes/rules/index.js";
import { standardModel } from "./standard-model.js";
import { numberTensor } from "./tensor.js";
import { body, fixture, graph, node } from "./testing/models.js";
import { floats, runModel } from "./testing/run-model.js";

/** See fixtures/onnx/make_operator_versions.py. */
interface OperatorVersion {
  readonly since: number;
  readonly news?: Readonly<
    Record<string, { readonly attributes: readonly string[]; readonly inputs: readonly string[] }>
  >;
}

const versions = new Map(
  Object.entries(
    JSON.parse(readFileSync(fixture("onnx/operator-versions.json"), "utf8")) as Record<string, OperatorVersion>,
  ),
);

/** The opset that a model of this node declares. */
function opsetOf(nodes: readonly Node[], more: Partial<Graph> = {}): number | undefined {
  return standardModel(graph(["x"], nodes, ["y"], more), "m").opsetImports.get("");
}

function opsetOfNode(opType: string, attributes: AttributeInputs = {}, more: Partial<Graph> = {}): number | undefined {
  return opsetOf([node(opType, ["x"], ["y"], { attributes: attributesOf(attributes) })], more);
}

/** Operators that mean something else since, whatever their attributes, or whose new uses do not show in the node. */
const meantSince: ReadonlyMap<string, number> = new Map([
  ["Attention", 24],
  ["DFT", 20],
  ["DequantizeLinear", 19],
  ["GridSample", 20],
  ["GroupNormalization", 21],
  ["QuantizeLinear", 19],
]);

const requiredInputs: ReadonlyMap<string, number> = new Map([
  ["DequantizeLinear", 2],
  ["QLinearMatMul", 8],
]);

describe("the oldest opset that has all operators is declared", () => {
  it.each([...shapeRules.keys()].flatMap((name) => (versions.has(name) ? [name] : [])))("%s", (name) => {
    const since = versions.get(name)?.since ?? expect.fail(name);
    expect(opsetOfNode(name)).toBe(meantSince.get(name) ?? Math.max(since, 18));
  });

  const news = [...versions].flatMap(([name, { news: all = {} }]) =>
    Object.entries(all).flatMap(([opset, { attributes }]) =>
      Number(opset) > 18 && name !== "GroupNormalization"
        ? attributes.map((attribute) => [name, attribute, Number(opset)] as const)
        : [],
    ),
  );
  it.each(news)("%s with %s", (name, attribute, opset) => {
    expect(opsetOfNode(name, { [attribute]: 1 })).toBe(Math.max(opset, meantSince.get(name) ?? 18));
  });

  it.each<[string, DataType, number, number]>([
    ["Equal", "string", 0, 19],
    ["Equal", "float32", 0, 18],
    ["IsInf", "float16", 0, 20],
    ["ReduceMax", "bool", 0, 20],
    ["ReduceMin", "bool", 0, 20],
    ["ReduceMax", "float32", 0, 18],
    ["DequantizeLinear", "int16", 0, 21],
    ["QuantizeLinear", "uint16", 2, 21],
    ["QLinearMatMul", "float16", 1, 21],
    ["Relu", "bfloat16", 0, 22],
    ["Cast", "float8e4m3fn", 0, 19],
    ["Cast", "int4", 0, 21],
    ["Cast", "float4e2m1", 0, 23],
    ["Cast", "uint2", 0, 25],
  ])("%s of %s", (opType, dataType, input, opset) => {
    const arity = Math.max(input + 1, requiredInputs.get(opType) ?? 1);
    const inputs = Array.from({ length: arity }, (_, index) => (index === input ? "x" : "other"));
    const declared = ["x", "other"].map((name) => ({
      name,
      type: { kind: "tensor", dataType: name === "x" ? dataType : "float32", shape: [1] } as const,
    }));
    const given = node(opType, inputs, ["y"], { attributes: attributesOf({ to: dataTypeCode("float32") }) });
    expect(opsetOf([given], { inputs: declared })).toBe(opset);
  });

  it.each<[string, AttributeInputs, number]>([
    ["Pad", { mode: "wrap" }, 19],
    ["Pad", { mode: "edge" }, 18],
    ["Resize", { coordinate_transformation_mode: "half_pixel_symmetric" }, 19],
    ["Cast", { to: dataTypeCode("bfloat16") }, 22],
  ])("%s with %j", (name, attributes, opset) => {
    expect(opsetOfNode(name, attributes)).toBe(opset);
  });

  it("as far as types go that nodes make of others", () => {
    const cast = node("Cast", ["x"], ["flags"], { attributes: attributesOf({ to: dataTypeCode("bool") }) });
    const any = node("ReduceMax", ["flags"], ["y"]);
    const inputs = [{ name: "x", type: { kind: "tensor", dataType: "float32", shape: [2] } as const }];
    expect(opsetOf([cast, any], { inputs })).toBe(20);
    const branches = new Map([
      body("then_branch", graph([], [node("ReduceMax", ["flags"], ["a"])], ["a"])),
      body("else_branch", graph([], [node("Identity", ["flags"], ["b"])], ["b"])),
    ]);
    const choice = node("If", ["x"], ["y"], { attributes: branches });
    expect(opsetOf([cast, choice], { inputs: [{ ...inputs[0], name: "x" }] })).toBe(20);
  });

  it("of bodies, too", () => {
    const branches = new Map([
      body("then_branch", graph([], [node("Gelu", ["x"], ["a"])], ["a"])),
      body("else_branch", graph([], [node("Relu", ["x"], ["b"])], ["b"])),
    ]);
    expect(opsetOf([node("If", ["condition"], ["y"], { attributes: branches })])).toBe(20);
  });
});

test("the IR version is the one that came with the opset", () => {
  const irVersionOf = (opType: string) =>
    standardModel(graph(["x"], [node(opType, ["x"], ["y"])], ["y"]), "m").irVersion;
  // Versions.md of ONNX: opset 18 and IR 8 came with 1.13, 20 and 9 with 1.15, 21 and 10 with 1.16, 23 and 11 with
  // 1.18, 24 and 12 with 1.19.
  expect(
    ["Relu", "DeformConv", "Gelu", "GroupNormalization", "RMSNormalization", "Swish", "CumProd"].map(irVersionOf),
  ).toEqual([8, 9, 9, 10, 11, 12, 13]);
});

test("the runtime takes the model", async () => {
  const zero = numberTensor("zero", "float32", [], [0]);
  const made = graph(["x"], [node("Max", ["x", "zero"], ["y"])], ["y"], {
    initializers: [zero],
    inputs: [{ name: "x", type: { kind: "tensor", dataType: "float32", shape: [2] } }],
  });
  const model = standardModel(made, "m");
  expect(model).toMatchObject({ label: "m", producerName: "caadam-onnx", graph: made, functions: [] });
  expect(await runModel(model, { x: floats([1, -1]) })).toEqual({ y: floats([1, 0]) });
});
