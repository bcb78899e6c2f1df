import { brief, metrics, type Preprocessing } from "../src/index.js";
import { textTable } from "./text-table.js";

/** Numbers by name, a line each; "n/a" for those that are not defined. */
export function metricTable(numbers: Readonly<Record<string, number>>): string {
  const header = [
    { title: "", align: "left" as const },
    { title: "", align: "right" as const },
  ];
  const lines = Object.entries(numbers).map(([name, value]) => ({
    cells: [name, brief(value, 6)],
  }));
  return textTable(header, lines, undefined).replace(/^\s*\n/, "");
}

/**
 * Metrics, and behind errors of a target that was standardized the same in the target's own unit: "mae" is followed by
 * "mae (price)". Of several targets together there is no such number.
 */
export function withUnits(
  numbers: Readonly<Record<string, number>>,
  { tensors }: Preprocessing,
): Readonly<Record<string, number>> {
  const [target, ...others] = tensors.flatMap(({ role, columns }) => (role === "target" ? columns : []));
  if (target === undefined || others.length > 0 || (target.kind !== "number" && target.kind !== "array"))
    return numbers;
  const [divide = 1, ...more] = [target.divide].flat();
  if (divide === 1 || more.length > 0) return numbers;
  const shown: Record<string, number> = {};
  for (const [name, value] of Object.entries(numbers)) {
    shown[name] = value;
    if (metrics.get(name)?.isInTargetUnit === true) shown[`${name} (${target.column})`] = value * Math.abs(divide);
  }
  return shown;
}
