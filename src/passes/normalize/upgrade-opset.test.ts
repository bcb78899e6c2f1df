import { describe, expect, it } from "vitest";
import { graphBuilder, int64Tensor, modelOf } from "../../graph/builder.js";
import { dataflowOf } from "../../graph/dataflow.js";
import type { Attribute, Graph, Model, ModelFunction, Node } from "../../graph/model.js";
import { readModel } from "../../graph/read-model.js";
import { fileBytes } from "../../graph/bytes.js";
import { refusal } from "../../graph/testing/input-error.js";
import { body, fixtureModels, graph, model, node } from "../../graph/testing/models.js";
import { floats, runModel } from "../../graph/testing/run-model.js";
import { inlineFunctions } from "./inline-functions.js";
import { upgradeOpset, workingOpset } from "./upgrade-opset.js";

const imports = (version: number, ...others: readonly (readonly [string, number])[]) => ({
  opsetImports: new Map([["", version] as const, ...others]),
});
const integer = (value: number): Attribute => ({ kind: "int", value: BigInt(value) });
const ints = (...values: readonly number[]): Attribute => ({ kind: "ints", value: values.map(BigInt) });
const attributes = (given: Readonly<Record<string, Attribute>>) => ({ attributes: new Map(Object.entries(given)) });
const oldSoftmax = (input: string, output: string, more?: Partial<Node>) => node("Softmax", [input], [output], more);

/** Nodes as "outputs = operator(inputs)". */
function written(nodes: readonly Node[]): readonly string[] {
  return nodes.map(({ opType, inputs, outputs }) => `${outputs.join(", ")} = ${opType}(${inputs.join(", ")})`);
}

function callee(nodes: readonly Node[], more?: Partial<ModelFunction>): ModelFunction {
  const rest = {
    name: "f",
    domain: "d",
    overload: "",
    inputs: ["x"],
    outputs: ["y"],
    attributeNames: [],
    attributeDefaults: new Map<string, Attribute>(),
    valueInfo: [],
    opsetImports: new Map([["", 17]]),
  };
  return { ...rest, nodes, ...more };
}

describe("every node is upgraded", () => {
  const flattened = ["Flatten", "Softmax", "Shape", "Reshape"];
  const types = ({ nodes }: Graph | ModelFunction) => nodes.map(({ opType }) => opType);
  const bodyOf = (of: Graph, name: string): Graph => {
    const attribute = of.nodes.at(-1)?.attributes.get(name);
    if (attribute?.kind !== "graph") throw new Error(`no body "${name}"`);
    return attribute.value;
  };

  it("in the graph", () => {
    const { graph: upgraded, opsetImports } = upgradeOpset(
      model(graph(["x"], [oldSoftmax("x", "y", { name: "s", metadata: new Map([["k", "v"]]) })], ["y"]), imports(12)),
    );
    expect(written(upgraded.nodes)).toEqual([
      "s:flat = Flatten(x)",
      "s:flat_result = Softmax(s:flat)",
      "s:shape = Shape(x)",
      "y = Reshape(s:flat_result, s:shape)",
    ]);
    expect(upgraded.nodes.map(({ name }) => name)).toEqual(["s:flat", "s", "s:shape", "s:unflattened"]);
    expect(upgraded.nodes.every(({ metadata }) => metadata.get("k") === "v")).toBe(true);
    expect([...opsetImports]).toEqual([["", workingOpset]]);
  });

  it("in bodies, also of operators of other domains", () => {
    const inner = graph([], [oldSoftmax("x", "inner")], ["inner"]);
    const outer = graph([], [node("If", ["c"], ["z"], { attributes: new Map([body("then_branch", inner)]) })], ["z"]);
    const lists: Attribute = { kind: "graphs", value: [inner] };
    const custom = node("Custom", [], ["y"], {
      domain: "d",
      attributes: new Map([body("b", outer), ["list", lists] as const]),
    });
    const upgraded = upgradeOpset(model(graph(["x", "c"], [custom], ["y"]), imports(9, ["d", 3])));
    expect(types(bodyOf(bodyOf(upgraded.graph, "b"), "then_branch"))).toEqual(flattened);
    const list = upgraded.graph.nodes[0]?.attributes.get("list");
    expect(list?.kind === "graphs" && list.value.map(types)).toEqual([flattened]);
    expect([...upgraded.opsetImports]).toEqual([
      ["", 26],
      ["d", 3],
    ]);
  });

  it("in functions, by the opset that each imports, or the model's", () => {
    const nodes = [oldSoftmax("x", "y")];
    const { functions } = upgradeOpset(
      model(graph([], [], []), {
        ...imports(12),
        functions: [
          callee(nodes, { name: "old", opsetImports: new Map([["ai.onnx", 11]]) }),
          callee(nodes, { name: "new", opsetImports: new Map([["", 13]]) }),
          callee(nodes, { name: "silent", opsetImports: new Map([["e", 1]]) }),
        ],
      }),
    );
    expect(functions.map(types)).toEqual([flattened, ["Softmax"], flattened]);
    expect(functions.map(({ opsetImports }) => [...opsetImports])).toEqual([
      [["", 26]],
      [["", 26]],
      [
        ["", 26],
        ["e", 1],
      ],
    ]);
  });

  it("in graphs that functions have as default attributes", () => {
    const inner = graph([], [oldSoftmax("x", "inner")], ["inner"]);
    const { functions } = upgradeOpset(
      model(graph([], [], []), {
        functions: [callee([], { ...imports(12), attributeDefaults: new Map([body("b", inner)]) })],
      }),
    );
    const attribute = functions[0]?.attributeDefaults.get("b");
    expect(attribute?.kind === "graph" && types(attribute.value)).toEqual(flattened);
  });
});

