import { conventions, InputError, strategies } from "../src/index.js";

/** What --strategy takes. */
export const strategyNames = [...strategies.keys()];
/** What --convention takes. */
export const conventionNames = [...conventions.keys()];

/** An option that may be given several times, each time with one pattern. */
export const globs = {
  type: "string",
  array: true,
  nargs: 1,
  default: [] as string[],
  defaultDescription: "none",
} as const;

/** Names a file or folder. */
export const file = { type: "string", requiresArg: true } as const;

/** An option that takes a number. */
export function number(name: string, describe: string) {
  // Text to the parser, so that what is no number can be repeated to the person; a number to the help text.
  const type = { type: "string", number: true, requiresArg: true } as const;
  return { ...type, coerce: (text: string) => toNumber(name, text), describe } as const;
}

/** How scales are computed. */
export const scaleOptions = {
  strategy: { choices: strategyNames, default: "multiplicative" as const, describe: summaries(strategies) },
  gamma: number("gamma", "How strong the strategy is; each has its own default"),
  convention: { choices: conventionNames, default: "layer" as const, describe: summaries(conventions) },
  normalize: {
    type: "boolean",
    default: false,
    describe: "Divide scales by their element-weighted geometric mean",
  },
} as const;

/** What is trained. */
export const trainabilityOptions = {
  freeze: { ...globs, describe: "Leave out parameters whose name matches this pattern; may be repeated" },
  train: { ...globs, describe: "Take in parameters that would be left out; may be repeated" },
} as const;

/** Each entry of a registry with what it says of itself, one a line. */
export function summaries(registry: ReadonlyMap<string, { readonly summary: string }>): string {
  return [...registry].map(([name, { summary }]) => `${name}: ${summary}`).join("\n");
}

/** @throws InputError for a text that is no number */
export function toNumber(option: string, text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isNaN(value)) throw new InputError(`--${option} "${text}"`, "is not a number");
  return value;
}
