import { InputError } from "../../../graph/errors.js";

/** Names listed in a message. */
const LISTED = 20;
/** Longer names are not compared: no one mistypes them. */
const LONGEST_COMPARED = 64;

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

/** The name that someone who wrote `asked` may have meant: at most a third of it is wrong. */
export function nearestName(names: readonly string[], asked: string): string | undefined {
  const plain = (name: string) => name.toLowerCase().replaceAll(/[\s_.-]/g, "");
  const wanted = plain(asked);
  let best: string | undefined;
  let least = Math.floor(wanted.length / 3) + 1;
  for (const name of names) {
    if (name.length > LONGEST_COMPARED || asked.length > LONGEST_COMPARED) continue;
    const distance = editDistance(plain(name), wanted);
    if (distance < least) [best, least] = [name, distance];
  }
  return best;
}

/** Levenshtein's distance: insertions, deletions and replacements that make one text the other. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** @throws InputError for a name that two columns have */
export function distinctNames(path: string, names: readonly string[], remedy: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new InputError(path, `has two columns called "${name}"`, remedy);
    seen.add(name);
  }
}
