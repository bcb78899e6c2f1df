import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type ByteSource, memoryBytes } from "./bytes.js";
import { readModel } from "./read-model.js";
import { temporaryFolder } from "./testing/files.js";
import { modelBytes, only } from "./testing/models.js";
import { bytes, concat, int, tag, varint, varints } from "./testing/protobuf.js";

const MIB = 1 << 20;
const root = fileURLToPath(new URL("../../", import.meta.url));

/** A source that is zeros between head and tail, and that keeps a record of what was read. */
function withHole(head: Uint8Array, hole: number, tail: Uint8Array): { source: ByteSource; reads: [number, number][] } {
  const reads: [number, number][] = [];
  const size = head.length + hole + tail.length;
  const source: ByteSource = {
    label: "sparse",
    size,
    read(offset, length) {
      reads.push([offset, length]);
      const content = new Uint8Array(length);
      const copy = (part: Uint8Array, at: number) => {
        const from = Math.max(offset, at);
        const to = Math.min(offset + length, at + part.length);
        if (from < to) content.set(part.subarray(from - at, to - at), from - offset);
      };
      copy(head, 0);
      copy(tail, head.length + hole);
      return content;
    },
  };
  return { source, reads };
}

/** The parts of a model with a float32 weight of so many bytes: all before the payload, and all after it. */
function aroundPayload(length: number): [head: Uint8Array, tail: Uint8Array] {
  const tensor = concat(bytes(1, varints(length / 4)), int(2, 1), bytes(8, "w"));
  const rawHeader = concat(tag(9, 2), varint(length));
  const initializerLength = tensor.length + rawHeader.length + length;
  const initializer = concat(tag(5, 2), varint(initializerLength), tensor, rawHeader);
  const node = bytes(1, bytes(1, "w"), bytes(2, "y"), bytes(4, "Relu"));
  const graphLength = initializer.length + length + node.length;
  return [concat(int(1, 8), bytes(8, int(2, 17)), tag(7, 2), varint(graphLength), initializer), node];
}

describe("payloads are not read", () => {
  it("but for what comes into the window with the bytes before them", () => {
    const [head, tail] = aroundPayload(1024 * MIB);
    const { source, reads } = withHole(head, 1024 * MIB, tail);
    const model = readModel(source);
    expect(only(model.graph.nodes).opType).toBe("Relu");
    expect(only(model.graph.initializers).payload).toMatchObject({
      kind: "raw",
      range: { offset: head.length, length: 1024 * MIB },
    });
    const forbidden = [head.length + 64 * 1024, head.length + 1024 * MIB] as const;
    expect(reads.filter(([offset, length]) => offset + length > forbidden[0] && offset < forbidden[1])).toEqual([]);
    expect(reads.reduce((sum, [, length]) => sum + length, 0)).toBeLessThan(200_000);
  });

  it("also of typed fields", () => {
    const content = modelBytes(bytes(5, int(1, MIB), int(2, 1), bytes(4, new Uint8Array(4 * MIB)), bytes(8, "w")));
    const memory = memoryBytes(content);
    let read = 0;
    readModel({ ...memory, read: (offset, length) => ((read += length), memory.read(offset, length)) });
    expect(read).toBeLessThan(200_000);
  });

  it("and small ones are kept, so that shapes and axes cost no more reads", () => {
    const memory = memoryBytes(modelBytes(bytes(5, int(1, 2), int(2, 7), bytes(9, new Uint8Array(16)))));
    const { payload } = only(readModel(memory).graph.initializers);
    expect(payload).toMatchObject({ kind: "raw", range: { offset: 0, length: 16 } });
  });
});

describe("a model of gigabytes is read in little memory", () => {
  it("embedded just below 2 GiB, external beyond it", () => {
    const work = temporaryFolder();
    compile(work);
    const embedded = join(work, "embedded.onnx");
    const payload = 2 ** 31 - 200;
    const [head, tail] = aroundPayload(payload);
    sparse(embedded, head, payload, tail);

    const external = join(work, "external.onnx");
    const location = bytes(13, bytes(1, "location"), bytes(2, "weights.bin"));
    writeFileSync(external, modelBytes(bytes(5, int(1, 2 ** 31), int(2, 1), bytes(8, "w"), location, int(14, 1))));
    sparse(join(work, "weights.bin"), new Uint8Array(), 2 ** 33, new Uint8Array());

    for (const path of [embedded, external]) {
      const script = `import { readModel } from "./out/src/graph/read-model.js";
        const { shape, payload } = readModel(${JSON.stringify(path)}).graph.initializers[0];
        console.log(JSON.stringify({ elements: shape[0], length: payload.range.length, rss: process.resourceUsage().maxRSS }));`;
      writeFileSync(join(work, "read.mjs"), script);
      // On Linux the peak of a process starts from the memory of the one that starts it, here of many tests: so another does.
      const start = `require("node:child_process").spawnSync(process.execPath, ["read.mjs"], { stdio: "inherit" })`;
      const { stdout, stderr } = spawnSync(process.execPath, ["-e", start], { cwd: work, encoding: "utf8" });
      expect(stderr).toBe("");
      const { elements, length, rss } = JSON.parse(stdout) as { elements: number; length: number; rss: number };
      expect(length).toBe(4 * elements);
      expect(length).toBeGreaterThan(2e9);
      // In KiB; Node.js alone takes about 45 MB.
      expect(rss).toBeLessThan(150 * 1024);
    }
  });
});

/** Compiles the reader into a folder: a process of its own, whose memory is measured, cannot run TypeScript. */
function compile(work: string): void {
  symlinkSync(join(root, "node_modules"), join(work, "node_modules"), "junction");
  mkdirSync(join(work, "out"));
  writeFileSync(join(work, "package.json"), '{ "type": "module" }');
  const compilerOptions = { noEmit: false, outDir: join(work, "out"), rootDir: root };
  const files = [join(root, "src/graph/read-model.ts")];
  writeFileSync(
    join(work, "tsconfig.json"),
    JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: [], files }),
  );
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", work], { encoding: "utf8" });
  expect([status, stdout]).toEqual([0, ""]);
}

function sparse(path: string, head: Uint8Array, hole: number, tail: Uint8Array): void {
  const descriptor = openSync(path, "w");
  writeSync(descriptor, head);
  ftruncateSync(descriptor, head.length + hole);
  writeSync(descriptor, tail, 0, tail.length, head.length + hole);
  closeSync(descriptor);
}
