import { expect, test } from "vitest";
import { attributesOf, float32Tensor, modelOf } from "../../graph/builder.js";
import { refusal } from "../../graph/testing/input-error.js";
import { graph, node } from "../../graph/testing/models.js";
import type { Contract, ContractArtifact, ContractTensor } from "./contract.js";
import { initialState } from "./initial-state.js";

const constant = node("Constant", [], ["c"], { attributes: attributesOf({ value: float32Tensor("", [2]) }) });
const model = modelOf(graph(["x"], [constant], [], { initializers: [float32Tensor("w", [4, 4])] }));

function artifactOf(...parameters: readonly (readonly [of: string, shape: readonly number[] | null])[]) {
  const artifact: ContractArtifact = {
    file: "gradient.onnx",
    inputs: [
      { name: "x", role: "feature", dtype: "float32", shape: ["batch"] },
      ...parameters.map(
        ([of, shape]) => ({ name: `${of}_1`, role: "parameter", of, dtype: "float32", shape }) as const,
      ),
    ],
    outputs: [],
  };
  return artifact;
}

test("initializers and constants start training, by the names of the artifact's inputs", () => {
  const state = initialState(model, artifactOf(["w", [4, 4]], ["c", [2]]));
  expect(Object.entries(state).map(([name, { type, dims, data }]) => [name, type, dims, data.length])).toEqual([
    ["w_1", "float32", [4, 4], 16],
    ["c_1", "float32", [2], 2],
  ]);
});

test("moments start as 0, averages as the parameters, scales as the contract has them", () => {
  const port = (role: ContractTensor["role"], of: string, shape: readonly number[]) =>
    ({ name: `${of}.${role}`, role, of, dtype: "float64", shape }) as const;
  const artifact: ContractArtifact = {
    file: "update.onnx",
    inputs: [
      port("gradient", "c", [2]),
      port("moment1", "c", [2]),
      port("average", "c", [2]),
      port("scale", "c", []),
      port("average", "pack", [18]),
      port("scale", "pack", [18]),
      { name: "alpha", role: "alpha", dtype: "float64", shape: [] },
    ],
    outputs: [],
  };
  const valued = modelOf(
    graph(["x"], [], [], { initializers: [float32Tensor("c", [2], [3, 4]), float32Tensor("w", [4, 4])] }),
  );
  const rows = [
    { name: "c", scale: 5 },
    { name: "w", scale: 0.5 },
  ] as unknown as Contract["parameters"];
  const members = [
    { name: "w", offset: 0, shape: [4, 4] },
    { name: "c", offset: 16, shape: [2] },
  ];
  const state = initialState(valued, artifact, {
    parameters: rows,
    packs: [{ name: "pack", dtype: "float64", members }],
  });
  const zeros = Array.from({ length: 16 }, () => 0);
  expect(Object.entries(state).map(([name, { data }]) => [name, [...data]])).toEqual([
    ["c.moment1", [0, 0]],
    ["c.average", [3, 4]],
    ["c.scale", [5]],
    ["pack.average", [...zeros, 3, 4]],
    ["pack.scale", [...zeros.map(() => 0.5), 5, 5]],
  ]);
});

test("a contract of another model is refused, be it for a name, an extent or a rank", () => {
  for (const shape of [[4, 5], [4], [4, 4, 7], []]) {
    expect(refusal(() => initialState(model, artifactOf(["w", shape])))).toContain(
      `has no "w" of the shape [${shape.join(", ")}]; is the contract another model's?`,
    );
  }
  expect(refusal(() => initialState(model, artifactOf(["v", null])))).toContain('has no "v"; is the contract');
});
