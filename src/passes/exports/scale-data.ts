import { InputError } from "../../graph/errors.js";
import type { ScaleTable, ScaleTableRow } from "../scaling/scale-table.js";
import type { ParameterRole } from "../structure/kernel-operators.js";
import { pythonComment, pythonFloat, pythonString } from "./python-literals.js";

/** One entry of the exported data: a parameter's name in the training framework, and its scale. */
export interface NamedScale {
  readonly name: string;
  readonly scale: number;
  readonly role: ParameterRole;
}

/** A later row that gives a name, already taken by an earlier row, another scale. */
export interface Conflict {
  readonly name: string;
  readonly kept: ScaleTableRow;
  readonly dropped: ScaleTableRow;
}

/** What of a scale table can be applied by name, and what cannot. */
export interface ScaleData {
  /** In the table's order, every name once. */
  readonly scales: readonly NamedScale[];
  readonly conflicts: readonly Conflict[];
  /** Rows without a name in the training framework. */
  readonly unnamed: readonly ScaleTableRow[];
  /** Names in the training framework that no row goes by. */
  readonly absent: readonly string[];
}

/** Comments list this many names at most. */
const listed = 20;

/**
 * Sorts the rows of a table by what an export can do with them. Fails where nothing could be applied: the file that we
 * would write could only ever report an error.
 */
export function collectScales(table: ScaleTable): ScaleData {
  const keptRows = new Map<string, ScaleTableRow>();
  const conflicts: Conflict[] = [];
  for (const row of table.parameters) {
    if (!Number.isFinite(row.scale)) {
      throw new InputError(row.name, `its scale is ${row.scale}`, "choose another strategy or gamma");
    }
    for (const name of frameworkNames(row)) {
      const kept = keptRows.get(name);
      if (kept === undefined) keptRows.set(name, row);
      else if (kept.scale !== row.scale) conflicts.push({ name, kept, dropped: row });
    }
  }
  if (keptRows.size === 0) {
    throw new InputError(
      table.model.file,
      table.parameters.length === 0
        ? "it has no parameters"
        : "no parameter's name in the training framework could be recovered from it",
      "--format json lists the scales by the names in the file",
    );
  }
  const scales = [...keptRows].map(([name, { scale, role }]) => ({ name, scale, role }));
  const unnamed = table.parameters.filter((row) => frameworkNames(row).length === 0);
  return { scales, conflicts, unnamed, absent: table.absentParameters ?? [] };
}

/** The Python dictionary SCALES, followed by comments on what is not in it. */
export function pythonScales({ scales, conflicts, unnamed, absent }: ScaleData): string {
  return [
    "SCALES = {",
    ...scales.map(({ name, scale }) => `    ${pythonString(name)}: ${pythonFloat(scale)},`),
    "}",
    ...comment(
      "One name, two tensors with different scales (tied weights, stored twice); the first counts:",
      conflicts.map(
        ({ name, kept, dropped }) =>
          `${pythonString(name)}: ${pythonFloat(kept.scale)} from ${pythonString(kept.name)}, ` +
          `not ${pythonFloat(dropped.scale)} from ${pythonString(dropped.name)}`,
      ),
    ),
    ...comment(
      "Names not recovered from the file: scale 1, unless you add the true name to SCALES:",
      unnamed.map(
        (row) => `${pythonString(row.name)} (${row.role}, shape [${row.shape.join(", ")}]): ${pythonFloat(row.scale)}`,
      ),
    ),
    ...comment(
      "Parameters not recovered from the file, merged with equal ones or folded at export: scale 1:",
      absent.map(pythonString),
    ),
  ].join("\n");
}

/** Two lines for the head of the file: which scales these are. Safe within a docstring. */
export function provenance({ model, strategy }: ScaleTable): string {
  const hash = model.sha256 === null ? "" : `\nsha256 of that file: ${pythonComment(model.sha256)}`;
  const normalized = strategy.normalized ? ", normalized" : "";
  return (
    `Made by caadam-onnx from ${pythonComment(model.file)}: strategy ${strategy.name}, gamma ${strategy.gamma}, ` +
    `convention ${strategy.convention}${normalized}${hash}`
  );
}

function frameworkNames(row: ScaleTableRow): readonly string[] {
  if (row.frameworkName !== null) return [row.frameworkName];
  // Of candidates the model has one: the scale finds it, and the others find nothing.
  return row.frameworkNames ?? row.frameworkNameCandidates ?? [];
}

function comment(heading: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  const more = lines.length > listed ? [`#   ... and ${lines.length - listed} more`] : [];
  return [`# ${heading}`, ...lines.slice(0, listed).map((line) => `#   ${line}`), ...more];
}