describe("names", () => {
  it("are new, also among those of bodies and of nodes", () => {
    const inner = graph([], [node("Relu", ["x"], ["s:flat"])], ["s:flat"]);
    const nodes = [
      oldSoftmax("x", "y", { name: "s" }),
      oldSoftmax("x", "z", { name: "s" }),
      oldSoftmax("x", "s"),
      node("If", ["c"], ["w"], { name: "s:shape", attributes: new Map([body("then_branch", inner)]) }),
    ];
    const upgraded = upgradeOpset(model(graph(["x", "c"], nodes, ["y", "z", "w"]), imports(12)));
    const made = upgraded.graph.nodes.flatMap(({ outputs }) => outputs);
    expect(new Set(made).size).toBe(made.length);
    expect(made).not.toContain("s:flat");
    expect(made).not.toContain("s:shape");
  });
});

describe("domains", () => {
  it('"ai.onnx" is the standard one by another name', () => {
    const upgraded = upgradeOpset(
      model(graph(["x"], [oldSoftmax("x", "y", { domain: "ai.onnx", name: "s" })], ["y"]), {
        opsetImports: new Map([["ai.onnx", 12]]),
      }),
    );
    expect(upgraded.graph.nodes.map(({ domain }) => domain)).toEqual(["", "", "", ""]);
    expect([...upgraded.opsetImports]).toEqual([["", 26]]);
  });

  it("other than that stay as they are", () => {
    const nodes = [oldSoftmax("x", "y", { domain: "com.microsoft" })];
    const upgraded = upgradeOpset(model(graph(["x"], nodes, ["y"]), imports(12, ["com.microsoft", 1])));
    expect(upgraded.graph.nodes).toEqual(nodes);
  });

  it("hold the model's functions, which go before operators of their names", () => {
    const nodes = [oldSoftmax("x", "y", { domain: "ai.onnx" })];
    const own = callee([node("Relu", ["x"], ["y"])], { name: "Softmax", domain: "ai.onnx", ...imports(12) });
    const upgraded = upgradeOpset(model(graph(["x"], nodes, ["y"]), { ...imports(12), functions: [own] }));
    expect(written(inlineFunctions(upgraded).graph.nodes)).toEqual(["y = Relu(x)"]);
  });
});

