import { symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { isSameFile } from "./same-file.js";
import { temporaryFolder } from "./testing/files.js";

test("two paths are one file where they lead to it, through links and folders, and whether or not it is there", () => {
  const folder = temporaryFolder();
  const path = join(folder, "a.onnx");
  writeFileSync(path, "");
  symlinkSync("a.onnx", join(folder, "link.onnx"));
  symlinkSync(".", join(folder, "here"));
  expect(isSameFile(path, join(folder, "link.onnx"))).toBe(true);
  expect(isSameFile(path, join(folder, "here/a.onnx"))).toBe(true);
  expect(isSameFile(path, relative(process.cwd(), path))).toBe(true);
  expect(isSameFile(join(folder, "new.onnx"), `${folder}/./new.onnx`)).toBe(true);
  expect(isSameFile(path, join(folder, "new.onnx"))).toBe(false);
});
