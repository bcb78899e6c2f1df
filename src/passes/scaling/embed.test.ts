import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { beforeEach, describe, expect, it } from "vitest";
import { graphBuilder, modelOf } from "../../graph/builder.js";
import { readModel } from "../../graph/read-model.js";
import { temporaryFolder } from "../../graph/testing/files.js";
import { refusal } from "../../graph/testing/input-error.js";
import { fixture, modelBytes } from "../../graph/testing/models.js";
import { onnx } from "../../graph/testing/oracle.js";
import { bytes, concat, floats, int } from "../../graph/testing/protobuf.js";
import { embeddedScaleTable, embedScaleTable } from "./embed.js";
import type { ScaleTable } from "./scale-table.js";

let folder: string;
let path: string;
beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder, "m.onnx");
});

function table(file: string, gamma = 5): ScaleTable {
  return {
    format: "caadam-scale-table",
    version: 1,
    model: { file, sha256: null, opset: 17, irVersion: 8, producer: "größe" },
    strategy: { name: "multiplicative", gamma, convention: "layer", normalized: false },
    statistics: { minConnections: 1, medianConnections: 1, maxConnections: 1, totalDepth: 1 },
    parameters: [],
  };
}

const embedded = (file: string) => embeddedScaleTable(readModel(file));

describe("a scale table is embedded", () => {
  it("after all bytes of the original, readable by others", () => {
    const original = readFileSync(fixture("keras/cnn.onnx"));
    embedScaleTable(readModel(fixture("keras/cnn.onnx")), table("cnn.onnx"), path);
    const written = readFileSync(path);
    expect(written.subarray(0, original.length).equals(original)).toBe(true);
    expect(embedded(path)).toEqual(table("cnn.onnx"));
    const property = onnx.ModelProto.decode(written).metadataProps.find(({ key }) => key === "caadam.scale_table");
    expect(JSON.parse(property?.value ?? "")).toEqual(table("cnn.onnx"));
  });

  it("in the model's own file, again in place of the former", () => {
    const original = concat(
      modelBytes(bytes(999, "newer")),
      bytes(14, bytes(1, "author"), bytes(2, "me")),
      int(998, 1),
    );
    writeFileSync(path, original);
    embedScaleTable(readModel(path), table("m.onnx", 5), path);
    embedScaleTable(readModel(path), table("m.onnx", 7), path);
    expect(embedded(path)).toEqual(table("m.onnx", 7));
    const written = readFileSync(path);
    expect(written.subarray(0, original.length).equals(original)).toBe(true);
    expect([...readModel(path).metadata.keys()]).toEqual(["author", "caadam.scale_table"]);
    expect(readdirSync(folder)).toEqual(["m.onnx"]);
  });

  it("through a symbolic link", () => {
    mkdirSync(join(folder, "store"));
    writeFileSync(join(folder, "store", "m.onnx"), modelBytes());
    symlinkSync(join(folder, "store", "m.onnx"), path);
    embedScaleTable(readModel(path), table("m.onnx"), path);
    expect(embedded(join(folder, "store", "m.onnx"))).toEqual(table("m.onnx"));
  });

  it("of a model that came as bytes", () => {
    embedScaleTable(readModel(modelBytes()), table("m.onnx"), path);
    expect(embedded(path)).toEqual(table("m.onnx"));
  });

  it.each(["keras/residual_cnn.onnx", "pytorch/mlp.functions.onnx", "pytorch/lstm_regressor.torchscript.onnx"])(
    "and %s computes what it did",
    async (name) => {
      const file = fixture(name);
      embedScaleTable(readModel(file), table(basename(name)), path);
      const [before, after] = [await run(file), await run(path)];
      expect(Object.keys(before).length).toBeGreaterThan(0);
      expect(after).toEqual(before);
    },
  );
});

/** A model's outputs for inputs of ones, unknown extents being 2. */
async function run(file: string): Promise<Record<string, unknown>> {
  const session = await InferenceSession.create(file);
  const feeds = Object.fromEntries(
    readModel(file).graph.inputs.map(({ name, type }) => {
      const shape =
        type?.kind === "tensor" ? (type.shape ?? []).map((extent) => (typeof extent === "number" ? extent : 2)) : [];
      const size = shape.reduce((product, extent) => product * extent, 1);
      return [name, new OrtTensor("float32", new Float32Array(size).fill(1), shape)];
    }),
  );
  const outputs = await session.run(feeds);
  return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, [value.dims, value.data]]));
}

describe("a scale table is not embedded", () => {
  it("where the model would not find its external data", () => {
    writeFileSync(join(folder, "w.bin"), floats(1));
    const location = bytes(13, bytes(1, "location"), bytes(2, "w.bin"));
    writeFileSync(path, modelBytes(bytes(5, int(1, 1), int(2, 1), bytes(8, "w"), location, int(14, 1))));
    const model = readModel(path);
    mkdirSync(join(folder, "other"));
    const elsewhere = join(folder, "other", "m.onnx");
    expect(refusal(() => embedScaleTable(model, table("m.onnx"), elsewhere))).toMatch(
      /would not find its external data "w\.bin" there/,
    );
    expect(readdirSync(join(folder, "other"))).toEqual([]);
    embedScaleTable(model, table("m.onnx"), join(folder, "n.onnx"));
    expect(embedded(join(folder, "n.onnx"))).toEqual(table("m.onnx"));
  });

  it("into a model that was made in memory", () => {
    const made = modelOf(graphBuilder("made").graph());
    expect(refusal(() => embedScaleTable(made, table("m"), path))).toMatch(/^made: was not read from a file/);
  });

  it("with a model that has changed on the disk", () => {
    writeFileSync(path, modelBytes());
    const model = readModel(path);
    embedScaleTable(model, table("m.onnx", 5), path);
    expect(refusal(() => embedScaleTable(model, table("m.onnx", 7), path))).toMatch(
      /has changed since it was opened; read it again/,
    );
    expect(embedded(path)).toEqual(table("m.onnx", 5));
  });

  it("in a folder", () => {
    expect(refusal(() => embedScaleTable(readModel(modelBytes()), table("m"), folder))).toMatch(
      /cannot be written: it is a folder/,
    );
  });
});

it("what is no scale table is refused when read back", () => {
  const model = modelOf(graphBuilder("m").graph());
  const carrying = (text: string) => ({ ...model, metadata: new Map([["caadam.scale_table", text]]) });
  expect(embeddedScaleTable(model)).toBeUndefined();
  for (const text of ["", "{", "[]", "null", '{"format":"caadam-scale-table","version":2,"parameters":[]}']) {
    expect(() => embeddedScaleTable(carrying(text))).toThrow(/no scale table of version 1; embed it again/);
  }
});
