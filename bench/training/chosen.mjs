import picomatch from "picomatch";
import { InputError } from "../../dist/src/index.js";

/**
 * Those whose names match one of the patterns; all without patterns.
 * @template {{ readonly name: string }} Named
 * @param {"workload" | "peer"} kind
 * @param {readonly Named[]} named
 * @param {readonly string[]} patterns
 * @throws InputError for a pattern that none matches
 */
export function chosen(kind, named, patterns) {
  if (patterns.length === 0) return named;
  for (const pattern of patterns) {
    if (named.some(({ name }) => picomatch.isMatch(name, pattern))) continue;
    const remedy = `there are ${named.map(({ name }) => name).join(", ")}`;
    throw new InputError(`--${kind} ${pattern}`, `matches no ${kind}`, remedy);
  }
  return named.filter(({ name }) => picomatch.isMatch(name, [...patterns]));
}
