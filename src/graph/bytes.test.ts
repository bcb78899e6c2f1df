import { appendFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type ByteSource, fileBytes, memoryBytes, readRange } from "./bytes.js";
import { temporaryFolder } from "./testing/files.js";
import { refusal } from "./testing/input-error.js";

const content = Uint8Array.from({ length: 100 }, (_, index) => index);

function file(): string {
  const path = join(temporaryFolder(), "b.bin");
  writeFileSync(path, content);
  return path;
}

describe.each<[string, () => ByteSource]>([
  ["memory", () => memoryBytes(content, "b.bin")],
  ["file", () => fileBytes(file())],
])("bytes in %s", (_, open) => {
  it("are read where and as many as asked for", () => {
    const source = open();
    expect(source.size).toBe(100);
    expect([...source.read(97, 3)]).toEqual([97, 98, 99]);
    expect([...readRange({ source, offset: 5, length: 2 })]).toEqual([5, 6]);
    expect(source.read(100, 0)).toHaveLength(0);
  });

  it("end where they end", () => {
    expect(refusal(() => open().read(98, 3))).toMatch(/b\.bin: ends before byte 101/);
    expect(refusal(() => open().read(0, 2 ** 50))).toMatch(/ends before byte/);
  });
});

describe("a file that is no longer the one that was opened is not read", () => {
  it.each<[string, (path: string) => void]>([
    ["shorter", (path) => truncateSync(path, 50)],
    ["longer", (path) => appendFileSync(path, "x")],
    ["another in its place", (path) => (writeFileSync(`${path}.new`, content), renameSync(`${path}.new`, path))],
  ])("%s", (_, change) => {
    const path = file();
    const source = fileBytes(path);
    expect(source.read(0, 1)).toHaveLength(1);
    change(path);
    expect(refusal(() => source.read(0, 1))).toBe(`${path}: has changed since it was opened; read it again`);
  });

  it("gone", () => {
    const path = file();
    const source = fileBytes(path);
    renameSync(path, `${path}.away`);
    expect(refusal(() => source.read(0, 1))).toBe(`${path}: cannot be read: no such file or folder`);
  });
});
