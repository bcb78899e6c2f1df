import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { InputError } from "./errors.js";
import { temporaryFolder } from "./testing/files.js";
import { refusal } from "./testing/input-error.js";
import { alsoNamed, writeFile } from "./write-file.js";

let folder: string;
let path: string;
beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder, "file");
});

const read = () => readFileSync(path, "utf8");

/** Pieces that end in an error. */
function* failing(error: Error): Generator<Uint8Array> {
  yield Buffer.from("half");
  throw error;
}

describe("a file is written", () => {
  it("new, empty, from text and from pieces", () => {
    writeFile(path, "größe");
    expect(read()).toBe("größe");
    writeFile(path, [Buffer.from("a"), new Uint8Array(), Buffer.from("b")]);
    expect(read()).toBe("ab");
    writeFile(path, []);
    expect(read()).toBe("");
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  it("from pieces that are read from the same file meanwhile", () => {
    writeFileSync(path, "old");
    function* doubled(): Generator<Uint8Array> {
      yield readFileSync(path);
      yield readFileSync(path);
    }
    writeFile(path, doubled());
    expect(read()).toBe("oldold");
  });

  it("through a symbolic link, which stays one", () => {
    mkdirSync(join(folder, "elsewhere"));
    const target = join(folder, "elsewhere", "target");
    writeFileSync(target, "old");
    symlinkSync(target, path);
    writeFile(path, "new");
    expect(readFileSync(target, "utf8")).toBe("new");
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
    expect([readdirSync(folder).toSorted(), readdirSync(join(folder, "elsewhere"))]).toEqual([
      ["elsewhere", "file"],
      ["target"],
    ]);
  });

  it.skipIf(process.platform === "win32")("with the permissions that it had", () => {
    for (const mode of [0o600, 0o640, 0o777]) {
      writeFileSync(path, "old");
      chmodSync(path, mode);
      writeFile(path, "new");
      expect([statSync(path).mode & 0o777, read()]).toEqual([mode, "new"]);
    }
  });

  it("by a name as long as a name may be", () => {
    path = join(folder, "x".repeat(255));
    writeFile(path, "content");
    expect(read()).toBe("content");
  });

  it.skipIf(process.platform === "win32").each(["pipe", "link"])(
    "to a %s that someone reads, which stays",
    async (name) => {
      const pipe = join(folder, "pipe");
      expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
      symlinkSync(pipe, join(folder, "link"));
      const reader = spawn("cat", [pipe]);
      const received: Buffer[] = [];
      reader.stdout.on("data", (data: Buffer) => received.push(data));
      const closed = new Promise((resolve) => reader.on("close", resolve));
      writeFile(join(folder, name), "through the pipe");
      // Where it was replaced by a file, the reader still waits.
      if (!statSync(pipe).isFIFO()) reader.kill();
      await closed;
      expect(Buffer.concat(received).toString()).toBe("through the pipe");
      expect(statSync(pipe).isFIFO()).toBe(true);
      expect(readdirSync(folder).toSorted()).toEqual(["link", "pipe"]);
    },
  );
});

describe("a second name", () => {
  it("is given to a file, in place of another, again, and through a link", () => {
    writeFileSync(path, "new");
    const second = join(folder, "second");
    alsoNamed(path, second);
    writeFileSync(join(folder, "other"), "old");
    chmodSync(join(folder, "other"), 0o640);
    symlinkSync(join(folder, "other"), join(folder, "link"));
    alsoNamed(path, join(folder, "link"));
    alsoNamed(path, second);
    expect(["file", "second", "other"].map((name) => readFileSync(join(folder, name), "utf8"))).toEqual([
      "new",
      "new",
      "new",
    ]);
    expect(lstatSync(join(folder, "link")).isSymbolicLink()).toBe(true);
    if (process.platform !== "win32") expect(statSync(join(folder, "other")).mode & 0o777).toBe(0o640);
    writeFile(path, "newer");
    expect(readFileSync(second, "utf8")).toBe("new");
    expect(readdirSync(folder).toSorted()).toEqual(["file", "link", "other", "second"]);
  });

  it("is refused where there can be none", () => {
    writeFileSync(path, "new");
    mkdirSync(join(folder, "folder"));
    expect(refusal(() => alsoNamed(path, join(folder, "folder")))).toMatch(/folder: cannot be written: /);
    expect(refusal(() => alsoNamed(join(folder, "none"), join(folder, "x")))).toMatch(/no such file or folder$/);
    expect(readdirSync(folder).toSorted()).toEqual(["file", "folder"]);
  });
});

describe("a file that cannot be written leaves what was there", () => {
  it.each([new InputError("source", "is cut off"), new Error("a bug")])("when its content ends in %s", (error) => {
    writeFileSync(path, "old");
    expect(() => writeFile(path, failing(error))).toThrow(error);
    expect([read(), readdirSync(folder)]).toEqual(["old", ["file"]]);
    expect(() => writeFile(join(folder, "new"), failing(error))).toThrow(error);
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  it("when the disk is full", () => {
    writeFileSync(path, "old");
    const full = Object.assign(new Error("write"), { code: "ENOSPC" });
    expect(refusal(() => writeFile(path, failing(full)))).toBe(`${path}: cannot be written: the disk is full`);
    expect([read(), readdirSync(folder)]).toEqual(["old", ["file"]]);
  });

  it("when it is a folder, or a link to one", () => {
    mkdirSync(path);
    symlinkSync(path, join(folder, "link"));
    expect(refusal(() => writeFile(path, "x"))).toBe(`${path}: cannot be written: it is a folder`);
    expect(refusal(() => writeFile(join(folder, "link"), "x"))).toMatch(/link: cannot be written: it is a folder$/);
    expect(readdirSync(folder).toSorted()).toEqual(["file", "link"]);
  });

  it("when its folder is missing or none", () => {
    writeFileSync(path, "old");
    expect(refusal(() => writeFile(join(folder, "no", "file"), "x"))).toMatch(
      /cannot be written: no such file or folder$/,
    );
    expect(refusal(() => writeFile(join(path, "file"), "x"))).toMatch(
      /cannot be written: a part of the path is not a folder$/,
    );
    expect(refusal(() => writeFile("", "x"))).toMatch(/cannot be written: no such file or folder$/);
    expect(refusal(() => writeFile(`${path}\u0000`, "x"))).toMatch(/cannot be written/);
  });

  it("when a link goes round in a circle", () => {
    symlinkSync(path, join(folder, "other"));
    symlinkSync(join(folder, "other"), path);
    expect(refusal(() => writeFile(path, "x"))).toMatch(/cannot be written: too many symbolic links$/);
  });

  // To the superuser every folder is writable.
  it.skipIf(process.platform === "win32" || process.getuid?.() === 0)("when its folder may not be written to", () => {
    writeFileSync(path, "old");
    chmodSync(folder, 0o500);
    const said = refusal(() => writeFile(path, "x"));
    chmodSync(folder, 0o700);
    expect([said, read()]).toEqual([`${path}: cannot be written: permission denied`, "old"]);
  });
});
