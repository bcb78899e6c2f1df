import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { attributesOf, float32Tensor, modelOf } from "./builder.js";
import { memoryBytes } from "./bytes.js";
import { encodeModel } from "./encode-model.js";
import { externalWeights } from "./external-weights.js";
import { readModel } from "./read-model.js";
import { rawBytes, type Tensor } from "./tensor.js";
import { temporaryFolder } from "./testing/files.js";
import { fixture, graph, node } from "./testing/models.js";
import { writeFile } from "./write-file.js";

const model = readModel(fixture("pytorch/mlp.torchscript.onnx"));

test("weights of a model that is too large go into a file beside it, once for all models, and are read back", () => {
  const folder = temporaryFolder();
  const external = externalWeights([model, model], "weights.bin", 1000);
  if (external === undefined) throw new Error("nothing is external");
  const path = join(folder, "model.onnx");
  writeFile(path, [encodeModel(model, external.locationOf)]);
  writeFile(join(folder, "weights.bin"), external.content);
  const again = readModel(path);
  expect(again.graph.initializers.map(rawBytes)).toEqual(model.graph.initializers.map(rawBytes));
  // The two large kernels, the second at the next multiple of 4096; the small tensors are in the model.
  expect(readFileSync(join(folder, "weights.bin"))).toHaveLength(4096 + 64 * 32 * 4);
  expect(readFileSync(path).length).toBeLessThan(4096);
});

test("models that fit keep their weights", () => {
  expect(externalWeights([model], "weights.bin")).toBeUndefined();
});

test("tensors of several lengths at one offset each keep their own", () => {
  const source = memoryBytes(Uint8Array.from({ length: 8192 }, (_, index) => index % 251));
  const tensor = (name: string, elements: number): Tensor => ({
    name,
    dataType: "float32",
    shape: [elements],
    payload: { kind: "raw", range: { source, offset: 0, length: elements * 4 } },
  });
  const tensors = [tensor("short", 512), tensor("long", 2048), tensor("again", 512)];
  const shared = modelOf(graph([], [], [], { initializers: tensors }));
  const external = externalWeights([shared], "weights.bin", 1000);
  expect(tensors.map((each) => external?.locationOf(each))).toEqual([
    { file: "weights.bin", offset: 0, length: 2048 },
    { file: "weights.bin", offset: 4096, length: 8192 },
    { file: "weights.bin", offset: 0, length: 2048 },
  ]);
});

test("the constants of nodes, those in bodies included, count as part of the model file, and stay there", () => {
  const constant = node("Constant", [], ["c"], { attributes: attributesOf({ value: float32Tensor("c", [300]) }) });
  const weight = float32Tensor("w", [300]);
  const inside = node("If", ["condition"], ["y"], {
    attributes: new Map([["then_branch", { kind: "graph", value: graph([], [constant], ["c"]) } as const]]),
  });
  for (const each of [constant, inside]) {
    const both = modelOf(graph([], [each], [], { initializers: [weight] }));
    expect(externalWeights([both], "weights.bin", 2400)).toBeUndefined();
    const external = externalWeights([both], "weights.bin", 2399);
    expect(external?.locationOf(weight)).toEqual({ file: "weights.bin", offset: 0, length: 1200 });
    expect([...(external?.content ?? [])].reduce((sum, { length }) => sum + length, 0)).toBe(1200);
  }
});
