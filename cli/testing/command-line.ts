import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { Console } from "node:console";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Writable } from "node:stream";
import { afterAll, beforeAll, expect, vi } from "vitest";
import { run } from "../run.js";

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
  /** Runs it in this process, which takes a small part of the time: what a command does. */
  readonly run: (...args: readonly string[]) => Promise<Finished>;
  /** Runs what is built, in a process of its own, as a user does: also what native code says, and how it ends. */
  readonly runProcess: (...args: readonly string[]) => Finished;
  /** Starts what is built, for those who end it before its time. */
  readonly start: (...args: readonly string[]) => Started;
  /** The path of a file in the folder. */
  readonly path: (name: string) => string;
  /** Expects one line, no stack, exit code 2, nothing on standard output, no new files. */
  readonly expectRefusal: (args: readonly string[], message: RegExp) => Promise<void>;
  /** The same of a process of its own. */
  readonly expectProcessRefusal: (args: readonly string[], message: RegExp) => Promise<void>;
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
  const runProcess = (...args: readonly string[]): Finished =>
    spawnSync(process.execPath, [main, ...args], { cwd: folder, env, encoding: "utf8" });
  const runHere = (...args: readonly string[]) => ranHere(folder, args);
  const refusalBy =
    (runs: (...args: readonly string[]) => Finished | Promise<Finished>) =>
    async (args: readonly string[], message: RegExp) => {
      const before = readdirSync(folder).toSorted();
      const { status, stdout, stderr } = await runs(...args);
      expect(stderr.trimEnd()).toMatch(message);
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
      expect(stderr).not.toMatch(/ {4}at /);
      expect(stdout).toBe("");
      expect(status).toBe(2);
      expect(readdirSync(folder).toSorted()).toEqual(before);
    };
  return {
    run: runHere,
    runProcess,
    start: (...args) => started(spawn(process.execPath, [main, ...args], { cwd: folder, env })),
    path: (name) => join(folder, name),
    expectRefusal: refusalBy(runHere),
    expectProcessRefusal: refusalBy(runProcess),
  };
}

/** Runs a command in this process, which is in another folder and has other streams meanwhile. */
async function ranHere(folder: string, args: readonly string[]): Promise<Finished> {
  const [stdout, stderr] = [kept(), kept()];
  const before = process.cwd();
  vi.spyOn(process, "stdout", "get").mockReturnValue(stdout.stream);
  vi.spyOn(process, "stderr", "get").mockReturnValue(stderr.stream);
  vi.stubGlobal("console", new Console(stdout.stream, stderr.stream));
  process.chdir(folder);
  try {
    const status = await run(args);
    return { status, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    process.chdir(before);
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  }
}

/** A stream that keeps what is written, and is no terminal. */
function kept() {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return {
    stream: stream as unknown as NodeJS.WriteStream & { fd: 1 & 2 },
    text: () => Buffer.concat(chunks).toString(),
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
