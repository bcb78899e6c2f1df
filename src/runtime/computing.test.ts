import { describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, modelOf } from "../graph/builder.js";
import type { Model } from "../graph/model.js";
import { readModel } from "../graph/read-model.js";
import { fixture } from "../graph/testing/models.js";
import { planTraining } from "../passes/training/rewrite.js";
import { computingOf } from "./computing.js";
import { dense } from "./testing/small-trainings.js";

const computing = (model: Model, batchSize: number, options: { freeze?: string[]; loss?: "mse" | "nll" } = {}) => {
  const plan = planTraining(model, { loss: "mse", ...options }, { gradient: true, evaluation: false });
  return computingOf(plan, batchSize, {});
};

/** Rows of an embedding. */
function tokens(): Model {
  const g = graphBuilder("tokens");
  const ids = g.input("ids", "int64", ["batch", 512]);
  const table = g.initializer(float32Tensor("table", [10, 2], Array<number>(20).fill(1)));
  g.output(g.node("Gather", [table, ids]), "float32", ["batch", 512, 2]);
  return modelOf(g.graph());
}

describe("one thread", () => {
  const one = { isSmall: true, threads: 1 };
  const all = { isSmall: false };

  it("is for small matrices times small batches", () => {
    expect(computing(dense([8, 64, 32, 1]), 128)).toEqual(one);
    expect(computing(dense([8, 64, 32, 1]), 1024)).toEqual(all);
    expect(computing(dense([64, 512, 1]), 128)).toEqual(all);
  });

  it("is not for those of which most are frozen", () => {
    expect(computing(dense([64, 512, 1]), 128, { freeze: ["w0"] })).toEqual(all);
  });

  it("is not for convolutions and tokens", () => {
    expect(computing(readModel(fixture("training/lenet.torchscript.onnx")), 1)).toEqual(all);
    expect(computing(tokens(), 1)).toEqual(all);
  });

  it("is not for who wants others", () => {
    const plan = planTraining(dense([2, 2, 1]), { loss: "mse" }, { gradient: true, evaluation: false });
    expect(computingOf(plan, 1, { threads: 2 })).toEqual({ isSmall: true, threads: 2 });
  });
});
