import { describe, expect, it } from "vitest";
import {
  type AttributeInputs,
  float32Tensor,
  graphBuilder,
  type GraphBuilder,
  int64Tensor,
  modelOf,
} from "../../../graph/builder.js";
import type { Model } from "../../../graph/model.js";
import { elementCount } from "../../../graph/tensor.js";
import { refusal } from "../../../graph/testing/input-error.js";
import { floats, integers, type PlainTensor, runModel } from "../../../graph/testing/run-model.js";
import { upgradeOpset, workingOpset } from "../upgrade-opset.js";

type Feeds = Readonly<Record<string, PlainTensor>>;

/** A model of an opset; its inputs are those fed, of unknown shape. */
function oldModel(opset: number, feeds: Feeds, build: (graph: GraphBuilder) => readonly string[]): Model {
  const graph = graphBuilder("old");
  for (const [name, { dataType }] of Object.entries(feeds)) graph.input(name, dataType);
  for (const output of build(graph)) graph.output(output);
  return modelOf(graph.graph(), opset);
}

/** ONNX Runtime computes the same from a model before and after, the second in `opset`. Returns the upgraded model. */
async function expectSame(old: Model, feeds: Feeds, opset = workingOpset): Promise<Model> {
  const upgraded = upgradeOpset(old);
  expect(upgraded.opsetImports.get("")).toBe(workingOpset);
  const before = await runModel(old, feeds);
  const after = await runModel({ ...upgraded, opsetImports: new Map([["", opset]]) }, feeds);
  expect(Object.keys(after)).toEqual(Object.keys(before));
  for (const [name, { dataType, shape, values }] of Object.entries(before)) {
    expect({ name, dataType: after[name]?.dataType, shape: after[name]?.shape }).toEqual({ name, dataType, shape });
    for (const [index, value] of values.entries()) {
      const difference = Math.abs((after[name]?.values[index] ?? Number.NaN) - value);
      expect(difference, `${name}[${index}]`).toBeLessThanOrEqual(1e-6 * (1 + Math.abs(value)));
    }
  }
  return upgraded;
}

/** The same of one node, all of whose inputs are fed in order; "" in `inputs` leaves one out. */
function expectSameNode(
  opset: number,
  opType: string,
  feeds: Feeds,
  attributes: AttributeInputs = {},
  { inputs = Object.keys(feeds), outputs = 1 } = {},
): Promise<Model> {
  const old = oldModel(opset, feeds, (graph) => graph.nodes(opType, inputs, outputs, attributes, { name: "old" }));
  return expectSame(old, feeds);
}

/** Numbers between -1 and 1 without order, the same every time. */
function noise(...shape: readonly number[]): PlainTensor {
  return floats(
    Array.from({ length: elementCount(shape) }, (_, index) => Math.sin(index * 12.9898) * Math.cos(index * 7.233)),
    shape,
  );
}

/** 0, 1, 2, ... */
function counted(...shape: readonly number[]): PlainTensor {
  return floats(
    Array.from({ length: elementCount(shape) }, (_, index) => index),
    shape,
  );
}

function operators({ graph }: Model): readonly string[] {
  return graph.nodes.map(({ opType }) => opType).filter((opType) => opType !== "Constant");
}

