import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";

const main = resolve("dist/cli/main.js");

/** What a command left behind. */
export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface Started {
  readonly child: ChildProcessWithoutNullStreams;
  /** When so many lines are on standard error, or it has ended. */
  readonly lines: (count: number) => Promise<void>;
  /** What it left behind. */
  readonly finished: Promise<Finished & { readonly signal: NodeJS.Signals | null }>;
}

/** The command line in a temporary folder. */
export interface CommandLine {
  /** Runs it as a user does. */
  readonly run: (...args: readonly string[]) => Finished;
  /** Starts it, for those who end it before its time. */
  readonly start: (...args: readonly string[]) => Started;
  /** The path of a file in the folder. */
  readonly path: (name: string) => string;
  /** Expects one line, no stack, exit code 2, nothing on standard output, no new files. */
  readonly expectRefusal: (args: readonly string[], message: RegExp) => void;
}

/** A folder for the tests of a file, that goes away with them. */
export function commandLine(): CommandLine {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "caadam-onnx-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  // Under CI, libraries would like to write colours into pipes.
  const env = { ...process.env, CI: "true" };
  const run = (...args: readonly string[]): Finished =>
    spawnSync(process.execPath, [main, ...args], { cwd: folder, env, encoding: "utf8" });
  return {
    run,
    start: (...args) => started(spawn(process.execPath, [main, ...args], { cwd: folder, env })),
    path: (name) => join(folder, name),
    expectRefusal: (args, message) => {
      const before = readdirSync(folder).toSorted();
      const { status, stdout, stderr } = run(...args);
      expect(stderr.trimEnd()).toMatch(message);
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
      expect(stderr).not.toMatch(/ {4}at /);
      expect(stdout).toBe("");
      expect(status).toBe(2);
      expect(readdirSync(folder).toSorted()).toEqual(before);
    },
  };
}

function started(child: ChildProcessWithoutNullStreams): Started {
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const finished = new Promise<Finished & { signal: NodeJS.Signals | null }>((done) => {
    child.on("close", (status, signal) => done({ status, signal, stdout, stderr }));
  });
  const hasLines = (count: number) => stderr.split("\n").length > count;
  const lines = async (count: number) => {
    const told = new Promise<void>((done) => {
      if (hasLines(count)) done();
      child.stderr.on("data", () => hasLines(count) && done());
    });
    await Promise.race([finished, told]);
  };
  return { child, lines, finished };
}
