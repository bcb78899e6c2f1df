import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, modelOf } from "../../graph/builder.js";
import { encodeModel } from "../../graph/encode-model.js";
import type { Model } from "../../graph/model.js";
import { readModel } from "../../graph/read-model.js";
import { rawBytes } from "../../graph/tensor.js";
import { temporaryFolder } from "../../graph/testing/files.js";
import { refusal } from "../../graph/testing/input-error.js";
import { rewrite } from "./rewrite.js";
import { writeArtifacts } from "./write-artifacts.js";

/** Two layers, the first of which is in a file of its own beside the model. */
function modelIn(folder: string, name: string, weights: string): Model {
  const graph = graphBuilder("model");
  const hidden = graph.node("MatMul", [
    graph.input("x", "float32", ["batch", 32]),
    graph.initializer(float32Tensor("first", [32, 32])),
  ]);
  graph.output(graph.node("MatMul", [hidden, graph.initializer(float32Tensor("second", [32, 3]))]), "float32");
  const model = modelOf(graph.graph());
  const outside = model.graph.initializers.find((tensor) => tensor.name === "first");
  if (outside === undefined) throw new Error("no first layer");
  const location = { file: weights, offset: 0, length: 4096 };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, weights), rawBytes(outside));
  const path = join(folder, name);
  writeFileSync(
    path,
    encodeModel(model, (tensor) => (tensor.name === "first" ? location : undefined)),
  );
  return readModel(path);
}

const trained = { loss: { name: "mse" }, freeze: ["first"] } as const;

describe("writeArtifacts", () => {
  it("writes frozen weights that are too large for a model file beside it, and they are read back", () => {
    const folder = join(temporaryFolder(), "new", "training");
    const model = modelIn(temporaryFolder(), "model.onnx", "weights.bin");
    const paths = writeArtifacts(rewrite(model, trained), folder, model, 1000);
    const files = ["weights.bin", "gradient.onnx", "update.onnx", "eval.onnx", "contract.json"];
    expect(paths).toEqual(files.map((file) => join(folder, file)));
    expect(readFileSync(join(folder, "weights.bin"))).toEqual(readFileSync(join(model.label, "../weights.bin")));
    const { externalFiles } = readModel(join(folder, "gradient.onnx"));
    expect(externalFiles).toEqual(["weights.bin"]);
  });

  it.each([
    ["gradient.onnx", "data.bin", "gradient.onnx", /gradient\.onnx: would overwrite the model; choose another folder/],
    ["contract.json", "data.bin", "contract.json", /contract\.json: would overwrite the model/],
    ["model.onnx", "eval.onnx", "eval.onnx", /eval\.onnx: would overwrite the weights of .*model\.onnx; choose/],
    ["model.onnx", "weights.bin", "weights.bin", /weights\.bin: would overwrite the weights of .*model\.onnx; choose/],
  ])("leaves %s with its weights in %s as they are, also behind a link", (name, weights, overwritten, message) => {
    const folder = temporaryFolder();
    const model = modelIn(folder, name, weights);
    const link = join(temporaryFolder(), "link");
    symlinkSync(folder, link);
    const before = readFileSync(join(folder, overwritten));
    for (const target of [folder, link]) {
      expect(refusal(() => writeArtifacts(rewrite(model, trained), target, model, 1000))).toMatch(message);
    }
    expect(readFileSync(join(folder, overwritten))).toEqual(before);
    expect(readdirSync(folder).toSorted()).toEqual([name, weights].toSorted());
  });

  it("writes beside the model where nothing of it has one of the names", () => {
    const folder = temporaryFolder();
    const model = modelIn(folder, "model.onnx", "weights.bin");
    writeArtifacts(rewrite(model, trained), folder, model);
    expect(existsSync(join(folder, "gradient.onnx"))).toBe(true);
  });

  it("writes the graphs of a model that was not read from a file", () => {
    const model = { ...modelIn(temporaryFolder(), "model.onnx", "weights.bin"), source: undefined };
    expect(writeArtifacts(rewrite(model, { ...trained, emit: ["eval"] }), temporaryFolder(), model)).toHaveLength(2);
  });
});
