import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { InputError } from "../../graph/errors.js";
import { temporaryFolder } from "../../graph/testing/files.js";
import type { TrainingEvent } from "../events.js";
import { EventLog, type EventLogOptions, logLine } from "./log.js";
import { epochEvent, progressEvent, startEvent } from "./testing/events.js";

function write(file: string, events: readonly TrainingEvent[], options?: EventLogOptions): void {
  const log = new EventLog(file, options);
  for (const event of events) log.write(event);
  log.close();
}

const lines = (file: string) =>
  readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);

describe("a log", () => {
  it("has one object for each event, but for the progress within epochs", () => {
    const file = join(temporaryFolder(), "run.jsonl");
    const events = [startEvent(), progressEvent(), epochEvent(1)];
    write(file, events);
    expect(lines(file)).toEqual([startEvent(), epochEvent(1)]);
    write(file, events, { progress: true });
    expect(lines(file).slice(2)).toEqual(events);
  });

  it("can be read while training runs", () => {
    const file = join(temporaryFolder(), "run.jsonl");
    const log = new EventLog(file);
    log.write(startEvent());
    log.write(epochEvent(1));
    expect(lines(file)).toHaveLength(2);
    log.close();
    log.write(epochEvent(2));
    expect(lines(file)).toHaveLength(2);
  });

  it("says null for what is no number", () => {
    const line = logLine(epochEvent(1, { loss: Number.NaN, metrics: { mae: Number.POSITIVE_INFINITY } }));
    expect(JSON.parse(line)).toMatchObject({ loss: null, metrics: { mae: null } });
  });

  it("keeps what a former run wrote, and says where the next one goes on", () => {
    const file = join(temporaryFolder(), "run.jsonl");
    write(file, [startEvent(), epochEvent(1), epochEvent(2)]);
    write(file, [startEvent({ step: 129, epoch: 1 }), epochEvent(2)]);
    expect(lines(file)).toMatchObject([
      { step: 0 },
      { epoch: 1 },
      { epoch: 2 },
      { event: "start", step: 129 },
      { epoch: 2 },
    ]);
  });

  it.each(["", `{${"x".repeat(200_000)}\n`])("drops a line that a crash cut off", (whole) => {
    const file = join(temporaryFolder(), "run.jsonl");
    writeFileSync(file, whole);
    appendFileSync(file, logLine(epochEvent(1, { metrics: { ["m".repeat(100_000)]: 1 } })).slice(0, -10));
    write(file, [epochEvent(2)]);
    expect(readFileSync(file, "utf8")).toBe(`${whole}${logLine(epochEvent(2))}\n`);
  });

  it.each(["a,b\n1,2\n", "notes without a line break"])("leaves a file alone that is none: %j", (content) => {
    const file = join(temporaryFolder(), "d.csv");
    writeFileSync(file, content);
    expect(() => new EventLog(file)).toThrow(/d\.csv: is no log of JSON lines; choose another file for the log/);
    expect(readFileSync(file, "utf8")).toBe(content);
  });

  it("that cannot be written is the user's to settle", () => {
    const folder = temporaryFolder();
    expect(() => new EventLog(folder)).toThrow(InputError);
    expect(() => new EventLog(join(folder, "missing", "run.jsonl"))).toThrow(
      /run\.jsonl: cannot be written: no such file/,
    );
  });
});
