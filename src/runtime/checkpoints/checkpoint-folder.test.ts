import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../../graph/testing/files.js";
import { refusal } from "../../graph/testing/input-error.js";
import { checkpointFolder } from "./checkpoint-folder.js";
import { type CheckpointContent, readSafetensors } from "./safetensors.js";

let path: string;
beforeEach(() => {
  path = join(temporaryFolder(), "run", "checkpoints");
});

const content = (step: number): CheckpointContent => ({
  tensors: new Map([["w", { type: "float32", data: Float32Array.of(step, step), dims: [2] }]]),
  metadata: { step: String(step) },
});
const names = () => readdirSync(path).toSorted();
const step = (number: number) => join(path, `step-${String(number).padStart(8, "0")}.safetensors`);

describe("checkpoints are kept", () => {
  it("the last three and the best", () => {
    const folder = checkpointFolder(path);
    expect([folder.steps(), folder.newest(), folder.best()]).toEqual([
      [],
      { checkpoint: undefined, warnings: [] },
      undefined,
    ]);
    for (const [number, isBest] of [
      [1, true],
      [20, true],
      [300, false],
      [4000, false],
      [123456789, false],
    ] as const) {
      expect(folder.save(number, content(number), isBest)).toBe(step(number));
    }
    expect(names()).toEqual([
      "best.safetensors",
      "step-00000300.safetensors",
      "step-00004000.safetensors",
      "step-123456789.safetensors",
    ]);
    expect(folder.steps()).toEqual([300, 4000, 123456789]);
    const { checkpoint, warnings } = folder.newest();
    expect([checkpoint?.step, checkpoint?.path, warnings]).toEqual([123456789, step(123456789), []]);
    expect(checkpoint && readSafetensors(checkpoint.file)).toEqual(content(123456789));
    const best = folder.best();
    expect(best && readSafetensors(best)).toEqual(content(20));
  });

  it("as many as are wanted, and whatever else is in the folder", () => {
    mkdirSync(path, { recursive: true });
    const others = ["step-1.safetensors", "step-000000001.safetensors", "step-00000001.safetensors.txt", "notes"];
    for (const name of others) writeFileSync(join(path, name), "");
    const folder = checkpointFolder(path, { keep: 1 });
    for (const number of [5, 6, 7]) folder.save(number, content(number));
    expect(names()).toEqual(["step-00000007.safetensors", ...others].toSorted());
    expect(refusal(() => checkpointFolder(path, { keep: 0 }))).toMatch(/cannot keep 0 checkpoints; keep one at least/);
  });

  it("by who goes back to an earlier one: later ones stay until their steps come again", () => {
    const folder = checkpointFolder(path, { keep: 2 });
    for (const number of [10, 20, 30]) folder.save(number, content(number), true);
    folder.save(21, content(-21), true);
    expect(folder.steps()).toEqual([20, 21, 30]);
    folder.save(30, content(-30));
    expect(folder.steps()).toEqual([21, 30]);
    expect(folder.newest().checkpoint?.file.metadata).toEqual({ step: "-30" });
    // The best had shared its bytes with a step that was written anew.
    expect(folder.best()?.metadata).toEqual({ step: "-21" });
  });
});

describe("the newest checkpoint", () => {
  it("is the newest that is whole", () => {
    const folder = checkpointFolder(path);
    for (const number of [1, 2, 3]) folder.save(number, content(number), number === 3);
    truncateSync(step(3), 100);
    writeFileSync(step(2), "");
    const { checkpoint, warnings } = checkpointFolder(path).newest();
    expect([checkpoint?.step, checkpoint?.file.read("w").data]).toEqual([1, Float32Array.of(1, 1)]);
    expect(warnings).toEqual([
      expect.stringMatching(/step-00000003\.safetensors: is cut off: .*; this checkpoint is skipped$/),
      expect.stringMatching(/step-00000002\.safetensors: is cut off: .*; this checkpoint is skipped$/),
    ]);
    writeFileSync(step(1), "x".repeat(99));
    expect(folder.newest()).toMatchObject({ checkpoint: undefined, warnings: { length: 3 } });
    // One file on disk.
    expect(refusal(() => folder.best())).toMatch(/best\.safetensors: is cut off/);
  });
});

describe("what killed writers left", () => {
  const hex = "0123456789ab";
  /** A process that has ended. */
  const gone = spawnSync(process.execPath, ["--version"]).pid;

  it("goes when the folder is opened, and nothing else", () => {
    mkdirSync(path, { recursive: true });
    const left = [
      `.step-00000001.safetensors.${gone}.${hex}.tmp`,
      `.best.safetensors.${gone}.${hex}.tmp`,
      `.best.safetensors.${process.pid}.${hex}.tmp`,
      // Of a process that runs, but a day old.
      `.best.safetensors.${process.ppid}.${hex}.tmp`,
    ];
    const kept = [
      `.step-00000002.safetensors.${process.ppid}.${hex}.tmp`,
      `.model.onnx.${gone}.${hex}.tmp`,
      `.best.safetensors.${gone}.tmp`,
      `best.safetensors.${gone}.${hex}.tmp`,
      ".tmp",
    ];
    for (const name of [...left, ...kept]) writeFileSync(join(path, name), "half");
    const old = Date.now() / 1000 - 25 * 3600;
    utimesSync(join(path, left.at(-1) ?? ""), old, old);
    checkpointFolder(path);
    expect(names()).toEqual(kept.toSorted());
  });
});

describe("a checkpoint that cannot be written", () => {
  it.skipIf(!existsSync("/dev/full"))("for a full disk leaves the last one whole", () => {
    const folder = checkpointFolder(path, { keep: 1 });
    folder.save(1, content(1), true);
    const before = readFileSync(step(1));
    symlinkSync("/dev/full", step(2));
    expect(refusal(() => folder.save(2, content(2)))).toMatch(
      /step-00000002\.safetensors: cannot be written: the disk is full$/,
    );
    expect(readFileSync(step(1)).equals(before)).toBe(true);
    expect(names()).toEqual(["best.safetensors", "step-00000001.safetensors", "step-00000002.safetensors"]);
  });

  it("for tensors that a file cannot hold leaves nothing of it", () => {
    const folder = checkpointFolder(path);
    const tensors = new Map([["names", { type: "string", data: ["a"], dims: [1] } as const]]);
    for (const isBest of [false, true]) {
      expect(refusal(() => folder.save(2, { tensors, metadata: {} }, isBest))).toMatch(
        /^tensor "names": holds strings/,
      );
    }
    expect(names()).toEqual([]);
  });

  it("for what is no folder is refused before training", () => {
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, "");
    expect(refusal(() => checkpointFolder(path))).toMatch(/cannot hold checkpoints: it is a file, not a folder$/);
    expect(refusal(() => checkpointFolder(join(path, "in")))).toMatch(/a part of the path is not a folder$/);
  });

  // To the superuser every folder is writable.
  it.skipIf(process.platform === "win32" || process.getuid?.() === 0)("for a folder that may not be written to", () => {
    checkpointFolder(path).save(1, content(1));
    chmodSync(path, 0o500);
    const said = refusal(() => checkpointFolder(path));
    chmodSync(path, 0o700);
    expect(said).toBe(`${path}: cannot hold checkpoints: permission denied`);
  });
});