describe("attributes become inputs", () => {
  it.each<[string, number, string, Feeds, AttributeInputs]>([
    ["Squeeze of axes", 12, "Squeeze", { x: noise(1, 3, 1) }, { axes: [0] }],
    ["Squeeze of all it can", 7, "Squeeze", { x: noise(1, 3, 1) }, {}],
    ["Unsqueeze", 11, "Unsqueeze", { x: noise(2, 3) }, { axes: [-1, 0] }],
    ["Slice", 9, "Slice", { x: noise(3, 4, 5) }, { axes: [2, 0], starts: [-4, 1], ends: [-1, 2 ** 40] }],
    ["Slice of the first axes", 7, "Slice", { x: noise(3, 4, 5) }, { starts: [0, 1], ends: [2, 3] }],
    ["Pad with zeros", 10, "Pad", { x: noise(3, 4) }, { pads: [0, 1, 2, -1] }],
    ["Pad with a value", 7, "Pad", { x: noise(3, 4) }, { pads: [0, 1, 2, 0], value: { float: 0.3 } }],
    ["Pad by reflection", 10, "Pad", { x: noise(3, 4) }, { pads: [0, 1, 2, 0], mode: "reflect" }],
    ["Clip", 10, "Clip", { x: noise(9) }, { min: { float: -0.3 }, max: { float: 0.2 } }],
    ["Clip from below", 7, "Clip", { x: noise(9) }, { min: { float: -0.3 } }],
    ["Clip without bounds", 7, "Clip", { x: floats([Number.NEGATIVE_INFINITY, 1, 3e38]) }, {}],
    ["DFT along the default axis", 17, "DFT", { x: noise(2, 4, 3, 1) }, {}],
    ["DFT along an axis", 19, "DFT", { x: noise(2, 4, 3, 2) }, { axis: 2, inverse: 1 }],
  ])("%s", async (_, opset, opType, feeds, attributes) => {
    await expectSameNode(opset, opType, feeds, attributes);
  });

  it("Pad, with a value of the data's type", async () => {
    const x: PlainTensor = { dataType: "float64", shape: [2], values: [1, 2] };
    await expectSameNode(9, "Pad", { x }, { pads: [1, 0], value: { float: 0.5 } });
  });

  it("Slice and Unsqueeze by nothing", async () => {
    const feeds = { x: noise(2) };
    const nothing = { kind: "ints", value: [] } as const;
    const of = oldModel(9, feeds, (graph) => [graph.node("Unsqueeze", [graph.node("Slice", ["x"])])]);
    const names = [["starts", "ends"], ["axes"]];
    const nodes = of.graph.nodes.map((node, index) => ({
      ...node,
      attributes: new Map(names[index]?.map((name) => [name, nothing])),
    }));
    await expectSame({ ...of, graph: { ...of.graph, nodes } }, feeds);
  });

  it("but for those that are missing", () => {
    const missing = (opType: string) =>
      refusal(() => upgradeOpset(oldModel(7, {}, (graph) => [graph.node(opType, ["x"], {}, { name: "n" })])));
    expect(missing("TopK")).toBe(
      'old: TopK "n": has no attribute "k" that can be read; the file is incomplete or damaged',
    );
    expect(missing("Unsqueeze")).toContain('no attribute "axes"');
    expect(missing("Slice")).toContain('no attribute "starts"');
    expect(missing("Pad")).toContain('no attribute "pads"');
    expect(missing("Upsample")).toContain('no attribute "scales"');
    expect(missing("Scan")).toContain('no attribute "body"');
    expect(missing("GroupNormalization")).toContain('no attribute "num_groups"');
  });

  it("TopK", async () => {
    await expectSameNode(9, "TopK", { x: noise(3, 5) }, { k: 2, axis: 1 }, { outputs: 2 });
  });

  it("Split into parts of given lengths", async () => {
    await expectSameNode(7, "Split", { x: noise(6, 3) }, { split: [1, 5] }, { outputs: 2 });
  });

  it.each([7, 12, 13, 17])("Split into equal parts, of opset %i", async (opset) => {
    await expectSameNode(opset, "Split", { x: noise(6, 3) }, {}, { outputs: 3 });
  });

  it("Split into parts of fed lengths", async () => {
    await expectSameNode(13, "Split", { x: noise(6, 3), lengths: integers([4, 2]) }, {}, { outputs: 2 });
  });

  it.each([
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
  ])("%s", async (opType) => {
    const feeds = { x: floats([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]) };
    await expectSameNode(7, opType, feeds);
    await expectSameNode(12, opType, feeds, { axes: [-1, 0], keepdims: 0 });
    if (opType !== "ReduceSum") await expectSameNode(17, opType, feeds, { axes: [1] });
  });

  it("with the element type of the data, in any order of axes and with the largest integer", () => {
    const build = graphBuilder("g");
    build.node("Slice", [build.input("x", "float32")], { starts: [1], ends: [0] }, { name: "s" });
    const model = modelOf(build.graph(), 9);
    const [slice] = model.graph.nodes;
    const ends = { kind: "ints", value: [2n ** 63n - 1n] } as const;
    const nodes = slice === undefined ? [] : [{ ...slice, attributes: new Map([...slice.attributes, ["ends", ends]]) }];
    const upgraded = upgradeOpset({ ...model, graph: { ...model.graph, nodes } });
    const value = upgraded.graph.nodes.find(({ name }) => name === "s:ends")?.attributes.get("value");
    const payload = value?.kind === "tensor" ? value.value.payload : undefined;
    const bytes = payload?.kind === "raw" ? payload.range.source.read(0, 8) : undefined;
    expect(bytes === undefined ? undefined : Buffer.from(bytes).readBigInt64LE()).toBe(2n ** 63n - 1n);
  });
});

