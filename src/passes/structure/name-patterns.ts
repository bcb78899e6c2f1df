import picomatch from "picomatch";
import { InputError } from "../../graph/errors.js";

/**
 * What glob patterns select; `*` also matches dots and slashes.
 * @param option that the patterns come from, for messages
 * @param candidates every name that a pattern may match, with the initializer that it stands for
 * @returns names of initializers
 * @throws InputError for a pattern that matches none
 */
export function matchingNames(
  patterns: readonly string[],
  option: string,
  candidates: ReadonlyMap<string, string>,
  label: string,
): ReadonlySet<string> {
  const matched = new Set<string>();
  for (const pattern of patterns) {
    if (pattern === "") throw new InputError(option, "has an empty pattern", "run annotate to see the names");
    const isMatch = picomatch(pattern, { bash: true, dot: true });
    const found = [...candidates].filter(([name]) => name === pattern || isMatch(name));
    if (found.length === 0) {
      throw new InputError(
        `${option} "${pattern}"`,
        `matches no float initializer of ${label}`,
        "run annotate to see the names",
      );
    }
    for (const [, tensorName] of found) matched.add(tensorName);
  }
  return matched;
}
