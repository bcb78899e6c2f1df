import { InputError } from "../../../graph/errors.js";
import { nearestName } from "../../nearest-name.js";

/** Names listed in a message. */
const LISTED = 20;

/**
 * The columns with the asked names, in the order asked for, each once; all where none are asked for.
 * @throws InputError naming an unknown column, what there is, and what was perhaps meant
 */
export function chooseColumns<Column extends { readonly name: string }>(
  path: string,
  columns: readonly Column[],
  asked: readonly string[] | undefined,
  remedy?: string,
): readonly Column[] {
  if (asked === undefined) return columns;
  const byName = new Map(columns.map((column) => [column.name, column]));
  return [...new Set(asked)].map((name) => {
    const column = byName.get(name);
    if (column === undefined) throw unknownColumn(path, [...byName.keys()], name, remedy);
    return column;
  });
}

function unknownColumn(path: string, names: readonly string[], asked: string, remedy?: string): InputError {
  const near = nearestName(names, asked);
  const meant = near === undefined ? "" : `, perhaps "${near}" is meant`;
  return new InputError(path, `has no column "${asked}"${meant}; it has ${listed(names)}`, remedy);
}

function listed(names: readonly string[]): string {
  const first = names.slice(0, LISTED).join(", ");
  return names.length > LISTED ? `${first} and ${names.length - LISTED} more` : first;
}

/** @throws InputError for a name that two columns have */
export function distinctNames(path: string, names: readonly string[], remedy: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new InputError(path, `has two columns called "${name}"`, remedy);
    seen.add(name);
  }
}
