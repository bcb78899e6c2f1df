import cliTruncate from "cli-truncate";
import pc from "picocolors";
import stringWidth from "string-width";
import type { EpochEvent, ProgressEvent, StartEvent, TrainingEvent } from "../events.js";
import { count, duration, significant } from "./numbers.js";

/** Where training stands: what a progress line is made of. */
export interface Progress {
  readonly start?: StartEvent;
  /** The last in the epoch that is under way. */
  readonly within?: ProgressEvent;
  /** The last epoch that was finished. */
  readonly epoch?: EpochEvent;
}

/** Where training stands after one more event; begin with `{}`. */
export function progressAfter(progress: Progress, event: TrainingEvent): Progress {
  switch (event.event) {
    case "start":
      return { start: event };
    case "progress":
      return { ...progress, within: event };
    case "epoch": {
      const { within: _, ...rest } = progress;
      return { ...rest, epoch: event };
    }
    default:
      return progress;
  }
}

/** How a line looks. */
export interface LineOptions {
  /** Columns to fit into. Default 80. */
  readonly columns?: number;
  /** Default false. */
  readonly colors?: boolean;
}

/**
 * One line on where training stands, such as `epoch 3/20 ███▌     45% loss 0.4120 val 0.3980 · 12,300 examples/s · 1 min 20 s left`.
 * Where it does not fit, the bar becomes shorter, then goes; then the rate, then the time left; at last the end is cut off.
 */
export function progressLine(
  { start, within, epoch }: Progress,
  { columns = 80, colors: isColored = false }: LineOptions = {},
): string {
  if (start === undefined) return "";
  const colors = pc.createColors(isColored);
  const current = within?.epoch ?? epoch?.epoch ?? start.epoch;
  const loss = within?.loss ?? epoch?.loss;
  const share = shareDone(start, within, epoch);
  const title = `epoch ${current}/${start.epochs}`;
  const position =
    share === null ? (within === undefined ? "" : ` batch ${count(within.batch)}`) : ` ${percent(share)}`;
  const losses = [
    loss === undefined ? "" : ` loss ${significant(loss)}`,
    epoch?.validationLoss === undefined ? "" : ` val ${significant(epoch.validationLoss)}`,
  ].join("");
  const rate = within === undefined ? "" : ` · ${rateOf(within.examplesPerSecond)}`;
  const left = within === undefined || within.secondsLeft === null ? "" : ` · ${duration(within.secondsLeft)} left`;

  const candidates = [rate + left, left, ""].map((tail) => ({
    tail,
    room: columns - stringWidth(`${title}${position}${losses}${tail}`) - 1,
  }));
  const fitting = candidates.find(({ room }) => room >= -1) ?? { tail: "", room: 0 };
  const width = share === null ? 0 : Math.min(fitting.room, MOST_BAR);
  const shownBar = share === null || width < LEAST_BAR ? "" : ` ${colors.cyan(bar(share, width))}`;
  const line = `${colors.bold(title)}${shownBar}${position}${losses}${colors.dim(fitting.tail)}`;
  return stringWidth(line) > columns ? cliTruncate(line, Math.max(columns, 1)) : line;
}

/** One line on a finished epoch: for a terminal above the progress line, and for output that is no terminal. */
export function epochLine(
  event: EpochEvent,
  epochs: number,
  { columns, colors: isColored = false }: LineOptions = {},
): string {
  const colors = pc.createColors(isColored);
  const { epoch, loss, validationLoss, metrics, seconds, isBest } = event;
  const number = String(epoch).padStart(String(epochs).length);
  const values = [
    ["loss", loss],
    ...(validationLoss === undefined ? [] : [["val", validationLoss] as const]),
    ...Object.entries(metrics),
  ] as const;
  const numbers = values.map(([name, value]) => `${name} ${significant(value)}`).join("  ");
  const line = `${colors.bold(`epoch ${number}/${epochs}`)}  ${numbers}${colors.dim(`  ${duration(seconds)}`)}${isBest ? `  ${colors.green("best")}` : ""}`;
  return columns !== undefined && stringWidth(line) > columns ? cliTruncate(line, Math.max(columns, 1)) : line;
}

const MOST_BAR = 20;
/** A shorter bar says less than its percentage. */
const LEAST_BAR = 5;
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;

function bar(share: number, width: number): string {
  const eighths = Math.floor(share * width * 8);
  return ("█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "")).padEnd(width);
}

/** Of the epoch; null where its length is not known. */
function shareDone(
  { stepsPerEpoch }: StartEvent,
  within: ProgressEvent | undefined,
  epoch: EpochEvent | undefined,
): number | null {
  if (within === undefined) return epoch === undefined ? 0 : 1;
  return stepsPerEpoch === null ? null : Math.min(within.batch / Math.max(stepsPerEpoch, 1), 1);
}

function percent(share: number): string {
  return `${Math.floor(share * 100)}%`.padStart(4);
}

function rateOf(examplesPerSecond: number): string {
  const rate = examplesPerSecond < 100 ? significant(examplesPerSecond, 3) : count(examplesPerSecond);
  return `${rate} examples/s`;
}