describe("the softmax family", () => {
  it.each(["Softmax", "LogSoftmax", "Hardmax"])("%s takes all axes from one on as one", async (opType) => {
    const feeds = { x: noise(2, 3, 2, 2) };
    await expectSameNode(7, opType, feeds);
    for (const axis of [0, 1, 2, 3, -1, -2]) await expectSameNode(12, opType, feeds, { axis });
  });

  it("keeps an empty batch", async () => {
    await expectSameNode(12, "Softmax", { x: noise(0, 3, 2) });
  });

  it("stays one node where the axis is the last, and from opset 13 on", async () => {
    expect(operators(await expectSameNode(11, "Softmax", { x: noise(2, 3) }, { axis: -1 }))).toEqual(["Softmax"]);
    expect(operators(await expectSameNode(13, "Softmax", { x: noise(2, 3, 4) }, { axis: 1 }))).toEqual(["Softmax"]);
  });
});

describe("Dropout is the identity", () => {
  it.each([7, 10])("at opset %i", async (opset) => {
    await expectSameNode(opset, "Dropout", { x: noise(4) }, { ratio: { float: 0.25 } });
  });

  it.each([
    [9, "float32"],
    [11, "bool"],
  ])("with a mask where it is read, at opset %i of %s", async (opset, dataType) => {
    const old = oldModel(opset, { x: noise(2) }, (graph) =>
      graph.nodes("Dropout", ["x"], 2, {}, { outputs: ["y", "m"] }),
    );
    expect((await runModel(upgradeOpset(old), { x: noise(2) }))["m"]).toEqual({ dataType, shape: [2], values: [1, 1] });
    const unread = { ...old, graph: { ...old.graph, outputs: old.graph.outputs.slice(0, 1) } };
    expect(upgradeOpset(unread).graph.nodes.at(-1)?.outputs).toEqual(["y"]);
  });
});

describe("normalizations", () => {
  const parameters = {
    scale: floats([1, 2, 3]),
    bias: floats([0, 1, -1]),
    mean: floats([0.1, 0.2, 0.3]),
    variance: floats([1, 2, 0.5]),
  };

  it.each([7, 9, 13])("BatchNormalization of opset %i", async (opset) => {
    await expectSameNode(
      opset,
      "BatchNormalization",
      { x: noise(2, 3, 4), ...parameters },
      { epsilon: { float: 0.01 } },
    );
  });

  it.each([7, 9])("BatchNormalization of opset %i that trains, by its outputs", async (opset) => {
    const feeds = { x: noise(2, 3, 4), ...parameters };
    const outputs = ["y", "m", "v", "saved_m", "saved_v"];
    const old = oldModel(opset, feeds, (graph) => {
      graph.nodes("BatchNormalization", Object.keys(feeds), 5, { momentum: { float: 0.7 } }, { outputs });
      return ["y", "m", "v"];
    });
    await expectSame(old, feeds);
  });

  it("BatchNormalization of every element", async () => {
    const elements = {
      scale: noise(3, 4),
      bias: noise(3, 4),
      mean: noise(3, 4),
      variance: floats(Array(12).fill(2), [3, 4]),
    };
    await expectSameNode(8, "BatchNormalization", { x: noise(2, 3, 4), ...elements }, { spatial: 0 });
  });

  it("BatchNormalization whose saved statistics are read is refused", () => {
    const outputs = ["y", "m", "v", "saved_m", "saved_v"];
    const read = (name: string, attributes: AttributeInputs) =>
      refusal(() =>
        upgradeOpset(
          oldModel(7, { x: noise(1) }, (graph) => {
            graph.nodes("BatchNormalization", ["x", "x", "x", "x", "x"], 5, attributes, { outputs });
            return [name];
          }),
        ),
      );
    expect(read("saved_v", {})).toContain('BatchNormalization "BatchNormalization_0": hands out the statistics');
    expect(read("m", { spatial: 0 })).toContain("trains with spatial = 0");
  });

  it("GroupNormalization with a scale and a bias for each group", async () => {
    const feeds = { x: noise(2, 6, 3), scale: floats([1, 2, 3]), bias: floats([0, 1, -1]) };
    await expectSameNode(18, "GroupNormalization", feeds, { num_groups: 3 });
    await expectSameNode(20, "GroupNormalization", feeds, { num_groups: 3, epsilon: { float: 0.1 } });
  });
});

