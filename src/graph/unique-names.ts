/** Hands out names that differ from each other and from those it was given. */
export class UniqueNames {
  readonly #used: Set<string>;
  /** The number tried last behind each name, so that a thousand calls of one function need not try them all. */
  readonly #copies = new Map<string, number>();

  constructor(used: Iterable<string> = []) {
    this.#used = new Set(used);
  }

  /** Whether a name is taken. */
  has(name: string): boolean {
    return this.#used.has(name);
  }

  /** `wanted`, or with the first number behind it that makes it new. */
  next(wanted: string): string {
    let copy = this.#copies.get(wanted) ?? 0;
    let name = copy === 0 ? wanted : `${wanted}_${copy}`;
    while (this.#used.has(name)) name = `${wanted}_${++copy}`;
    this.#copies.set(wanted, copy);
    this.#used.add(name);
    return name;
  }
}
