import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import crc32c from "crc-32/crc32c.js";
import { Writer } from "protobufjs/minimal.js";
import { InputError, isSystemError, systemReason } from "../../graph/errors.js";
import type { TrainingEvent } from "../events.js";

/** What a run's event file is called after; the defaults are the machine's own. */
export interface TensorBoardOptions {
  readonly host?: string;
  /** Seconds since 1970, for the file name and the wall times in the file. */
  readonly now?: () => number;
}

/**
 * TensorBoard's event file of a run: `loss/training`, `loss/validation`, `learning-rate`, `metrics/<name>` and
 * `gradient-norm/<parameter>`, by step, written through to the disk after each epoch. A resumed run adds a file to the
 * same folder and tells TensorBoard to drop what the former one wrote after the step where it goes on.
 */
export class TensorBoardLog {
  /** The event file. */
  readonly file: string;
  readonly #now: () => number;
  #descriptor: number | undefined;

  /**
   * @param folder is made where it is missing
   * @throws InputError when the file cannot be written
   */
  constructor(folder: string, { host = hostname(), now = () => Date.now() / 1000 }: TensorBoardOptions = {}) {
    this.#now = now;
    const name = `events.out.tfevents.${Math.floor(now())}.${host.replaceAll(/[^\w.-]/g, "_") || "localhost"}`;
    this.file = join(folder, name);
    this.#try(() => mkdirSync(folder, { recursive: true }));
    const [file, descriptor] = this.#try(() => openNew(this.file));
    this.file = file;
    this.#descriptor = descriptor;
    this.#write([fileVersion(this.#now())]);
  }

  /** @throws InputError when the file cannot be written, as on a full disk */
  write(event: TrainingEvent): void {
    switch (event.event) {
      case "start":
        if (event.step > 0) this.#write([sessionStart(this.#now(), event.step + 1)]);
        return;
      case "epoch":
      case "gradient-norms":
        this.#write([scalars(this.#now(), event.step, scalarsOf(event))]);
        return;
      default:
    }
  }

  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) this.#try(() => closeSync(descriptor));
  }

  #write(events: readonly Uint8Array[]): void {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) return;
    const bytes = Buffer.concat(events.map(tfRecord));
    this.#try(() => {
      for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
      fsyncSync(descriptor);
    });
  }

  #try<Result>(action: () => Result): Result {
    try {
      return action();
    } catch (error) {
      if (!isSystemError(error)) throw error;
      // Only the folder itself can be there already: files get names that are not.
      const [where, reason] =
        error.code === "EEXIST" ? [dirname(this.file), "it is a file"] : [this.file, systemReason(error)];
      throw new InputError(where, `cannot be written: ${reason}`, "choose another folder");
    }
  }
}

/** Two runs may begin within one second. */
function openNew(name: string): readonly [file: string, descriptor: number] {
  for (let run = 0; ; run += 1) {
    const file = run === 0 ? name : `${name}.${run}`;
    try {
      return [file, openSync(file, "ax")];
    } catch (error) {
      if (!isSystemError(error) || error.code !== "EEXIST") throw error;
    }
  }
}

/** What an event says, by TensorBoard's tags. */
function scalarsOf(event: Extract<TrainingEvent, { event: "epoch" | "gradient-norms" }>): readonly Scalar[] {
  if (event.event === "gradient-norms") {
    return Object.entries(event.norms).map(([name, { gradient }]): Scalar => [`gradient-norm/${name}`, gradient]);
  }
  const { loss, validationLoss, learningRate, metrics } = event;
  return [
    ["loss/training", loss],
    ...(validationLoss === undefined ? [] : [["loss/validation", validationLoss] as const]),
    ["learning-rate", learningRate],
    ...Object.entries(metrics).map(([name, value]): Scalar => [`metrics/${name}`, value]),
  ];
}

type Scalar = readonly [tag: string, value: number];

/** Fields of tensorflow.Event, SessionLog, Summary and Summary.Value: their numbers and wire types. */
const fields = {
  event: {
    wallTime: (1 << 3) | 1,
    step: (2 << 3) | 0,
    fileVersion: (3 << 3) | 2,
    summary: (5 << 3) | 2,
    session: (7 << 3) | 2,
  },
  session: { status: (1 << 3) | 0 },
  summary: { value: (1 << 3) | 2 },
  value: { tag: (1 << 3) | 2, simpleValue: (2 << 3) | 5 },
};
/** SessionLog.START: from this step on, what came before is void. */
const START = 1;

/** Every event file begins with this one. */
function fileVersion(seconds: number): Uint8Array {
  const { wallTime, fileVersion: version } = fields.event;
  return Writer.create().uint32(wallTime).double(seconds).uint32(version).string("brain.Event:2").finish();
}

function sessionStart(seconds: number, step: number): Uint8Array {
  const writer = eventAt(seconds, step).uint32(fields.event.session).fork();
  return writer.uint32(fields.session.status).int32(START).ldelim().finish();
}

function scalars(seconds: number, step: number, values: readonly Scalar[]): Uint8Array {
  const writer = eventAt(seconds, step).uint32(fields.event.summary).fork();
  for (const [tag, value] of values) {
    writer.uint32(fields.summary.value).fork();
    writer.uint32(fields.value.tag).string(tag).uint32(fields.value.simpleValue).float(value).ldelim();
  }
  return writer.ldelim().finish();
}

function eventAt(seconds: number, step: number): Writer {
  return Writer.create().uint32(fields.event.wallTime).double(seconds).uint32(fields.event.step).int64(step);
}

/** TFRecord: the length in 64 bits, its checksum, the data, its checksum. */
function tfRecord(data: Uint8Array): Uint8Array {
  const record = Buffer.alloc(data.length + 16);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(maskedChecksum(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(maskedChecksum(data), data.length + 12);
  return record;
}

/** CRC-32C, rotated right by 15 bits plus a constant: data that holds checksums of its own would weaken them otherwise. */
function maskedChecksum(data: Uint8Array): number {
  const checksum = crc32c.buf(data) >>> 0;
  return (((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0;
}