describe("resizing", () => {
  it.each(["nearest", "linear"])("Upsample, %s", async (mode) => {
    const x = counted(1, 1, 3, 4);
    await expectSameNode(7, "Upsample", { x }, { mode, scales: { floats: [1, 1, 2, 1.6] } });
    await expectSameNode(9, "Upsample", { x, scales: floats([1, 1, 1.3, 3]) }, { mode });
  });

  it.each([
    ["grows", [1, 1, 2.4, 1.7], ["Resize"]],
    ["shrinks", [1, 1, 0.6, 0.45], ["Resize"]],
    ["does both", [1, 1, 0.6, 1.7], ["Min", "Resize", "Max", "Resize"]],
  ])("Resize of opset 10 that %s", async (_, scales, expected) => {
    const feeds = { x: counted(1, 1, 5, 8) };
    const known = oldModel(10, feeds, (graph) => [
      graph.node("Resize", ["x", graph.initializer(float32Tensor("scales", [4], scales))], { mode: "nearest" }),
    ]);
    expect(operators(await expectSame(known, feeds))).toEqual(expected);
    const fed = { ...feeds, scales: floats(scales) };
    expect(operators(await expectSameNode(10, "Resize", fed))).toEqual(["Min", "Resize", "Max", "Resize"]);
    expect(operators(await expectSameNode(10, "Resize", fed, { mode: "linear" }))).toEqual(["Resize"]);
  });

  it("Resize of opset 10 by scales of a Constant", async () => {
    const feeds = { x: counted(1, 1, 2, 2) };
    const old = oldModel(10, feeds, (graph) => [
      graph.node("Resize", ["x", graph.node("Constant", [], { value: float32Tensor("", [4], [1, 1, 2, 3]) })]),
    ]);
    expect(operators(await expectSame(old, feeds))).toEqual(["Resize"]);
  });

  it.each(["linear", "nearest", "cubic"])("Resize of opset 11 to sizes, %s", async (mode) => {
    const feeds = { x: noise(1, 1, 4, 4), sizes: integers([1, 1, 7, 3]) };
    const old = oldModel(11, feeds, (graph) => {
      const none = graph.initializer(float32Tensor("none", [0]));
      return [graph.node("Resize", ["x", none, none, "sizes"], { mode })];
    });
    expect((await expectSame(old, feeds)).graph.nodes[0]?.inputs).toEqual(["x", "", "", "sizes"]);
  });

  it("Resize of opset 13 by scales, with sizes that are empty", async () => {
    const feeds = { x: noise(1, 1, 4, 4), scales: floats([1, 1, 2, 0.5]) };
    const old = oldModel(13, feeds, (graph) => {
      const none = graph.initializer(int64Tensor("none", []));
      return [graph.node("Resize", ["x", "", "scales", none], { mode: "linear" })];
    });
    const upgraded = upgradeOpset(old);
    expect(upgraded.graph.nodes[0]?.inputs).toEqual(["x", "", "scales"]);
    expect((await runModel(upgraded, feeds))["Resize_0_output_0"]?.shape).toEqual([1, 1, 8, 2]);
  });

  it("Resize of a region", async () => {
    const feeds = {
      x: noise(1, 1, 6, 6),
      region: floats([0, 0, 0.2, 0.3, 1, 1, 0.8, 1.2]),
      scales: floats([1, 1, 1, 2]),
    };
    const attributes = { coordinate_transformation_mode: "tf_crop_and_resize", mode: "linear" };
    await expectSameNode(11, "Resize", feeds, attributes);
  });

  it.each(["floor", "round_prefer_floor"])("Resize by tf_half_pixel_for_nn, %s", async (rounding) => {
    const attributes = { coordinate_transformation_mode: "tf_half_pixel_for_nn", nearest_mode: rounding };
    for (const scales of [
      [1, 1, 2, 3],
      [1, 1, 0.5, 1.25],
    ]) {
      const feeds = { x: counted(1, 1, 4, 4), region: floats([]), scales: floats(scales) };
      await expectSameNode(11, "Resize", feeds, attributes);
    }
  });

  it("Resize by tf_half_pixel_for_nn is refused where nothing means the same", () => {
    const resize = (attributes: AttributeInputs) =>
      refusal(() =>
        upgradeOpset(
          oldModel(12, {}, (graph) => [
            graph.node("Resize", ["x", "", "s"], {
              coordinate_transformation_mode: "tf_half_pixel_for_nn",
              ...attributes,
            }),
          ]),
        ),
      );
    expect(resize({ nearest_mode: "ceil" })).toContain(
      'old: Resize "Resize_0": has the coordinates tf_half_pixel_for_nn',
    );
    expect(resize({ mode: "linear" })).toContain("linear");
    expect(resize({ nearest_mode: "constructor" })).toContain("constructor");
  });
});

