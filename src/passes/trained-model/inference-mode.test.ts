import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { attributesOf, float32Tensor, graphBuilder, modelOf } from "../../graph/builder.js";
import { encodeModel } from "../../graph/encode-model.js";
import type { Model } from "../../graph/model.js";
import { readModel } from "../../graph/read-model.js";
import { temporaryFolder } from "../../graph/testing/files.js";
import { fixture } from "../../graph/testing/models.js";
import { floats, runModel } from "../../graph/testing/run-model.js";
import { inInferenceMode } from "./inference-mode.js";
import { writeTrainedModel } from "./write-trained-model.js";

/** Six features for each of four examples, far from one another. */
const rows = Array.from({ length: 24 }, (_, index) => Math.sin(index * 7) * (1 + index / 4));

function written(model: Model, keepMode = false): Model {
  const path = join(temporaryFolder(), "trained.onnx");
  writeTrainedModel(model, new Map(), path, { keepMode });
  return readModel(path);
}

async function outputOf(model: Model, values: readonly number[]): Promise<readonly number[]> {
  return (await runModel(model, { x: floats(values, [values.length / 6, 6]) }))["output"]?.values ?? [];
}

describe("exports for training are written for inference", () => {
  it.each(["batch_norm_mlp", "dropout_mlp"])(
    "%s: an example has one prediction, whatever is around it",
    async (name) => {
      const file = readModel(fixture(`training/${name}.training.onnx`));
      for (const model of [written(file), inInferenceMode(file)]) {
        const together = await outputOf(model, rows);
        const alone = await Promise.all([0, 6, 12, 18].map(async (at) => outputOf(model, rows.slice(at, at + 6))));
        expect(Math.hypot(...together)).toBeGreaterThan(0.01);
        for (const [index, value] of alone.flat().entries()) expect(value).toBeCloseTo(together[index] ?? NaN, 5);
      }
      const modesOf = ({ graph: { nodes } }: Model) =>
        nodes.map(({ opType, inputs, attributes }) =>
          opType === "Dropout" ? inputs.length === 3 : attributes.has("training_mode"),
        );
      expect([modesOf(file).includes(true), modesOf(written(file)).includes(true)]).toEqual([true, false]);
    },
  );

  it("with nothing else changed in the file, and nothing at all where that is asked for", () => {
    const file = fixture("training/resnet18.training.onnx");
    const plain = readFileSync(file);
    const path = join(temporaryFolder(), "kept.onnx");
    writeTrainedModel(readModel(file), new Map(), path, { keepMode: true });
    expect(readFileSync(path).equals(plain)).toBe(true);
    const { graph } = written(readModel(file));
    const wanted = inInferenceMode(readModel(file)).graph.nodes.map(({ inputs, outputs }) => ({ inputs, outputs }));
    expect(graph.nodes).toMatchObject(wanted);
    expect(graph.initializers.map(({ name }) => name)).toEqual(
      readModel(file).graph.initializers.map(({ name }) => name),
    );
  });

  it("but for what hands on the statistics of its batch, and what is told its mode", () => {
    const builder = graphBuilder("modes");
    const x = builder.input("x", "float32", ["batch", 2]);
    const isTraining = builder.input("is_training", "bool", []);
    const ratio = builder.initializer(float32Tensor("ratio", [], [0.5]));
    const statistics = ["scale", "shift", "mean", "variance"].map((name) =>
      builder.initializer(float32Tensor(name, [2], [1, 1])),
    );
    const outputs = ["y", "new_mean", "new_variance"];
    builder.node("BatchNormalization", [x, ...statistics], { training_mode: 1 }, { outputs });
    builder.output(builder.node("Dropout", ["y", ratio, isTraining]), "float32", ["batch", 2]);
    builder.output("new_mean", "float32", [2]);
    const model = readModel(encodeModel(modelOf(builder.graph())));
    const nodes = model.graph.nodes.map(({ inputs, outputs: made, attributes }) => ({
      inputs,
      outputs: made,
      attributes,
    }));
    expect(inInferenceMode(model).graph.nodes).toMatchObject(nodes);
    expect(nodes[0]?.attributes).toEqual(attributesOf({ training_mode: 1 }));
    expect(written(model).graph.nodes).toMatchObject(nodes);
  });
});
