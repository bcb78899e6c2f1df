import { closeSync, fstatSync, ftruncateSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { InputError, isSystemError, systemReason } from "../../graph/errors.js";
import type { TrainingEvent } from "../events.js";

/**
 * One event as a line of JSON, without the line break. JSON has no NaN and no infinity: such a number becomes null,
 * which pandas, jq and plotting tools read as a missing value.
 */
export function logLine(event: TrainingEvent): string {
  return JSON.stringify(event);
}

/** What goes into a log. */
export interface EventLogOptions {
  /** Also the progress within epochs, a few lines a second. Default false. */
  readonly progress?: boolean;
}

/**
 * A log of JSON lines: one object for each event, appended to the file as the event happens.
 *
 * What the file holds already stays. Each run begins with a `start` line whose `step` says where it goes on; epochs that a
 * killed run logged after its last checkpoint therefore appear twice, and the later line is the one that counts. A last
 * line that was cut off by a crash is removed, so that every line is whole. A file that holds something else is refused.
 */
export class EventLog {
  readonly #file: string;
  readonly #progress: boolean;
  #descriptor: number | undefined;

  /** @throws InputError when the file cannot be written */
  constructor(file: string, { progress = false }: EventLogOptions = {}) {
    this.#file = file;
    this.#progress = progress;
    this.#try(() => {
      if (statSync(file, { throwIfNoEntry: false })?.isFile() === true) cutBrokenLine(file);
      this.#descriptor = openSync(file, "a");
    });
  }

  /** @throws InputError when the file cannot be written, as on a full disk */
  write(event: TrainingEvent): void {
    const descriptor = this.#descriptor;
    if (descriptor === undefined || (event.event === "progress" && !this.#progress)) return;
    this.#try(() => {
      const bytes = Buffer.from(`${logLine(event)}\n`);
      for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
    });
  }

  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) this.#try(() => closeSync(descriptor));
  }

  #try(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!isSystemError(error)) throw error;
      throw new InputError(this.#file, `cannot be written: ${systemReason(error)}`, "choose another file for the log");
    }
  }
}

/** Removes what follows the last line break of a log. @throws InputError for a file that is none, which stays as it is */
function cutBrokenLine(file: string): void {
  const descriptor = openSync(file, "r+");
  try {
    const { size } = fstatSync(descriptor);
    const first = Buffer.alloc(1);
    if (readSync(descriptor, first, 0, 1, 0) === 1 && first.toString() !== "{") {
      throw new InputError(file, "is no log of JSON lines", "choose another file for the log");
    }
    const whole = lengthOfLines(descriptor, size);
    if (whole < size) ftruncateSync(descriptor, whole);
  } finally {
    closeSync(descriptor);
  }
}

/** The length of a file up to its last line break, which is looked for from the end. */
function lengthOfLines(descriptor: number, size: number): number {
  const chunk = Buffer.alloc(65_536);
  for (let end = size; end > 0;) {
    const start = Math.max(end - chunk.length, 0);
    const length = readSync(descriptor, chunk, 0, end - start, start);
    const lineBreak = chunk.subarray(0, length).lastIndexOf("\n");
    if (lineBreak !== -1) return start + lineBreak + 1;
    end = start;
  }
  return 0;
}
