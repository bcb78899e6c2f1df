import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, modelOf } from "../../graph/builder.js";
import { encodeModel } from "../../graph/encode-model.js";
import { externalWeights } from "../../graph/external-weights.js";
import { readModel } from "../../graph/read-model.js";
import { refusal } from "../../graph/testing/input-error.js";
import { temporaryFolder } from "../../graph/testing/files.js";
import type { Preprocessing } from "../preprocessing/preprocessing.js";
import { writeFoldedModel } from "./write-folded-model.js";

const size = 512;
const preprocessing: Preprocessing = {
  format: "caadam-preprocessing",
  version: 1,
  missing: "error",
  tensors: [
    {
      name: "x",
      role: "feature",
      shape: [size],
      columns: [{ kind: "array", column: "x", file: 0, subtract: [1], divide: [2] }],
    },
  ],
};

/** y = x·w, its weights in the file or beside it. */
function written(folder: string, isExternal: boolean): string {
  const g = graphBuilder("dot");
  const w = g.initializer(float32Tensor("w", [size, 1], Array<number>(size).fill(0)));
  g.output(g.node("MatMul", [g.input("x", "float32", ["batch", size]), w], {}, { outputs: ["y"] }), "float32", [
    "batch",
    1,
  ]);
  const model = modelOf(g.graph());
  const weights = isExternal ? externalWeights([model], "w.bin", 0) : undefined;
  if (weights !== undefined) writeFileSync(join(folder, "w.bin"), Buffer.concat([...weights.content]));
  const path = join(folder, "model.onnx");
  writeFileSync(path, encodeModel(model, weights?.locationOf));
  return path;
}

describe("a folded model is written", () => {
  it.each([
    ["in one file", false, ["model.onnx"]],
    ["with its external data beside it", true, ["model.onnx", "w.bin"]],
  ])("%s", async (_, isExternal, files) => {
    const [from, to] = [temporaryFolder(), temporaryFolder()];
    const source = written(from, isExternal);
    const before = readFileSync(source);
    const values = new Map([["w", { data: new Float32Array(size).fill(3), dims: [size, 1] }]]);
    const path = join(to, "model.onnx");
    expect(writeFoldedModel(readModel(source), values, path, preprocessing)).toEqual(
      files.map((file) => join(to, file)),
    );
    expect(readdirSync(to)).toEqual(files);
    expect(readFileSync(source)).toEqual(before);
    expect(readModel(path).externalFiles).toEqual(files.slice(1));
    const session = await InferenceSession.create(path);
    const { y } = await session.run({ x: new Tensor("float32", new Float32Array(size).fill(5), [1, size]) });
    expect(y?.data).toEqual(Float32Array.of(size * 3 * 2));
    await session.release();
  });

  it("or not at all where it cannot be folded", () => {
    const [from, to] = [temporaryFolder(), temporaryFolder()];
    const model = readModel(written(from, true));
    const values = new Map([["w", { data: new Float32Array(size), dims: [size, 1] }]]);
    const write = () => writeFoldedModel(model, values, join(to, "m.onnx"), preprocessing, { outputs: { y: "price" } });
    expect(refusal(write)).toMatch(/^target "price": is not among those/);
    expect(readdirSync(to)).toEqual([]);
  });
});
