import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { ScaleTable } from "../scaling/scale-table.js";
import { type ExportFormatName, exportFormats } from "./index.js";

/** What fixtures/exports/check_exports.py wrote after it had run the generated files in their frameworks. */
interface Golden {
  /** The SHA-256 of every generated file. */
  readonly generated: Readonly<Record<string, string>>;
  readonly suites: Readonly<Record<string, unknown>>;
  readonly checks: readonly {
    readonly format: ExportFormatName;
    readonly name: string;
    readonly file: string;
    readonly tolerance: number;
    /** The greatest deviation of an element of a first update from scale x the update without scales. */
    readonly error: number;
    /** By the parameter's name in the table: its first update with scales over its first update without. */
    readonly ratios: Readonly<Record<string, number>>;
  }[];
}

const folder = new URL("../../../fixtures/exports/", import.meta.url);
const formats = Object.keys(exportFormats).filter((name): name is ExportFormatName => name in exportFormats);
const files = [
  ...["mlp", "cnn"].flatMap((model) => formats.map((format) => ({ model, format, file: `${model}_${format}.py` }))),
  { model: "hostile", format: "pytorch", file: "hostile_pytorch.py" } as const,
];

async function readTable(model: string, format: ExportFormatName): Promise<ScaleTable> {
  const name = `${model}.${format === "keras" ? "keras" : "pytorch"}.table.json`;
  return JSON.parse(await readFile(new URL(name, folder), "utf8")) as ScaleTable;
}

const golden = JSON.parse(await readFile(new URL("golden.json", folder), "utf8")) as Golden;

describe("generated files, as they ran in their frameworks", () => {
  it.each(files)("$file is what the generator makes", async ({ model, format, file }) => {
    const text = exportFormats[format].generate(await readTable(model, format));
    await expect(text).toMatchFileSnapshot(fileURLToPath(new URL(`generated/${file}`, folder)));
  });

  it.each(files)("$file is what was run", async ({ model, format, file }) => {
    const text = exportFormats[format].generate(await readTable(model, format));
    expect(golden.generated[file]).toBe(createHash("sha256").update(text).digest("hex"));
  });

  it("every framework was run, Keras on each of its backends", () => {
    const suites = ["keras-jax", "keras-tensorflow", "keras-torch", "mmengine", "optax", "pytorch", "transformers"];
    expect(Object.keys(golden.suites).toSorted()).toEqual(suites);
  });

  it.each(golden.checks)("$file, $name: each first update changes by its scale", async (check) => {
    const table = await readTable(check.file.split("_")[0] ?? "", check.format);
    expect(new Set(Object.keys(check.ratios))).toEqual(new Set(table.parameters.map((row) => row.frameworkName)));
    for (const { frameworkName, scale } of table.parameters) {
      const ratio = check.ratios[frameworkName ?? ""] ?? Number.NaN;
      expect(Math.abs(ratio / scale - 1)).toBeLessThanOrEqual(check.tolerance);
    }
    expect(check.tolerance).toBe(check.name.includes("float32") ? 1e-6 : 1e-12);
    expect(check.error).toBeLessThanOrEqual(check.tolerance);
  });
});
