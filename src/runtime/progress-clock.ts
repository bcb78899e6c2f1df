import type { ProgressEvent } from "./events.js";

/** Progress is reported this often, in milliseconds. */
const INTERVAL = 100;

/** Time as the person at the screen sees it; nothing of what is computed depends on it. */
export class ProgressClock {
  readonly #epochs: number;
  readonly #stepsPerEpoch: number | null;
  readonly #start = performance.now();
  #epochStart = this.#start;
  #reported = this.#start;
  #steps = 0;
  #examples = 0;

  constructor({ epochs, stepsPerEpoch }: { readonly epochs: number; readonly stepsPerEpoch: number | null }) {
    this.#epochs = epochs;
    this.#stepsPerEpoch = stepsPerEpoch;
  }

  startEpoch(): void {
    this.#epochStart = performance.now();
  }

  /** After an update: what is to be reported, from time to time. @param step updates since training began */
  progress(step: number, examples: number): Pick<ProgressEvent, "examplesPerSecond" | "secondsLeft"> | undefined {
    this.#steps++;
    this.#examples += examples;
    const now = performance.now();
    if (now - this.#reported < INTERVAL) return undefined;
    this.#reported = now;
    const seconds = (now - this.#start) / 1000;
    const left = this.#stepsPerEpoch === null ? null : this.#stepsPerEpoch * this.#epochs - step;
    return {
      examplesPerSecond: this.#examples / seconds,
      secondsLeft: left === null ? null : (Math.max(left, 0) * seconds) / this.#steps,
    };
  }

  epochSeconds(): number {
    return (performance.now() - this.#epochStart) / 1000;
  }

  seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }
}