describe("opsets that are not supported", () => {
  const of = (opset: number) => () => upgradeOpset(modelOf(graphBuilder("net.onnx").graph(), opset));

  it("are too old or too new", () => {
    expect(refusal(of(6))).toBe(
      "net.onnx: uses opset 6 of the standard operators, the oldest supported is 7; " +
        "export it again with a newer opset, or convert it with onnx.version_converter",
    );
    expect(refusal(of(29))).toBe(
      "net.onnx: uses opset 29 of the standard operators, the newest supported is 26; export it with opset 26 or lower",
    );
  });

  it("are named with the function that imports them", () => {
    expect(refusal(() => upgradeOpset(model(graph([], [], []), { functions: [callee([], imports(6))] })))).toContain(
      'm: function "f": uses opset 6',
    );
  });

  it("or missing, where a standard operator is used", () => {
    const others = { opsetImports: new Map([["d", 1]]) };
    expect(refusal(() => upgradeOpset(model(graph(["x"], [oldSoftmax("x", "y")], ["y"]), others)))).toContain(
      'm: Softmax "y": is a standard operator, but no opset',
    );
    expect(
      upgradeOpset(model(graph(["x"], [node("f", ["x"], ["y"], { domain: "d" })], ["y"]), others)).opsetImports.size,
    ).toBe(2);
  });
});

describe("attributes that a function gets from its caller", () => {
  const reference = (attribute: string): Attribute => ({ kind: "reference", attribute });

  it("can be moved to inputs", async () => {
    const mean = node("ReduceMean", ["x"], ["y"], attributes({ axes: reference("over"), keepdims: integer(0) }));
    const of = upgradeOpset(
      model(
        graph([], [node("f", ["x"], ["y"], { domain: "d", ...attributes({ over: ints(0, 2) }) })], [], {
          inputs: [{ name: "x", type: { kind: "tensor", dataType: "float32" } }],
          outputs: [{ name: "y" }],
        }),
        { ...imports(18, ["d", 1]), irVersion: 10, functions: [callee([mean], { attributeNames: ["over"] })] },
      ),
    );
    const { y } = await runModel(inlineFunctions(of), { x: floats([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]) });
    expect(y).toEqual(floats([3.5, 5.5]));
  });

  it("cannot decide what is written", () => {
    const sample = node("GridSample", ["x", "x"], ["y"], attributes({ mode: reference("mode") }));
    expect(refusal(() => upgradeOpset(model(graph([], [], []), { functions: [callee([sample])] })))).toBe(
      'm: function "f": GridSample "y": gets its "mode" from the caller of a function, so what it means at opset 17 is ' +
        "open; export the model with a newer opset",
    );
  });
});

describe("constants that decide", () => {
  /** An If whose branches resize by scales of one name, the one up and the other down. */
  function branches(): Model {
    const branch = (scale: number) => {
      const build = graphBuilder("branch");
      const scales = build.node("Constant", [], { value: scalesTensor(scale) }, { outputs: ["scales"] });
      build.output(build.node("Resize", ["x", scales], {}, { outputs: ["resized"] }), "float32");
      return build.graph();
    };
    const build = graphBuilder("outer");
    build.input("x", "float32");
    build.input("c", "bool");
    build.output(build.node("If", ["c"], { then_branch: branch(2), else_branch: branch(0.5) }, { outputs: ["y"] }));
    return modelOf(build.graph(), 10);
  }

  const scalesTensor = (scale: number) => {
    const bytes = new Uint8Array(Float32Array.of(1, 1, 1, scale).buffer);
    return { ...int64Tensor("", [0, 0]), dataType: "float32", shape: [4], payload: rawPayload(bytes) } as const;
  };
  const rawPayload = (bytes: Uint8Array) =>
    ({
      kind: "raw",
      range: { source: { label: "", size: bytes.length, read: () => bytes }, offset: 0, length: 16 },
    }) as const;

  it.each([1, 0])("are those of the same body, condition %i", async (condition) => {
    const feeds = {
      x: floats([1, 2, 3, 4], [1, 1, 1, 4]),
      c: { dataType: "bool", shape: [], values: [condition] },
    } as const;
    const old = branches();
    expect(await runModel(upgradeOpset(old), feeds)).toEqual(await runModel(old, feeds));
  });
});

it.each(fixtureModels)("real models keep their structure: %s", (path) => {
  const upgraded = inlineFunctions(upgradeOpset(readModel(fileBytes(path))));
  expect(dataflowOf(upgraded).operations.length).toBeGreaterThan(0);
  expect(upgraded.opsetImports.get("")).toBe(26);
});
