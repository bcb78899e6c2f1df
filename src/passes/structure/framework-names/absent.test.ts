import { describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, modelOf } from "../../../graph/builder.js";
import { scalesOf } from "../../scaling/scales.js";
import { structureOf } from "../structure.js";
import type { TrainabilityOptions } from "../trainability.js";

const signatureKey = "pkg.torch.export.ExportedProgram.graph_signature";

/** Two linear layers and what PyTorch had when it exported them. */
function structureWith(listed: readonly string[], weight: string, options: TrainabilityOptions = {}) {
  const graph = graphBuilder("test");
  const x = graph.input("x", "float32");
  const first = graph.node("MatMul", [
    x,
    graph.initializer(float32Tensor("fc1.weight", [4, 4], [...Array(16).keys()])),
  ]);
  const second = graph.initializer(float32Tensor(weight, [4, 2], [...Array(8).keys()]));
  graph.output(graph.node("MatMul", [first, second]), "float32");
  const signature = listed.map((name) => `p_${name.replaceAll(".", "_")}: PARAMETER target='${name}'`).join("\n");
  const model = modelOf(graph.graph());
  return structureOf({ ...model, graph: { ...model.graph, metadata: new Map([[signatureKey, signature]]) } }, options);
}

describe("parameters that PyTorch had and the file has not", () => {
  it("are counted and named in one warning", () => {
    const listed = ["fc1.weight", "fc2.weight", "norm1.weight", "norm2.weight", "a", "b"];
    const { absent, warnings } = structureWith(listed, "fc2.weight");
    expect(absent).toEqual(["norm1.weight", "norm2.weight", "a", "b"]);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^4 of 6 parameters .*not in the file \(norm1\.weight, norm2\.weight, a, \.\.\.\): .*merged/,
      ),
    ]);
  });

  it("are listed in the scale table", () => {
    const listed = ["fc1.weight", "fc2.weight", "norm.weight"];
    expect(scalesOf(structureWith(listed, "fc2.weight")).absentParameters).toEqual(["norm.weight"]);
    expect(scalesOf(structureWith(listed.slice(0, 2), "fc2.weight"))).not.toHaveProperty("absentParameters");
  });

  it("are none where all are there, trained or not", () => {
    const whole = structureWith(["fc1.weight", "fc2.weight"], "fc2.weight");
    const frozen = structureWith(["fc1.weight", "fc2.weight"], "fc2.weight", { freeze: ["fc1.*"] });
    for (const { absent, warnings } of [whole, frozen]) {
      expect(absent).toEqual([]);
      expect(warnings).toEqual([]);
    }
  });

  it("may be a tensor whose name is not known", () => {
    const one = structureWith(["fc1.weight", "proj.kernel"], "val_3");
    expect(one.absent).toEqual(["proj.kernel"]);
    expect(one.warnings).toEqual([]);
    const two = structureWith(["fc1.weight", "proj.kernel", "norm.weight"], "val_3");
    expect(two.warnings).toEqual([
      expect.stringMatching(/^1 of 3 parameters .* is not in the file \(among proj\.kernel, norm\.weight\)/),
    ]);
  });
});
