import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type OptimizerOptions, optimizerSettings } from "../../passes/optimizer/index.js";
import type { GradientClip } from "../../passes/optimizer/optimizer.js";
import type { ContractTensor } from "../../passes/training/contract.js";
import { stepNumbers } from "../../passes/optimizer/step-numbers.js";
import { type UpdatedParameter, updateArtifact } from "../../passes/training/update-artifact.js";
import { graphBuilder, modelOf } from "../../graph/builder.js";
import { InPlaceSession } from "../in-place-session.js";
import { runtimeTensor } from "../session.js";
import { FusedUpdate } from "./fused-update.js";
import { firstDifference, type ValueOf } from "./testing/both-updates.js";

const rules: readonly OptimizerOptions[] = [
  { optimizer: "caadam" },
  { optimizer: "adam", epsilonPlacement: "torch", beta1: 0.8, beta2: 0.99 },
  { optimizer: "adam", beta1: 0, beta2: 0 },
  { optimizer: "adam", epsilon: 0 },
  { optimizer: "adamw" },
  { optimizer: "caadam", amsgrad: true },
  { optimizer: "sgd" },
  { optimizer: "sgd", momentum: 0.9 },
  { optimizer: "sgd", momentum: 0.9, nesterov: true },
];
const clips: readonly (GradientClip | undefined)[] = [
  undefined,
  { by: "value", limit: 0.5 },
  { by: "norm", limit: 1 },
  { by: "norm", limit: 0.5 },
  { by: "global-norm", limit: 1 },
  { by: "global-norm", limit: 0.3 },
];

const others: readonly OptimizerOptions[] = [{}, { weightDecay: 0.1, averageMomentum: 0.99 }, { averageMomentum: 0 }];

const combinations = rules.flatMap((rule) =>
  clips.map((clip) => others.map((other) => optimizerSettings({ ...rule, ...(clip && { clip }), ...other }))),
);

const small: readonly UpdatedParameter[] = [
  { name: "kernel", dataType: "float32", shape: [9, 7], scaleShape: [], decays: true },
  { name: "bias", dataType: "float32", shape: [7], scaleShape: [], decays: false },
  { name: "packed", dataType: "float32", shape: [101], scaleShape: [101], decays: true },
  { name: "plain", dataType: "float32", shape: [2, 3, 5], scaleShape: undefined, decays: true },
  { name: "number", dataType: "float32", shape: [], scaleShape: [], decays: true },
];
const double: readonly UpdatedParameter[] = small.map((one) => ({ ...one, dataType: "float64" }));
const mixed: readonly UpdatedParameter[] = [...small, ...double.map((one) => ({ ...one, name: `${one.name}64` }))];

/** Numbers that look like those of a training. */
const ordinary: ValueOf = ({ name, role }, element, step) => {
  const noise = Math.sin(element * 12.9898 + step * 3.7 + name.length * 78.233);
  if (role === "scale") return 1 + noise / 2;
  return isSquare(role) ? noise * noise : noise;
};

const odd = [0, -0, 1, -1, 1e-45, -1e-45, 1e-40, 1e-39, 3e38, -3e38, 1e-20, 1e-23, Infinity, -Infinity, NaN, 0.1];

/** Numbers at the ends of what there is. */
const extreme: ValueOf = ({ name, role, dtype }, element, step) => {
  const value = odd[(element * 7 + step * 3 + name.length + role.length) % odd.length] ?? 0;
  const scaled = dtype === "float64" && Math.abs(value) < 1e-30 ? value * 1e-280 : value;
  return isSquare(role) || role === "scale" ? Math.abs(scaled) : scaled;
};

function isSquare(role: ContractTensor["role"]): boolean {
  return role === "moment2" || role === "moment2max";
}

