import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { InputError } from "../../../../graph/errors.js";
import type { Source } from "../../source.js";
import { openSource, type SourceOptions } from "../index.js";

/** Where the files that other programs wrote are. */
export const DATA = new URL("../../../../../fixtures/data/", import.meta.url).pathname;

/** One value of a source, as JSON could hold it: not-a-number is "nan", a large integer text, a missing text null. */
export type PlainValue = number | string | null;

export interface WholeColumn {
  readonly shape: readonly number[];
  readonly values: PlainValue[];
}

/** All that a source gives. */
export interface WholeSource {
  readonly rows: number;
  readonly columns: Readonly<Record<string, WholeColumn>>;
}

/** Reads all chunks, and checks that they are of the declared kinds and shapes. */
export async function readWhole(source: Source): Promise<WholeSource> {
  const columns = Object.fromEntries(
    source.columns.map(({ name, shape }): [string, WholeColumn] => [name, { shape, values: [] }]),
  );
  let rows = 0;
  for await (const chunk of source.chunks()) {
    expect(chunk.rows).toBeGreaterThan(0);
    expect([...chunk.columns.keys()]).toEqual(source.columns.map((column) => column.name));
    for (const { name, kind, shape } of source.columns) {
      const read = chunk.columns.get(name);
      if (read === undefined) throw new Error(`no ${name}`);
      expect(read.kind === kind || (kind === "int64" && read.kind === "float64")).toBe(true);
      expect(read.values.length).toBe(shape.reduce((product, length) => product * length, chunk.rows));
      for (const value of read.values) columns[name]?.values.push(plain(value));
    }
    rows += chunk.rows;
  }
  if (source.rows !== undefined) expect(rows).toBe(source.rows);
  return { rows, columns };
}

function plain(value: number | bigint | string | undefined): PlainValue {
  if (value === undefined) return null;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return Number.isNaN(value) ? "nan" : value;
}

export async function readAll(path: string, options?: SourceOptions): Promise<WholeSource> {
  return readWhole(await openSource(path, options));
}

/** What `make.py` says is in a file. */
export function expectedOf(file: string): WholeSource {
  const all = JSON.parse(readFileSync(`${DATA}expected.json`, "utf8")) as Record<string, WholeSource>;
  const expected = all[file];
  if (expected === undefined) throw new Error(`nothing is expected of ${file}`);
  return expected;
}

/** The message, of one line, by which a file is refused when it is opened or read. */
export async function refusal(path: string, options?: SourceOptions): Promise<string> {
  const error = await readAll(path, options).then(
    () => new Error("it was read"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(InputError);
  const { message } = error as InputError;
  expect(message).toMatch(/^[^\p{Cc}\u2028\u2029]{1,2100}$/u);
  return message;
}
