import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { ScaleTable } from "../scaling/scale-table.js";
import { type ExportFormatName, exportFormats } from "./index.js";

/** What fixtures/exports/check_exports.py wrote after running the generated files in their frameworks. */
interface Golden {
  readonly generated: Readonly<Record<string, string>>;
  readonly checks: readonly {
    readonly format: ExportFormatName;
    readonly name: string;
    readonly file: string;
    readonly tolerance: number;
    readonly parameters: readonly {
      readonly parameter: string;
      readonly row: string;
      readonly scale: number;
      readonly ratio: number;
      readonly error: number;
    }[];
  }[];
}

const folder = new URL("../../../fixtures/exports/", import.meta.url);
const formats: readonly ExportFormatName[] = ["pytorch", "keras", "optax", "transformers", "mmengine"];
const files = ["mlp", "cnn"].flatMap((model) =>
  formats.map((format) => ({ model, format, file: `${model}_${format}.py` })),
);

const readJson = async <T>(name: string): Promise<T> => JSON.parse(await readFile(new URL(name, folder), "utf8")) as T;

const readTable = (model: string, format: ExportFormatName) =>
  readJson<ScaleTable>(`${model}.${format === "keras" ? "keras" : "pytorch"}.table.json`);

describe("files checked in their frameworks", () => {
  // After a change to the generators: `npx vitest run -u src/passes/exports`, then check_exports.py.
  it.each(files)("$file is what the generator makes now", async ({ model, format, file }) => {
    const text = exportFormats[format].generate(await readTable(model, format));
    await expect(text).toMatchFileSnapshot(new URL(`generated/${file}`, folder).pathname);
  });

  it.each(files)("$file is what the frameworks were run with", async ({ model, format, file }) => {
    const text = exportFormats[format].generate(await readTable(model, format));
    const { generated } = await readJson<Golden>("golden.json");
    expect(generated[file]).toBe(createHash("sha256").update(text).digest("hex"));
  });

  it.each(formats)("%s: every first update changed by exactly the parameter's scale", async (format) => {
    const checks = (await readJson<Golden>("golden.json")).checks.filter((check) => check.format === format);
    expect(checks.length).toBeGreaterThan(1);
    for (const { file, tolerance, parameters } of checks) {
      const table = await readTable(file.split("_")[0] ?? "", format);
      const scales = new Map(table.parameters.map((row) => [row.frameworkName, row.scale]));
      expect(parameters.map(({ row }) => row).toSorted()).toEqual([...scales.keys()].toSorted());
      for (const { row, scale, ratio, error } of parameters) {
        expect(scale).toBe(scales.get(row));
        expect(Math.abs(ratio / scale - 1)).toBeLessThanOrEqual(tolerance);
        expect(error).toBeLessThanOrEqual(tolerance);
      }
    }
  });
});
