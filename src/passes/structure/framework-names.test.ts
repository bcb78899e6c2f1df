import { describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, type GraphBuilder, modelOf } from "../../graph/builder.js";
import { elementCount } from "../../graph/tensor.js";
import { scalesOf } from "../scaling/scales.js";
import { structureOf } from "./structure.js";

// Rules that the real exports in fixtures/ do not exercise; those are in pytorch-models.test.ts and keras-parity.test.ts.

function weights(name: string, shape: readonly number[]) {
  const values = Array.from({ length: elementCount(shape) }, (_, index) => index + 0.5);
  return float32Tensor(name, shape, values);
}

function namesOf(producerName: string, build: (graph: GraphBuilder, x: string) => string) {
  const graph = graphBuilder("test");
  graph.output(build(graph, graph.input("x", "float32")), "float32");
  const { parameters } = scalesOf(structureOf({ ...modelOf(graph.graph()), producerName }));
  return Object.fromEntries(parameters.map(({ name, frameworkName }) => [name, frameworkName]));
}

const torchScriptNames = (build: (graph: GraphBuilder, x: string) => string) => namesOf("pytorch", build);

describe("TorchScript exports", () => {
  it("a transposed Linear weight is named after its bias", () => {
    const names = torchScriptNames((graph, x) => {
      const w = graph.initializer(weights("onnx::MatMul_9", [8, 4]));
      const product = graph.node("MatMul", [x, w], {}, { name: "/block/fc/MatMul" });
      return graph.node(
        "Add",
        [graph.initializer(weights("block.fc.bias", [4])), product],
        {},
        { name: "/block/fc/Add" },
      );
    });
    expect(names).toEqual({ "onnx::MatMul_9": "block.fc.weight", "block.fc.bias": "block.fc.bias" });
  });

  it("a Linear without bias is named after its module, if nothing else is in it", () => {
    const linear = (withActivation: boolean) =>
      torchScriptNames((graph, x) => {
        const w = graph.initializer(weights("onnx::MatMul_9", [8, 4]));
        const product = graph.node("MatMul", [x, w], {}, { name: "/blocks/blocks.3/proj/MatMul" });
        return withActivation ? graph.node("Relu", [product], {}, { name: "/blocks/blocks.3/proj/Relu" }) : product;
      });
    expect(linear(false)).toEqual({ "onnx::MatMul_9": "blocks.3.proj.weight" });
    expect(linear(true)).toEqual({ "onnx::MatMul_9": null });
  });

  it("a weight that a parametrization computes has no name: its bias was left alone", () => {
    const names = torchScriptNames((graph, x) => {
      const inputs = [
        x,
        graph.initializer(weights("onnx::Conv_5", [4, 3, 3, 3])),
        graph.initializer(weights("c.bias", [4])),
      ];
      const convolved = graph.node("Conv", inputs, {}, { name: "/c/Conv" });
      const more = [
        convolved,
        graph.initializer(weights("onnx::Gemm_8", [2, 4])),
        graph.initializer(weights("l.bias", [2])),
      ];
      return graph.node("Gemm", more, { transB: 1 }, { name: "/l/Gemm" });
    });
    expect(names).toEqual({ "onnx::Conv_5": null, "c.bias": "c.bias", "onnx::Gemm_8": null, "l.bias": "l.bias" });
  });

  it("a folded normalization leaves the weight its name, and its bias none", () => {
    const names = torchScriptNames((graph, x) => {
      const w = graph.initializer(weights("onnx::Conv_5", [4, 3, 3, 3]));
      const b = graph.initializer(weights("onnx::Conv_6", [4]));
      return graph.node("Conv", [x, w, b], {}, { name: "/layer1/layer1.0/conv1/Conv" });
    });
    expect(names).toEqual({ "onnx::Conv_5": "layer1.0.conv1.weight", "onnx::Conv_6": null });
  });

  it("a module with parameters of its own is no Linear", () => {
    const names = torchScriptNames((graph, x) => {
      const w = graph.initializer(weights("onnx::MatMul_9", [8, 4]));
      const product = graph.node("MatMul", [x, w], {}, { name: "/l1/MatMul" });
      return graph.node("Add", [product, graph.initializer(weights("l1.c", [4]))], {}, { name: "/l1/Add" });
    });
    expect(names["onnx::MatMul_9"]).toBeNull();
  });

  it("constants of one number under made-up names are no parameters", () => {
    const names = torchScriptNames((graph, x) => {
      const product = graph.node("MatMul", [x, graph.initializer(weights("fc.weight", [8, 4]))]);
      return graph.node("Mul", [
        graph.node("Relu", [product]),
        graph.initializer(float32Tensor("onnx::Mul_3", [1], [8])),
      ]);
    });
    expect(Object.keys(names)).toEqual(["fc.weight"]);
  });
});

describe("files of unknown origin", () => {
  it("names that look like PyTorch's are taken for what they look like, others are unknown", () => {
    const names = namesOf("", (graph, x) => {
      const product = graph.node("MatMul", [x, graph.initializer(weights("encoder.0.weight", [8, 4]))]);
      return graph.node("Add", [product, graph.initializer(weights("Parameter194", [4]))]);
    });
    expect(names).toEqual({ "encoder.0.weight": "encoder.0.weight", Parameter194: null });
  });
});