describe("sampling", () => {
  it.each(["bilinear", "bicubic", "nearest", undefined])("GridSample, %s", async (mode) => {
    const feeds = { x: noise(1, 2, 4, 4), grid: noise(1, 3, 3, 2) };
    await expectSameNode(16, "GridSample", feeds, mode === undefined ? {} : { mode });
  });

  it("RoiAlign", async () => {
    const feeds = { x: noise(1, 1, 8, 8), regions: floats([0, 0, 7, 7, 1, 2, 5, 6], [2, 4]), of: integers([0, 0]) };
    const old = oldModel(10, feeds, (graph) => [
      graph.node("RoiAlign", Object.keys(feeds), { output_height: 3, output_width: 3, sampling_ratio: 2 }),
    ]);
    // ONNX Runtime 1.30 has no kernel of opset 22, which differs from 16 in element types alone.
    await expectSame(old, feeds, 21);
  });
});

it("Scatter is ScatterElements", async () => {
  const feeds = { x: noise(3, 3), indices: integers([1, 0, 2, 0, 2, 1], [2, 3]), updates: counted(2, 3) };
  await expectSameNode(9, "Scatter", feeds);
  await expectSameNode(10, "Scatter", { ...feeds, indices: integers([1, 0, 2, 2, 1, 0], [2, 3]) }, { axis: 1 });
});

describe("Scan of batches", () => {
  /** sum' = sum + element·factor, and every sum is gathered. The factor comes from outside. */
  function scan(feeds: Feeds, lengths: string, attributes: AttributeInputs): Model {
    const body = graphBuilder("body");
    const [sum, element] = [body.input("sum", "float32", [3]), body.input("element", "float32", [3])];
    const next = body.node("Add", [sum, body.node("Mul", [element, "factor"])], {}, { outputs: ["next"] });
    body.output(next, "float32", [3]);
    body.output(body.node("Identity", [next], {}, { outputs: ["gathered"] }), "float32", [3]);
    return oldModel(8, feeds, (graph) => {
      graph.initializer(float32Tensor("factor", [], [2]));
      const scanned = { body: body.graph(), num_scan_inputs: 1, ...attributes };
      return graph.nodes("Scan", [lengths, "start", "x"], 2, scanned, { name: "scan" });
    });
  }

  const feeds = { start: noise(2, 3), x: noise(2, 4, 3) };

  it("scans each row", async () => {
    await expectSame(scan(feeds, "", {}), feeds);
  });

  it("backwards, too", async () => {
    await expectSame(scan(feeds, "", { directions: [1] }), feeds);
  });

  it.each([[[0]], [[1]]])("cuts and fills rows of lengths of their own, directions %j", async (directions) => {
    const all = { ...feeds, lengths: integers([4, 2]) };
    await expectSame(scan(all, "lengths", { directions }), all);
  });
});

