/** Longer names are not compared: no one mistypes them. */
const LONGEST_COMPARED = 64;

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
