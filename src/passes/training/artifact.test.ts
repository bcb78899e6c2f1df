import { expect, test } from "vitest";
import { Emitter } from "../../graph/emitter.js";
import { unknownFacts } from "../../graph/shapes/facts.js";
import { artifactOf } from "./artifact.js";

test("the contract has no shape for what has an unknown one, and says what is no tensor", () => {
  const emitter = new Emitter();
  const element = { kind: "tensor", dataType: "float32" } as const;
  const facts = {
    scalar: { dataType: "float32", shape: [] },
    unknown: { dataType: "int64", shape: undefined },
    list: { ...unknownFacts, container: { kind: "sequence", element } },
    maybe: { ...unknownFacts, container: { kind: "optional", element: { kind: "sequence", element } } },
    table: { ...unknownFacts, container: { kind: "map", key: "string", value: element } },
  } as const;
  const ports = Object.entries(facts).map(
    ([name, each]) => ({ name, role: "feature", value: emitter.input(name, each) }) as const,
  );
  const { inputs } = artifactOf("eval", emitter, ports, []).contract;
  expect(inputs.map(({ dtype, shape }) => [dtype, shape])).toEqual([
    ["float32", []],
    ["int64", null],
    ["sequence(float32)", null],
    ["optional(sequence(float32))", null],
    ["map(string, float32)", null],
  ]);
});