describe("experimental operators", () => {
  it.each<[string, PlainTensor, AttributeInputs]>([
    ["Affine", noise(5), { alpha: { float: 2 }, beta: { float: 0.5 } }],
    ["Affine", noise(5), {}],
    ["ScaledTanh", noise(5), { alpha: { float: 2 }, beta: { float: 0.5 } }],
    ["ParametricSoftplus", noise(5), { alpha: { float: 2 }, beta: { float: 0.5 } }],
    ["ImageScaler", noise(2, 3, 2, 2), { scale: { float: 2 }, bias: { floats: [1, 2, 3] } }],
    ["Crop", counted(1, 2, 5, 6), { border: [1, 2, 0, 1] }],
    ["Crop", counted(1, 2, 5, 6), { border: [1, 2, 0, 0], scale: [2, 3] }],
    ["ThresholdedRelu", noise(9), { alpha: { float: 0.2 } }],
  ])("%s", async (opType, x, attributes) => {
    await expectSameNode(7, opType, { x }, attributes);
  });

  it("DynamicSlice is Slice, and Scale a product", async () => {
    const feeds = { x: counted(4, 4), starts: integers([1]), ends: integers([3]), axes: integers([1]) };
    const old = oldModel(9, feeds, (graph) => [
      graph.node(
        "Scale",
        [graph.node("DynamicSlice", Object.keys(feeds))],
        { scale: { float: 10 } },
        { name: "scale" },
      ),
    ]);
    const { values } = (await runModel(upgradeOpset(old), feeds))["scale_output_0"] ?? {};
    expect(values).toEqual([10, 20, 50, 60, 90, 100, 130, 140]);
  });

  it("without what their formula needs are refused", () => {
    const old = oldModel(7, {}, (graph) => [graph.node("ScaledTanh", ["x"], { alpha: { float: 1 } })]);
    expect(refusal(() => upgradeOpset(old))).toContain('ScaledTanh "ScaledTanh_0": has no attribute "beta"');
  });
});

describe("what came after the working opset", () => {
  const newer = (opset: number, opType: string, attributes: AttributeInputs = {}) =>
    upgradeOpset(oldModel(opset, {}, (graph) => [graph.node(opType, ["x", "x", "x"], attributes, { name: "n" })]));

  it.each([
    [27, "LinearAttention"],
    [28, "CausalConvWithState"],
    [28, "SwiGLU"],
  ])("refuses an operator that opset %i has and 26 has not: %s", (opset, opType) => {
    const message = refusal(() => newer(opset, opType));
    expect(message).toBe(
      `old: ${opType} "n": is new in opset ${opset}, which is not supported; export the model with opset 26 or lower`,
    );
  });

  it("refuses a meaning that is new", () => {
    expect(refusal(() => newer(28, "SpaceToDepth", { mode: "CRD" }))).toContain("a mode that came with opset 28");
  });

  it("takes what means the same", () => {
    const attributes = (model: Model) => [...(model.graph.nodes[0]?.attributes.keys() ?? [])];
    expect(attributes(newer(28, "SpaceToDepth", { mode: "DCR", blocksize: 2 }))).toEqual(["blocksize"]);
    expect(attributes(newer(27, "Range", { stash_type: 1 }))).toEqual([]);
    expect(newer(28, "Relu").opsetImports).toEqual(new Map([["", 26]]));
  });
});
