import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { InputError } from "../../graph/errors.js";
import { temporaryFolder } from "../../graph/testing/files.js";
import type { TrainingEvent } from "../events.js";
import { TensorBoardLog } from "./tensorboard.js";
import { epochEvent, gradientNorms, startEvent } from "./testing/events.js";

const seconds = 1_700_000_000.25;
const clock = { host: "a host/x", now: () => seconds };

function write(folder: string, events: readonly TrainingEvent[]): string {
  const log = new TensorBoardLog(folder, clock);
  for (const event of events) log.write(event);
  log.close();
  return log.file;
}

/** CRC-32C bit by bit, as RFC 3720 defines it. */
function checksum(data: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of data) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit += 1) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0x82f63b78 : 0);
  }
  return ~remainder >>> 0;
}

function unmasked(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}

/** The data of each record of a TFRecord file, checksums verified. */
function records(bytes: Buffer): readonly Buffer[] {
  const found: Buffer[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(offset));
    const data = bytes.subarray(offset + 12, offset + 12 + length);
    expect(unmasked(bytes.readUInt32LE(offset + 8))).toBe(checksum(bytes.subarray(offset, offset + 8)));
    expect(unmasked(bytes.readUInt32LE(offset + 12 + length))).toBe(checksum(data));
    found.push(data);
    offset += 16 + length;
  }
  return found;
}

/** The fields of a message: number and value, nested messages and strings as bytes. */
function message(bytes: Buffer): ReadonlyMap<number, readonly (number | Buffer)[]> {
  const found = new Map<number, (number | Buffer)[]>();
  let offset = 0;
  const varint = () => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = bytes.readUInt8(offset);
      offset += 1;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const field = (type: number) => {
    if (type === 0) return varint();
    const size = type === 1 ? 8 : type === 5 ? 4 : varint();
    const part = bytes.subarray(offset, offset + size);
    offset += size;
    return type === 1 ? part.readDoubleLE() : type === 5 ? part.readFloatLE() : part;
  };
  while (offset < bytes.length) {
    const key = varint();
    found.set(key >> 3, [...(found.get(key >> 3) ?? []), field(key & 7)]);
  }
  return found;
}

const part = (of: ReadonlyMap<number, readonly (number | Buffer)[]>, field: number) =>
  message(of.get(field)?.[0] as Buffer);

/** Wall time, step and scalars of each event. */
function read(file: string) {
  return records(readFileSync(file)).map((data) => {
    const event = message(data);
    const values = event.has(5) ? (part(event, 5).get(1) ?? []) : [];
    return {
      wallTime: event.get(1)?.[0],
      step: event.get(2)?.[0],
      version: event.get(3)?.[0]?.toString(),
      session: event.has(7) ? part(event, 7).get(1)?.[0] : undefined,
      scalars: Object.fromEntries(
        values.map((value) => {
          const fields = message(value as Buffer);
          return [String(fields.get(1)?.[0]), fields.get(2)?.[0]] as const;
        }),
      ),
    };
  });
}

describe("a TensorBoard event file", () => {
  it("has the numbers of every epoch under TensorBoard's tags", () => {
    const file = write(temporaryFolder(), [startEvent(), epochEvent(2), gradientNorms(2, ["fc1.weight", "größe"])]);
    expect(read(file)).toEqual([
      { wallTime: seconds, version: "brain.Event:2", scalars: {} },
      {
        wallTime: seconds,
        step: 258,
        scalars: {
          "loss/training": Math.fround(0.3),
          "loss/validation": Math.fround(0.325),
          "learning-rate": Math.fround(0.001),
          "metrics/rmse": Math.fround(0.4),
          "metrics/r²": Math.fround(0.8),
        },
      },
      { wallTime: seconds, step: 258, scalars: { "gradient-norm/fc1.weight": 0.5, "gradient-norm/größe": 0.25 } },
    ]);
  });

  it("is whole after each epoch, and leaves out a loss that was not computed", () => {
    const log = new TensorBoardLog(temporaryFolder(), clock);
    const { validationLoss: _, ...epoch } = epochEvent(1, { metrics: {}, loss: Number.NaN, step: 2 ** 40 });
    log.write(epoch);
    expect(read(log.file)[1]).toMatchObject({ step: 2 ** 40, scalars: { "loss/training": Number.NaN } });
    expect(Object.keys(read(log.file)[1]?.scalars ?? {})).toEqual(["loss/training", "learning-rate"]);
    log.close();
  });

  it("of a resumed run stands beside the former, from whose later steps TensorBoard is to look away", () => {
    const folder = join(temporaryFolder(), "a", "b");
    write(folder, [startEvent(), epochEvent(1)]);
    const second = write(folder, [startEvent({ step: 129, epoch: 1 }), epochEvent(2)]);
    const name = "events.out.tfevents.1700000000.a_host_x";
    expect(readdirSync(folder)).toEqual([name, `${name}.1`]);
    expect(basename(second)).toBe(`${name}.1`);
    expect(read(second)[1]).toEqual({ wallTime: seconds, step: 130, session: 1, scalars: {} });
  });

  it("that cannot be written is the user's to settle", () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "");
    const made = () => new TensorBoardLog(file, clock);
    expect(made).toThrow(InputError);
    expect(made).toThrow(`${file}: cannot be written: it is a file; choose another folder`);
    expect(() => new TensorBoardLog(join(file, "runs"), clock)).toThrow(/cannot be written: .*choose another folder/);
  });
});
