import {
  brief,
  EventLog,
  epochLine,
  logLine,
  progressAfter,
  progressLine,
  TensorBoardLog,
  type TrainingEvent,
} from "../src/index.js";
import type { Terminal } from "./terminal.js";

/** Where else events go. */
export interface ReporterOptions {
  readonly log: string | undefined;
  readonly tensorboard: string | undefined;
  /** Events as JSON lines instead of words. */
  readonly json: boolean;
}

/** Tells the person and the files that they asked for what happens in a training. */
export class TrainingReporter {
  readonly #terminal: Terminal;
  readonly #json: boolean;
  readonly #logs: readonly { write(event: TrainingEvent): void; close(): void }[];
  readonly #events: TrainingEvent[] = [];
  #progress: Parameters<typeof progressAfter>[0] = {};
  #epochs = 0;

  constructor(terminal: Terminal, { log, tensorboard, json }: ReporterOptions) {
    this.#terminal = terminal;
    this.#json = json;
    this.#logs = [
      ...(log === undefined ? [] : [new EventLog(log)]),
      ...(tensorboard === undefined ? [] : [new TensorBoardLog(tensorboard)]),
    ];
  }

  /** All but the progress within epochs. */
  get events(): readonly TrainingEvent[] {
    return this.#events;
  }

  tell(event: TrainingEvent): void {
    for (const log of this.#logs) log.write(event);
    if (event.event !== "progress") this.#events.push(event);
    this.#progress = progressAfter(this.#progress, event);
    if (event.event === "warning") return this.#terminal.message("warning", event.message);
    if (this.#json) return this.#terminal.json(logLine(event));
    switch (event.event) {
      case "start":
        this.#epochs = event.epochs;
        if (event.step > 0) this.#terminal.message("note", `going on after step ${event.step} (epoch ${event.epoch})`);
        break;
      case "epoch":
        this.#terminal.line(epochLine(event, this.#epochs, this.#terminal.progressStyle));
        break;
      case "progress":
        this.#terminal.progress(progressLine(this.#progress, this.#terminal.progressStyle));
        break;
      case "learning-rate":
        this.#terminal.message("note", `the learning rate is now ${brief(event.learningRate)}`);
        break;
      default:
    }
  }

  close(): void {
    this.#terminal.progress("");
    for (const log of this.#logs) log.close();
  }
}
