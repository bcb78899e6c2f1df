import { realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { InputError } from "../../graph/errors.js";
import type { Model } from "../../graph/model.js";
import { metadataEdits, patched } from "../../graph/patch.js";
import { writeFile } from "../../graph/write-file.js";
import type { ScaleTable } from "./scale-table.js";

/** The key in ModelProto.metadata_props under which a model carries its scale table. */
const SCALE_TABLE_KEY = "caadam.scale_table";

/**
 * Writes a model with its scale table in it, as JSON under `metadata_props["caadam.scale_table"]`. All other bytes are
 * those of the original. `path` may be the model's own; the model must then be read again before more is written.
 * @throws InputError when the model was not read from a file or bytes, when it would not find its external data at
 *   `path`, and when the file cannot be written
 */
export function embedScaleTable(model: Model, table: ScaleTable, path: string): void {
  const { source, label } = model;
  if (source === undefined) throw new InputError(label, "was not read from a file, so there is none to patch");
  const isElsewhere = realFolder(path) !== realFolder(label);
  const [external] = model.externalFiles;
  if (external !== undefined && isElsewhere) {
    throw new InputError(
      path,
      `would not find its external data "${external}" there`,
      `write it to the folder of ${label}`,
    );
  }
  writeFile(path, patched(source, metadataEdits(source, SCALE_TABLE_KEY, JSON.stringify(table))));
}

/**
 * The scale table that a model carries, undefined where it has none.
 * @throws InputError when what it carries is no scale table of a known version
 */
export function embeddedScaleTable({ metadata, label }: Model): ScaleTable | undefined {
  const text = metadata.get(SCALE_TABLE_KEY);
  if (text === undefined) return undefined;
  let table: unknown;
  try {
    table = JSON.parse(text);
  } catch {
    table = undefined;
  }
  if (!isScaleTable(table)) {
    throw new InputError(label, `its metadata "${SCALE_TABLE_KEY}" is no scale table of version 1`, "embed it again");
  }
  return table;
}

function isScaleTable(value: unknown): value is ScaleTable {
  if (typeof value !== "object" || value === null) return false;
  const { format, version, parameters } = value as Partial<ScaleTable>;
  return format === "caadam-scale-table" && version === 1 && Array.isArray(parameters);
}

function realFolder(path: string): string {
  const folder = dirname(resolve(path));
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}
