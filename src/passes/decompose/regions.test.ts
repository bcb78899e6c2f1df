import { describe, expect, test } from "vitest";
import { attributesOf, modelOf } from "../../graph/builder.js";
import { Emitter } from "../../graph/emitter.js";
import type { Node } from "../../graph/model.js";
import { Operators } from "../../graph/operators.js";
import { floats, integers, runModel } from "../../graph/testing/run-model.js";
import { differentiate } from "../gradient/differentiate.js";
import { decompose } from "./index.js";

/** A RoiAlign that is decomposed, with regions that are computed. */
function aligned(attributes: Readonly<Record<string, number | string>>) {
  const g = new Operators(new Emitter());
  const x = g.emitter.input("x", { dataType: "float32", shape: ["batch", 2, 3, 3] });
  const rois = g.emitter.input("rois", { dataType: "float32", shape: ["regions", 4] });
  const images = g.emitter.input("images", { dataType: "int64", shape: ["regions"] });
  const node: Node = {
    name: "align",
    domain: "",
    opType: "RoiAlign",
    overload: "",
    inputs: ["x", "rois", "images"],
    outputs: ["y"],
    attributes: attributesOf(attributes),
    metadata: new Map(),
  };
  const [y] = decompose({ emitter: g.emitter, node, inputs: [x, rois, images] }) ?? [];
  if (y === undefined) throw new Error("RoiAlign is not decomposed");
  return { g, x, rois, y };
}

describe("RoiAlign", () => {
  test("gives regions no gradient", () => {
    const { g, x, rois, y } = aligned({});
    const gradients = differentiate(g, { seeds: [{ value: y, gradient: g.onesLike(y) }], towards: [x, rois] });
    expect(gradients.map((gradient) => gradient?.shape)).toEqual([["batch", 2, 3, 3], undefined]);
  });

  test("pools no regions to nothing", async () => {
    const { g, x, y } = aligned({ sampling_ratio: 2, output_height: 2, output_width: 2 });
    const [gradient = x] = differentiate(g, { seeds: [{ value: y, gradient: g.onesLike(y) }], towards: [x] });
    const graph = g.emitter.graph("regions", [
      { value: y, name: "y" },
      { value: gradient, name: "gradient" },
    ]);
    const none = {
      x: floats(
        Array.from({ length: 18 }, () => 1),
        [1, 2, 3, 3],
      ),
      rois: floats([], [0, 4]),
      images: integers([]),
    };
    const found = await runModel(modelOf(graph, 26, 13), none);
    expect(found["y"]?.shape).toEqual([0, 2, 2, 2]);
    expect(found["gradient"]?.values).toEqual(Array.from({ length: 18 }, () => 0));
  });
});
