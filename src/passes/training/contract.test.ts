import { describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, modelOf } from "../../graph/builder.js";
import type { Model } from "../../graph/model.js";
import { refusal } from "../../graph/testing/input-error.js";
import { newMlp } from "../new-model/mlp.js";
import { artifactNames, type TensorRole } from "./contract.js";
import { initialState } from "./initial-state.js";
import { rewrite, type RewriteOptions, type TrainingArtifacts } from "./rewrite.js";
import { type Drive, driveLoop, driveSteps } from "./testing/drive.js";

/** What belongs to a parameter, a running statistic or an output. */
const ofSomething: ReadonlySet<TensorRole> = new Set([
  "parameter",
  "gradient",
  "moment1",
  "moment2",
  "moment2max",
  "average",
  "scale",
  "buffer",
  "prediction",
]);

const options: RewriteOptions = {
  loss: { name: "mse" },
  emit: artifactNames,
  amsgrad: true,
  weightDecay: 0.1,
  averageMomentum: 0.9,
};

/** y = relu(x·first + second)·third + fourth, with these names for parameters, features and extents. */
function modelWith(names: {
  readonly parameters: readonly string[];
  readonly input: string;
  readonly batch: string;
}): Model {
  const [first = "", second = "", third = "", fourth = ""] = names.parameters;
  const graph = graphBuilder("model");
  graph.input(names.input, "float32", [names.batch, 2]);
  const values = (count: number, seed: number) => Array.from({ length: count }, (_, index) => Math.sin(index + seed));
  graph.initializer(float32Tensor(first, [2, 3], values(6, 1)));
  graph.initializer(float32Tensor(second, [3], values(3, 2)));
  graph.initializer(float32Tensor(third, [3, 1], values(3, 3)));
  graph.initializer(float32Tensor(fourth, [1], values(1, 4)));
  const hidden = graph.node("Relu", [graph.node("Add", [graph.node("MatMul", [names.input, first]), second])]);
  graph.output(graph.node("Add", [graph.node("MatMul", [hidden, third]), fourth]), "float32", [names.batch, 1]);
  return modelOf(graph.graph(), 21);
}

function expectComplete({ contract, models }: TrainingArtifacts): void {
  const packs = new Map((contract.packs ?? []).map(({ name, members }) => [name, members]));
  const members = new Set([...packs.values()].flatMap((all) => all.map(({ name }) => name)));
  const alone = contract.parameters.map(({ name }) => name).filter((name) => !members.has(name));
  const tensors = [...packs.keys(), ...alone].toSorted();
  for (const name of artifactNames) {
    const [artifact, model] = [contract.artifacts[name], models.get(name)];
    if (artifact === undefined || model === undefined) throw new Error(`no ${name}`);
    expect(model.graph.inputs.map((input) => input.name)).toEqual(artifact.inputs.map((input) => input.name));
    expect(model.graph.outputs.map((output) => output.name)).toEqual(artifact.outputs.map((output) => output.name));
    const all = [...artifact.inputs, ...artifact.outputs];
    expect(new Set(all.map((tensor) => tensor.name)).size, `names of ${name}`).toBe(all.length);
    for (const { role, of, name: tensor } of all) {
      expect(of !== undefined, `${name}: ${role} "${tensor}" has an of`).toBe(ofSomething.has(role));
    }
    const ofRole = (ports: typeof all, wanted: TensorRole) =>
      ports.flatMap(({ role, of = "" }) => (role === wanted ? [of] : [])).toSorted();
    expect(ofRole([...artifact.inputs], "parameter"), `parameters of ${name}`).toEqual(tensors);
    if (name === "gradient") expect(ofRole([...artifact.outputs], "gradient")).toEqual(tensors);
    if (name === "gradient" || name === "eval") continue;
    expect(ofRole([...artifact.inputs], "scale")).toEqual(tensors);
    for (const role of ["parameter", "moment1", "moment2", "moment2max", "average"] as const) {
      expect(ofRole([...artifact.inputs], role), `${role} into ${name}`).toEqual(tensors);
      expect(ofRole([...artifact.outputs], role), `${role} out of ${name}`).toEqual(tensors);
    }
  }
}

