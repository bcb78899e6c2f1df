import { InputError } from "../../graph/errors.js";
import type { MonitorMode, ScheduleHead, ScheduleOption, ScheduleOptions, ScheduleSpecification } from "./schedule.js";
import { warmUpOptions } from "./warm-up.js";

/** What an option takes. */
interface Range {
  readonly words: string;
  readonly holds: (value: unknown) => boolean;
}

const share = numbers("a number from 0 to 1", (value) => value >= 0 && value <= 1);
const factor = numbers("a number above 0 and not above 1", (value) => value > 0 && value <= 1);
const positive = numbers("a number above 0", (value) => value > 0);
const notNegative = numbers("a number that is not negative", (value) => value >= 0);
const count = numbers("a whole number", (value) => Number.isInteger(value) && value >= 0);
const positiveCount = numbers("a whole number above 0", (value) => Number.isInteger(value) && value > 0);
const text: Range = {
  words: '"loss" or the name of a metric',
  holds: (value) => typeof value === "string" && value !== "",
};
const mode: Range = { words: "min or max", holds: isMode };

const ranges: Readonly<Record<ScheduleOption, Range>> = {
  final: share,
  factor,
  epochs: positive,
  steps: positiveCount,
  peak: positive,
  pctStart: share,
  divFactor: positive,
  finalDivFactor: positive,
  patience: count,
  minDelta: notNegative,
  cooldown: count,
  minRate: notNegative,
  monitor: text,
  mode,
  warmupSteps: count,
  warmupEpochs: notNegative,
  warmupFrom: share,
};

/** Options that say one thing. */
const alternatives: readonly (readonly [ScheduleOption, ScheduleOption])[] = [
  ["epochs", "steps"],
  ["warmupEpochs", "warmupSteps"],
];

/** The options that a schedule knows. */
export function knownOptions({ options }: ScheduleHead): readonly ScheduleOption[] {
  return [...options, ...warmUpOptions];
}

/** An option as the text form writes it: min-delta. */
export function written(option: string): string {
  return option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** An option as it is, of its text form; unknown ones too. */
export function optionNamed(name: string): ScheduleOption | undefined {
  return Object.keys(ranges)
    .filter(isOption)
    .find((option) => written(option) === name);
}

/** An option from text. @throws InputError for text that it does not take */
export function withOption(
  name: string,
  options: ScheduleOptions,
  option: ScheduleOption,
  value: string,
): ScheduleOptions {
  if (option === "monitor") return { ...options, monitor: value };
  if (option === "mode") {
    if (!isMode(value)) throw outOfRange(name, option, value);
    return { ...options, mode: value };
  }
  // Number("") is 0.
  const number = value.trim() === "" ? Number.NaN : Number(value);
  if (Number.isNaN(number)) throw outOfRange(name, option, value);
  return { ...options, [option]: number };
}

/** @throws InputError for options that the schedule does not know, and for values that they do not take */
export function refuseUnfit(specification: ScheduleSpecification, head: ScheduleHead): void {
  const { name, ...options } = specification;
  const known: ReadonlySet<string> = new Set(knownOptions(head));
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [option, value] of given) {
    if (!isOption(option) || !known.has(option)) throw unknownOption(name, written(option), head);
    if (!ranges[option].holds(value)) throw outOfRange(name, option, value);
  }
  const said = new Set(given.map(([option]) => option));
  for (const [one, other] of alternatives) {
    if (said.has(one) && said.has(other)) {
      throw new InputError(`--schedule ${name}`, `has both ${written(one)} and ${written(other)}, which say one thing`);
    }
  }
}

/** The error of an option that a schedule does not know. */
export function unknownOption(name: string, option: string, head: ScheduleHead): InputError {
  return new InputError(
    `--schedule ${name}`,
    `has no option "${option}"`,
    `it takes ${knownOptions(head).map(written).join(", ")}`,
  );
}

function outOfRange(name: string, option: ScheduleOption, value: unknown): InputError {
  return new InputError(
    `--schedule ${name}:${written(option)}=${String(value)}`,
    `is out of range: ${written(option)} takes ${ranges[option].words}`,
  );
}

function numbers(words: string, holds: (value: number) => boolean): Range {
  return { words, holds: (value) => typeof value === "number" && Number.isFinite(value) && holds(value) };
}

function isMode(value: unknown): value is MonitorMode {
  return value === "min" || value === "max";
}

function isOption(name: string): name is ScheduleOption {
  return Object.hasOwn(ranges, name);
}
