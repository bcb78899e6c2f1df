import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dataflowOf } from "./dataflow.js";
import { InputError } from "./errors.js";
import type { Graph } from "./model.js";
import { readModel } from "./read-model.js";
import { rawBytes } from "./tensor.js";
import { temporaryFolder } from "./testing/files.js";
import { inputError, refusal } from "./testing/input-error.js";
import { fixture } from "./testing/models.js";

const small = [
  "pytorch/tied_mlp.torchscript.onnx",
  "pytorch/mlp.functions.onnx",
  "keras/gru_loop.onnx",
  "keras/cnn_batchnorm.onnx",
];
const files = small.map((name) => [basename(name), new Uint8Array(readFileSync(fixture(name)))] as const);

/** Reads a file to the last byte of its small tensors, as any command might. */
function readAll(content: Uint8Array): void {
  const model = readModel(content);
  const values = (graph: Graph) => graph.initializers.filter(({ dataType }) => dataType !== "string").map(rawBytes);
  values(model.graph);
  dataflowOf(model);
}

/** Reads a damaged file: it works, or it fails as a damaged file should. */
function survives(content: Uint8Array): "read" | "refused" {
  try {
    readAll(content);
    return "read";
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    inputError(() => readAll(content));
    return "refused";
  }
}

describe.each(files)("%s", (_, content) => {
  it("reads when nothing is wrong with it", () => {
    expect(survives(content)).toBe("read");
  });

  it("is refused, or complete, wherever it is cut off", () => {
    const step = Math.max(Math.floor(content.length / 400), 1);
    let refused = 0;
    let cuts = 0;
    for (let end = 0; end < content.length; end += step) {
      cuts++;
      if (survives(content.subarray(0, end)) === "refused") refused++;
    }
    for (let end = content.length - 60; end < content.length; end++) survives(content.subarray(0, end));
    // What follows the graph, such as metadata, may be missing without a trace.
    expect(refused).toBeGreaterThan(cuts * 0.5);
  });

  it("with flipped bytes is read or refused", () => {
    const flip = fc.tuple(fc.nat(content.length - 1), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(fc.array(flip, { minLength: 1, maxLength: 8 }), (flips) => {
        const damaged = content.slice();
        for (const [at, mask] of flips) damaged[at] = (damaged[at] ?? 0) ^ mask;
        expect(survives(damaged)).toMatch(/^(read|refused)$/);
      }),
      { numRuns: 300 },
    );
  });

  it("with bytes inserted, left out or overwritten is read or refused", () => {
    const splice = fc.record({
      at: fc.nat(content.length),
      removed: fc.oneof(fc.nat(8), fc.nat(content.length)),
      added: fc.oneof(
        fc.uint8Array({ maxLength: 16 }),
        fc.constantFrom(content.subarray(0, 200), new Uint8Array(3000)),
      ),
    });
    fc.assert(
      fc.property(fc.array(splice, { minLength: 1, maxLength: 3 }), (splices) => {
        let damaged = Buffer.from(content);
        for (const { at, removed, added } of splices) {
          damaged = Buffer.concat([damaged.subarray(0, at), added, damaged.subarray(at + removed)]);
        }
        expect(survives(damaged)).toMatch(/^(read|refused)$/);
      }),
      { numRuns: 200 },
    );
  });
});

it("random bytes are refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (content) => {
      expect(survives(content)).toBe("refused");
    }),
    { numRuns: 1000 },
  );
});

describe("what is not a file", () => {
  it("a missing file, a folder, an empty file", () => {
    const folder = temporaryFolder();
    expect(refusal(() => readModel(join(folder, "no.onnx")))).toMatch(
      /no\.onnx: cannot be read: no such file or folder$/,
    );
    expect(refusal(() => readModel(folder))).toMatch(/is a folder, not a file; name the \.onnx file in it$/);
    writeFileSync(join(folder, "empty.onnx"), "");
    expect(refusal(() => readModel(join(folder, "empty.onnx")))).toMatch(
      /empty\.onnx: is empty; an ONNX model was expected$/,
    );
    expect(refusal(() => readModel(join(folder, "empty.onnx", "m.onnx")))).toMatch(
      /a part of the path is not a folder$/,
    );
  });

  it.skipIf(process.platform === "win32")("a pipe that no one writes to, a device", () => {
    const pipe = join(temporaryFolder(), "pipe.onnx");
    expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
    expect(refusal(() => readModel(pipe))).toBe(`${pipe}: is not a regular file`);
    expect(refusal(() => readModel("/dev/zero"))).toBe("/dev/zero: is not a regular file");
  });
});
