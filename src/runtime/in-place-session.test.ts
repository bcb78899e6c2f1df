import { spawnSync } from "node:child_process";
import { Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { float32Tensor, graphBuilder, modelOf } from "../graph/builder.js";
import type { Model } from "../graph/model.js";
import { InPlaceSession } from "./in-place-session.js";
import { refusalOf } from "./testing/small-trainings.js";

const tensor = (...numbers: number[]) => new Tensor("float32", Float32Array.from(numbers), [numbers.length]);

/** y = −x and z = x + 1, with a value of a name that the session would like to have. */
function model(): Model {
  const g = graphBuilder("two outputs");
  const x = g.input("x", "float32", [2]);
  const one = g.initializer(float32Tensor("sequence", [], [1]));
  g.output(g.node("Neg", [x], {}, { outputs: ["y"] }), "float32", [2]);
  g.output(g.node("Add", [x, one], {}, { outputs: ["z"] }), "float32", [2]);
  return modelOf(g.graph());
}

describe("a session with results in memory that is given", () => {
  it("writes all of them, in every run", async () => {
    const session = await InPlaceSession.open(model());
    const [x, y, z] = [tensor(1, 2), tensor(0, 0), tensor(0, 0)];
    await session.run({ x }, { y, z });
    expect([y.data, z.data]).toEqual([Float32Array.of(-1, -2), Float32Array.of(2, 3)]);
    await session.run({ x: tensor(2, 3) }, { y, z });
    expect([y.data, z.data]).toEqual([Float32Array.of(-2, -3), Float32Array.of(3, 4)]);
    await session.close();
  });

  it("makes no copies of them", () => {
    // In a process of its own, whose memory nobody else frees.
    const script = `
      import { Tensor } from "onnxruntime-node";
      import { graphBuilder, modelOf } from "./dist/src/index.js";
      import { InPlaceSession } from "./dist/src/runtime/in-place-session.js";
      const size = 4 * 2 ** 20;
      const g = graphBuilder("large");
      g.output(g.node("Neg", [g.input("x", "float32", [size])], {}, { outputs: ["y"] }), "float32", [size]);
      const session = await InPlaceSession.open(modelOf(g.graph()));
      const [x, y] = [1, 0].map((number) => new Tensor("float32", new Float32Array(size).fill(number), [size]));
      const before = process.memoryUsage().arrayBuffers;
      await session.run({ x }, { y });
      console.log(y.data.every((number) => number === -1), process.memoryUsage().arrayBuffers - before < 4 * size);
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect({ stdout, stderr }).toEqual({ stdout: "true true\n", stderr: "" });
  });

  it("finds a name for what ends runs, whatever is called so", async () => {
    const g = graphBuilder("branches");
    const [x, condition] = [g.input("x", "float32", [2]), g.input("condition", "bool", [])];
    const branch = (opType: string) => {
      const inner = graphBuilder(opType);
      inner.output(inner.node(opType, [x], {}, { outputs: ["sequence"] }), "float32", [2]);
      return inner.graph();
    };
    const branches = { then_branch: branch("Neg"), else_branch: branch("Abs") };
    g.output(g.node("If", [condition], branches, { outputs: ["y"] }), "float32", [2]);
    const session = await InPlaceSession.open(modelOf(g.graph()));
    const y = tensor(0, 0);
    await session.run({ x: tensor(1, 2), condition: new Tensor("bool", Uint8Array.of(1), []) }, { y });
    expect(y.data).toEqual(Float32Array.of(-1, -2));
    await session.close();
  });

  it("says what could not be computed", async () => {
    const session = await InPlaceSession.open(model());
    const [y, z] = [tensor(0, 0), tensor(0, 0)];
    expect(await refusalOf(session.run({ x: tensor(1, 2, 3) }, { y, z }))).toMatch(
      /^ONNX Runtime: could not compute a step: .*[Ii]nvalid/,
    );
    expect(await refusalOf(session.run({}, { y, z }))).toMatch(/input 'x' is missing/);
    await session.close();
  });
});