describe("contracts", () => {
  const model = newMlp({ sizes: [4, 8, 2], batchNorm: true, dropout: 0.5, seed: 1 });

  it("say of every tensor what it is for and what it belongs to", () => {
    expectComplete(rewrite(model, options));
    expectComplete(rewrite(model, { ...options, pack: true }));
    expectComplete(rewrite(model, { ...options, withoutDecay: ["*.bias"], pack: true }));
  });

  it("call outputs of the loop as those of the step, with an axis of steps where there is one", () => {
    const { artifacts } = rewrite(model, options).contract;
    expect(artifacts.loop?.outputs.map(({ name }) => name)).toEqual(artifacts.step?.outputs.map(({ name }) => name));
    expect(artifacts.loop?.outputs[0]).toEqual({ name: "loss", role: "loss", dtype: "float32", shape: ["steps"] });
    const shapes = new Map(artifacts.loop?.inputs.map(({ name, shape }) => [name, shape]));
    expect([shapes.get("x"), shapes.get("alpha"), shapes.get("seed")]).toEqual([
      ["steps", "batch", 4],
      ["steps"],
      ["steps"],
    ]);
    expect(shapes.get("fc1.weight")).toEqual([8, 4]);
    expect(shapes.get("fc1.weight.scale")).toEqual([]);
  });

  it("say where parameters are in a pack", () => {
    const { contract } = rewrite(model, { ...options, withoutDecay: ["*.bias"], freeze: ["bn*"], pack: true });
    expect(contract.packs).toEqual([
      {
        name: "parameters",
        dtype: "float32",
        members: [
          { name: "fc1.weight", offset: 0, shape: [8, 4] },
          { name: "fc2.weight", offset: 32, shape: [2, 8] },
        ],
      },
      {
        name: "parameters_1",
        dtype: "float32",
        members: [
          { name: "fc1.bias", offset: 0, shape: [8] },
          { name: "fc2.bias", offset: 8, shape: [2] },
        ],
      },
    ]);
    const update = contract.artifacts.update;
    const state = update && initialState(model, update, contract);
    const scaleOf = new Map(contract.parameters.map(({ name, scale }) => [name, Math.fround(scale)]));
    expect([...(state?.["parameters_1.scale"]?.data ?? [])]).toEqual([
      ...Array.from({ length: 8 }, () => scaleOf.get("fc1.bias")),
      ...Array.from({ length: 2 }, () => scaleOf.get("fc2.bias")),
    ]);
  });

  it("leave large parameters out of packs", () => {
    const large = newMlp({ sizes: [4, 16384, 1], seed: 1 });
    const { contract } = rewrite(large, { loss: { name: "mse" }, pack: true });
    expect(contract.packs?.map(({ members }) => members.map(({ name }) => name))).toEqual([
      ["fc1.bias", "fc2.weight", "fc2.bias"],
    ]);
    expect(contract.artifacts.gradient?.inputs.map(({ name }) => name)).toEqual([
      "x",
      "target",
      "fc1.weight",
      "parameters",
    ]);
  });

  it("have no packs where each gradient is clipped by itself", () => {
    const refused = () => rewrite(model, { loss: { name: "mse" }, pack: true, clip: { by: "norm", limit: 1 } });
    expect(refusal(refused)).toMatch(/^--pack: does not go with --clip-norm, .*--clip-global-norm/);
  });
});

describe("names that the optimizer would have used", () => {
  const drive = (input: string, target: string): Drive => ({
    steps: 12,
    examples: 3,
    batch: (step) => ({ [input]: [1, 2, -1, step, 0.5, -2], [target]: [1, -1, step / 4] }),
  });
  const harmless = modelWith({ parameters: ["a", "b", "c", "d"], input: "x", batch: "batch" });

  it.each([
    { parameters: ["alpha", "w.grad", "w", "steps"], input: "x", batch: "steps" },
    { parameters: ["w", "w.moment1", "w.updated", "w.moment1.updated"], input: "epsilon", batch: "2*steps" },
    { parameters: ["parameters", "parameters.grad", "parameters_1", "loss"], input: "seed", batch: "alpha" },
    { parameters: ["step/loss", "condition", "iteration", "step/w"], input: "target", batch: "steps_of_call" },
    { parameters: ["w", "w.scale", "w.average", "decay"], input: "w.grad", batch: "loss" },
  ])("stay those of the model: $parameters, $input [$batch]", async (names) => {
    const model = modelWith(names);
    const expected = await driveSteps(
      harmless,
      rewrite(harmless, options),
      ["gradient", "update"],
      drive("x", "target"),
    );
    for (const pack of [false, true]) {
      const artifacts = rewrite(model, { ...options, pack });
      expectComplete(artifacts);
      const target = artifacts.contract.artifacts.step?.inputs.find(({ role }) => role === "target")?.name ?? "";
      const how = drive(names.input, target);
      const ways = [
        await driveSteps(model, artifacts, ["gradient", "update"], how),
        await driveSteps(model, artifacts, ["step"], how),
        await driveLoop(model, artifacts, 5, how),
      ];
      for (const { state } of ways) {
        for (const [index, name] of names.parameters.entries()) {
          const gold = expected.state.get(`parameter ${["a", "b", "c", "d"][index] ?? ""}`) ?? [];
          const values = state.get(`parameter ${name}`) ?? [];
          expect(values.length).toBe(gold.length);
          for (const [element, value] of values.entries()) expect(value).toBeCloseTo(gold[element] ?? NaN, 6);
        }
      }
    }
  });
});
