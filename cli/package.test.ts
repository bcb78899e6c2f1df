import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let folder = "";
let archive = "";

function execute(command: string, args: readonly string[], cwd: string): string {
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" };
  return execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

describe("the packed package, installed in an empty folder", () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "caadam-onnx-package-"));
    // The build is there already; building again would change it under other tests.
    execute("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], ".");
    archive = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "user", private: true }));
    execute("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "--silent", `./${archive}`], folder);
  }, 180_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("runs as a command", () => {
    const model = resolve("fixtures/pytorch/mlp.torchscript.onnx");
    expect(execute("npx", ["--no-install", "caadam-onnx", "annotate", model], folder)).toContain("fc1.weight");
  });

  it("is imported as a library", () => {
    const program = `
      import { readModel, structureOf, scalesOf } from "caadam-onnx";
      const model = readModel(process.argv[1]);
      console.log(scalesOf(structureOf(model)).parameters.length);`;
    const model = resolve("fixtures/pytorch/mlp.torchscript.onnx");
    const output = execute(process.execPath, ["--input-type=module", "-e", program, model], folder);
    expect(output.trim()).toBe("6");
  });

  it("has types, and neither tests nor fixtures", () => {
    const installed = join(folder, "node_modules/caadam-onnx");
    const files = readdirSync(installed, { recursive: true, encoding: "utf8" });
    expect(files).toContain(join("dist", "src", "index.d.ts"));
    expect(files).toContain("LICENSE");
    expect(files.filter((name) => /\.test\.|testing|fixtures/.test(name))).toEqual([]);
    const { license, bin } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as {
      license: string;
      bin: Record<string, string>;
    };
    expect([license, Object.keys(bin)]).toEqual(["MIT", ["caadam-onnx"]]);
  });
});
