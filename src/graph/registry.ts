/**
 * One table of several, by name.
 * @throws Error for a name that is in two of them: one would hide the other
 */
export function merged<Entry>(families: readonly Readonly<Record<string, Entry>>[]): ReadonlyMap<string, Entry> {
  const all = new Map<string, Entry>();
  for (const [name, entry] of families.flatMap((family) => Object.entries(family))) {
    if (all.has(name)) throw new Error(`"${name}" is in two tables`);
    all.set(name, entry);
  }
  return all;
}
