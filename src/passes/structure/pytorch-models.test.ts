import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readModel } from "../../graph/read-model.js";
import { scalesOf } from "../scaling/scales.js";
import { structureOf } from "./structure.js";

// Real exports, and what fixtures/pytorch/truth.py found out about their parameters from the PyTorch modules: names by
// comparing values, fans from the modules, depth from the autograd graph.
const folder = "fixtures/pytorch";
const files = readdirSync(folder).filter((name) => name.endsWith(".onnx"));

interface Truth {
  readonly parameters: readonly {
    readonly initializer: string;
    readonly frameworkName: string | null;
    readonly frameworkNames?: readonly string[];
    readonly fanIn: number;
    readonly fanOut: number;
    readonly depth: number;
    readonly uses?: number;
  }[];
}

function rowsAndTruth(file: string) {
  const truth = JSON.parse(readFileSync(join(folder, `${file}.truth.json`), "utf8")) as Truth;
  const { parameters } = scalesOf(structureOf(readModel(join(folder, file))));
  return { rows: new Map(parameters.map((row) => [row.name, row])), truth: truth.parameters };
}

/** Llama's first RMSNorm has the embedding's output as its input, so it is of that layer; autograd sees only its parts. */
const ofTheEmbedding = "model.layers.0.input_layernorm.weight";

describe("models exported by PyTorch", () => {
  it("are all there", () => {
    expect(files.length).toBeGreaterThanOrEqual(40);
  });

  it.each(files)("%s: every parameter, with its fans, depth and uses", (file) => {
    const { rows, truth } = rowsAndTruth(file);
    const expected = truth.map(({ initializer, fanIn, fanOut, depth, uses }) => ({
      name: initializer,
      fanIn,
      fanOut,
      depth: initializer === ofTheEmbedding ? 0 : depth,
      ...(uses === undefined ? {} : { uses }),
    }));
    const found = expected.map(({ name, uses }) => {
      const row = rows.get(name);
      const facts = { name, fanIn: row?.fanIn, fanOut: row?.fanOut, depth: row?.depth };
      return uses === undefined ? facts : { ...facts, uses: row?.uses };
    });
    expect(found).toEqual(expected);
    expect([...rows.keys()].toSorted()).toEqual(expected.map(({ name }) => name).toSorted());
  });

  it.each(files)("%s: framework names are right or unknown, never wrong", (file) => {
    const { rows, truth } = rowsAndTruth(file);
    for (const { initializer, frameworkName, frameworkNames } of truth) {
      const row = rows.get(initializer);
      expect([frameworkName, null]).toContain(row?.frameworkName);
      if (row?.frameworkNames !== undefined) expect(row.frameworkNames).toEqual(frameworkNames);
      if (row?.frameworkNameCandidates !== undefined) expect(row.frameworkNameCandidates).toContain(frameworkName);
    }
  });

  it.each(files)("%s: none is missed that is there, tied or folded into another", (file) => {
    expect(structureOf(readModel(join(folder, file))).absent).toEqual([]);
  });

  it("have at least 98% of their names recovered", () => {
    const names = files.flatMap((file) => {
      const { rows, truth } = rowsAndTruth(file);
      return truth.map(({ initializer, frameworkName }) => ({
        frameworkName,
        found: rows.get(initializer)?.frameworkName,
      }));
    });
    const right = names.filter(({ frameworkName, found }) => found === frameworkName);
    const known = names.filter(({ frameworkName }) => frameworkName !== null);
    const knownRight = known.filter(({ frameworkName, found }) => found === frameworkName);
    expect(right.length / names.length).toBeGreaterThan(0.98);
    expect(knownRight.length / known.length).toBeGreaterThan(0.98);
  });
});