describe("one pass gives the bits of ONNX Runtime", () => {
  test.each(combinations.map((settings) => ({ settings, label: JSON.stringify(settings[0]) })))(
    "$label",
    async ({ settings }) => {
      for (const one of settings) {
        expect(await firstDifference(mixed, one, ordinary, 3), JSON.stringify(one)).toBeUndefined();
        expect(await firstDifference(mixed, one, extreme, 3), JSON.stringify(one)).toBeUndefined();
      }
    },
  );

  test("where all parameters are of one type", async () => {
    const settings = optimizerSettings({ optimizer: "adamw" });
    for (const parameters of [small, double]) {
      expect(await firstDifference(parameters, settings, ordinary, 3)).toBeUndefined();
    }
  });

  test.each(rules.map((options) => ({ options, label: JSON.stringify(options) })))(
    "for every length: $label",
    async ({ options }) => {
      const parameters = Array.from({ length: 67 }, (_, index): UpdatedParameter => {
        const length = index + 1;
        const dataType = length % 3 === 0 ? "float64" : "float32";
        return {
          name: `of${length}`,
          dataType,
          shape: [length],
          scaleShape: length % 2 === 0 ? [] : [length],
          decays: true,
        };
      });
      expect(await firstDifference(parameters, optimizerSettings(options), ordinary, 3)).toBeUndefined();
    },
  );

  test("where arrays are longer than a call, with several threads, in one memory and in several", async () => {
    const parameters: readonly UpdatedParameter[] = [
      { name: "large", dataType: "float32", shape: [70_001], scaleShape: [], decays: true },
      { name: "double", dataType: "float64", shape: [300, 200], scaleShape: undefined, decays: true },
      ...small,
    ];
    const settings = optimizerSettings({ amsgrad: true, weightDecay: 0.1, clip: { by: "global-norm", limit: 2 } });
    expect(await firstDifference(parameters, settings, ordinary, 3, { threads: 2 })).toBeUndefined();
    expect(await firstDifference(parameters, settings, ordinary, 3, { mostPages: 40 })).toBeUndefined();
  });

  test("of any numbers", async () => {
    const numbers = fc.array(fc.float(), { minLength: 1, maxLength: 67 });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...combinations.flat()),
        fc.array(
          fc.record({
            numbers,
            isDouble: fc.boolean(),
            scale: fc.constantFrom("none", "one", "each"),
            decays: fc.boolean(),
          }),
          {
            minLength: 1,
            maxLength: 3,
          },
        ),
        async (settings, slots) => {
          const parameters = slots.map(({ numbers: { length }, isDouble, scale, decays }, index): UpdatedParameter => ({
            name: `slot${index}`,
            dataType: isDouble ? "float64" : "float32",
            shape: [length],
            scaleShape: scale === "none" ? undefined : scale === "one" ? [] : [length],
            decays,
          }));
          const valueOf: ValueOf = ({ of = "", role }, element, step) => {
            const own = slots[Number(of.slice("slot".length))]?.numbers ?? [];
            const value = own[(element * (step + 1) + role.length) % own.length] ?? 0;
            return isSquare(role) || role === "scale" ? Math.abs(value) : value;
          };
          expect(await firstDifference(parameters, settings, valueOf, 2)).toBeUndefined();
        },
      ),
      { numRuns: 100, seed: 7 },
    );
  });
});

describe("what cannot be one pass is left to a session", () => {
  const artifact = updateArtifact(small, optimizerSettings({}));

  test("a graph of other operators", () => {
    const [output] = artifact.contract.outputs;
    const nodes = artifact.graph.nodes.map((node) => (node.opType === "Sqrt" ? { ...node, opType: "Exp" } : node));
    expect(output?.role).toBe("parameter");
    expect(FusedUpdate.compile({ ...artifact, graph: { ...artifact.graph, nodes } })).toBeUndefined();
  });

  test("a slot that is larger than a memory", () => {
    expect(FusedUpdate.compile(artifact, 0)).toBeUndefined();
    const large = {
      name: "large",
      dataType: "float32",
      shape: [2 ** 28 + 1],
      scaleShape: undefined,
      decays: true,
    } as const;
    expect(FusedUpdate.compile(updateArtifact([large], optimizerSettings({})))).toBeUndefined();
  });
});

test.each([
  { dataType: "float32", least: 2 ** -126, steps: 150 },
  { dataType: "float64", least: 2 ** -1022, steps: 1100 },
] as const)("moments of gradients that have become 0 end as 0: $dataType", ({ dataType, least, steps }) => {
  const settings = optimizerSettings({ optimizer: "adam", beta1: 0.3, beta2: 0.5 });
  const parameter = { name: "w", dataType, shape: [3], scaleShape: undefined, decays: true };
  const fused = FusedUpdate.compile(updateArtifact([parameter], settings));
  const valuesOf = (role: "gradient" | "moment1" | "moment2") => fused?.array({ role, of: "w" })?.data;
  const [gradient, first, second] = [valuesOf("gradient"), valuesOf("moment1"), valuesOf("moment2")];
  gradient?.set([1, 0.5, -1]);
  for (let step = 1; step <= steps; step++) {
    fused?.run(stepNumbers(settings, 0.01, step));
    gradient?.set([0, 0, -1]);
    expect([...(first ?? [])].filter((value) => value !== 0 && Math.abs(value) < least)).toEqual([]);
  }
  expect([...(first ?? []).slice(0, 2), ...(second ?? []).slice(0, 2)]).toEqual([0, 0, 0, 0]);
  expect(first?.[2]).toBeCloseTo(-1, 5);
  expect(second?.[2]).toBeCloseTo(1, 5);
});

test("sessions read the state where it is, and write there", async () => {
  const fused = FusedUpdate.compile(updateArtifact(small, optimizerSettings({})));
  const [parameter, gradient] = (["parameter", "gradient"] as const).map((role) =>
    fused?.array({ role, of: "kernel" }),
  );
  if (parameter === undefined || gradient === undefined) throw new Error("a parameter and its gradient have memory");
  parameter.data.set(Float32Array.from({ length: 63 }, (_, index) => index));
  const g = graphBuilder("negation");
  g.input("x", "float32", [9, 7]);
  g.output(g.node("Neg", ["x"], {}, { outputs: ["y"] }), "float32", [9, 7]);
  const session = await InPlaceSession.open(modelOf(g.graph()));
  await session.run({ x: runtimeTensor(parameter) }, { y: runtimeTensor(gradient) });
  await session.close();
  expect([...gradient.data]).toEqual(Array.from({ length: 63 }, (_, index) => -index));
  expect([...(fused?.array({ role: "gradient", of: "bias" })?.data ?? [])]).toEqual([0, 0, 0, 0, 0, 0, 0]);
});
