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
      const what = `is of a training with another ${name} (${shortened(before)}, now ${shortened(after)})`;
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

function shortened(text = "none"): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
