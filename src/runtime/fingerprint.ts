import { InputError } from "../graph/errors.js";

/** What must be the same for a training to go on: names as people know them, with values that are plain JSON. */
export type Fingerprint = Readonly<Record<string, unknown>>;

/** @throws InputError for the first fact in which a checkpoint is of another training, and where it has none */
export function requireSameTraining(now: Fingerprint, text: string | undefined, label: string): void {
  const then = textsOf(text);
  if (then.size === 0) throw new InputError(label, "does not say of which training it is", "is it a checkpoint?");
  for (const [name, value] of Object.entries(now)) {
    const [before, after] = [then.get(name), textOf(value)];
    if (before !== after) {
      const start = before === undefined ? 0 : firstDifference(before, after);
      const what = `is of a training with another ${name} (${shortened(before, start)}, now ${shortened(after, start)})`;
      throw new InputError(label, what, "go on as it began, or start anew in another folder");
    }
  }
}

function textsOf(text: string | undefined): ReadonlyMap<string, string> {
  try {
    const parsed: unknown = JSON.parse(text ?? "");
    if (typeof parsed !== "object" || parsed === null) return new Map();
    return new Map(Object.entries(parsed).map(([name, value]) => [name, textOf(value)]));
  } catch {
    return new Map();
  }
}

/** JSON, in which the order of names makes no difference. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

function firstDifference(before: string, after: string): number {
  let index = 0;
  while (index < before.length && before[index] === after[index]) index++;
  return index;
}

/** What fits into a message of a text, the part around a place among it. */
function shortened(text = "none", place = 0): string {
  const most = 80;
  if (text.length <= most) return text;
  const start = Math.max(0, Math.min(place - most / 4, text.length - most));
  return `${start > 0 ? "..." : ""}${text.slice(start, start + most)}${start + most < text.length ? "..." : ""}`;
}
