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

  it("makes no copies of them", async () => {
    const g = graphBuilder("large");
    const size = 4 * 2 ** 20;
    g.output(g.node("Neg", [g.input("x", "float32", [size])], {}, { outputs: ["y"] }), "float32", [size]);
    const session = await InPlaceSession.open(modelOf(g.graph()));
    const [x, y] = [0, 1].map(() => new Tensor("float32", new Float32Array(size), [size]));
    if (x === undefined || y === undefined) throw new Error("two tensors");
    const { arrayBuffers } = process.memoryUsage();
    for (let run = 0; run < 3; run++) await session.run({ x }, { y });
    expect(process.memoryUsage().arrayBuffers - arrayBuffers).toBeLessThan(4 * size);
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
