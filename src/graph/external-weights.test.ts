import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { encodeModel } from "./encode-model.js";
import { externalWeights } from "./external-weights.js";
import { readModel } from "./read-model.js";
import { rawBytes } from "./tensor.js";
import { temporaryFolder } from "./testing/files.js";
import { fixture } from "./testing/models.js";
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
