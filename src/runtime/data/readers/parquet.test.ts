import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../../graph/testing/files.js";
import { openSource } from "./index.js";
import { unpackedPages } from "./parquet-pages.js";
import { DATA, readAll, readWhole, refusal } from "./testing/read-source.js";
import { readThrift } from "./thrift.js";

const REFUSED = `${DATA}parquet/refused.parquet`;

function file(content: Uint8Array, name = "x.parquet"): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, content);
  return path;
}

describe("columns", () => {
  test("are of these kinds and shapes", async () => {
    const source = await openSource(`${DATA}parquet/zstd.parquet`);
    expect(source.columns.map(({ name, kind, shape }) => [name, kind, shape])).toEqual([
      ["integer", "float64", []],
      ["long", "int64", []],
      ["byte", "float64", []],
      ["single", "float32", []],
      ["double", "float64", []],
      ["half", "float32", []],
      ["flag", "float64", []],
      ["place", "text", []],
      ["price", "float64", []],
      ["vector", "float32", [3]],
      ["fixed", "int64", [2]],
    ]);
    expect(source.rows).toBe(40);
    expect(source.describe(3)).toBe(`${DATA}parquet/zstd.parquet, row 3 (counted from 0)`);
  });

  test("only the asked ones are read", async () => {
    const source = await openSource(REFUSED, { columns: ["x"] });
    expect(await readWhole(source)).toEqual({ rows: 3, columns: { x: { shape: [], values: [1, 2, 3] } } });
  });

  test("that cannot be read are left out unless they are asked for", async () => {
    const all = ["x", "ragged", "binary", "wide", "huge", "unsigned"];
    expect((await openSource(REFUSED)).columns.map((column) => column.name)).toEqual(all);
  });

  test("integers beyond 2^53 stay integers", async () => {
    expect((await readAll(REFUSED, { columns: ["huge"] })).columns["huge"]?.values).toEqual(["9007199254740993", 2, 3]);
  });

  test.for([
    ["pair", 'column "pair": is nested'],
    ["matrix", 'column "matrix": is nested'],
    ["words", 'column "words": has lists of text'],
    ["when", 'column "when": holds dates or times'],
    ["day", 'column "day": holds dates or times'],
    ["binary", 'column "binary": holds bytes that are no UTF-8 text'],
    ["ragged", 'row 2 (counted from 0), column "ragged": has a list of 3 numbers, the first has 2'],
    ["wide", "holds 9007199254740993, which is too large in a column with missing values"],
    ["unsigned", 'row 0 (counted from 0), column "unsigned": holds 18446744073709551615'],
    ["X", 'perhaps "x" is meant'],
  ] as const)("refused: %s", async ([name, message]) => {
    expect(await refusal(REFUSED, { columns: [name] })).toContain(message);
  });
});

test("what hyparquet-writer writes comes back", async () => {
  const column = <T>(value: fc.Arbitrary<T>) => fc.array(fc.option(value), { minLength: 50, maxLength: 50 });
  const table = fc.record({
    x: column(fc.double({ noNaN: true })),
    n: column(fc.integer()),
    t: column(fc.string({ minLength: 1 })),
    b: column(fc.boolean()),
  });
  await fc.assert(
    fc.asyncProperty(
      table,
      fc.constantFrom("SNAPPY", "UNCOMPRESSED"),
      fc.integer({ min: 1, max: 60 }),
      async (rows, codec, size) => {
        const content = parquetWriteBuffer({
          columnData: [
            { name: "x", data: rows.x, type: "DOUBLE" },
            { name: "n", data: rows.n, type: "INT32" },
            { name: "t", data: rows.t, type: "STRING" },
            { name: "b", data: rows.b, type: "BOOLEAN" },
          ],
          codec,
          rowGroupSize: size,
        });
        const { columns } = await readAll(file(new Uint8Array(content)));
        expect(columns["x"]?.values).toEqual(rows.x.map((value) => value ?? "nan"));
        expect(columns["n"]?.values).toEqual(rows.n.map((value) => value ?? "nan"));
        expect(columns["t"]?.values).toEqual(rows.t);
        expect(columns["b"]?.values).toEqual(rows.b.map((value) => (value === null ? "nan" : Number(value))));
      },
    ),
    { numRuns: 25 },
  );
});

describe("files that are not whole", () => {
  const whole = readFileSync(`${DATA}parquet/snappy.parquet`);
  const changed = (change: (bytes: Buffer) => void): string => {
    const bytes = Buffer.from(whole);
    change(bytes);
    return file(bytes);
  };

  test.for([
    ["cut short", () => file(whole.subarray(0, -100)), "is no whole Parquet file"],
    ["begun only", () => file(whole.subarray(0, 6)), "is no whole Parquet file"],
    ["text", () => file(Buffer.from("x,y\n1,2\n3,4\n")), "is no whole Parquet file"],
    ["packed", () => file(gzipSync(whole), "x.parquet.gz"), "unpack it with gunzip first"],
    ["without rows", () => `${DATA}parquet/no-rows.parquet`, "has no rows"],
    [
      "a giant footer",
      () => changed((bytes) => bytes.writeUInt32LE(0xffff_fff0, bytes.length - 8)),
      "declares a footer of 4294967280",
    ],
    [
      "an encrypted footer",
      () => changed((bytes) => bytes.write("PARE", bytes.length - 4)),
      "is an encrypted Parquet file",
    ],
    ["damaged pages", () => changed((bytes) => bytes.fill(0xff, 4, 300)), 'column "integer": is damaged'],
    [
      "a damaged footer",
      () => changed((bytes) => bytes.fill(0xff, bytes.length - 3000, bytes.length - 2000)),
      "is damaged",
    ],
  ] as const)("%s", async ([, path, message]) => {
    expect(await refusal(path())).toContain(message);
  });
});

describe("pages that declare what cannot be", () => {
  /** Integers of Thrift's compact protocol: fields 1, 2, ... of a struct. */
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
  const zigzag = (value: number): number[] => varint(value * 2);
  const integers = (...values: number[]): number[] => values.flatMap((value) => [0x15, ...zigzag(value)]);
  /** A data page of the first version: type, sizes, then the header of values, encoding and levels' encodings as field 5. */
  const page = (values: number, encoding: number, data: number[], size = data.length): Uint8Array =>
    Uint8Array.from([...integers(0, size, data.length), 0x2c, ...integers(values, encoding, 3, 3), 0, 0, ...data]);
  const levels = { definition: 0, repetition: 0, boolean: false };
  const column = { codec: "UNCOMPRESSED", values: 8, mostBytes: 2 ** 20, ...levels } as const;

  test("a page as it should be is taken", () => {
    expect(unpackedPages(page(8, 8, [1, 16, 1]), column)).toEqual([]);
    expect(unpackedPages(page(8, 8, [1, 3, 0b10110010]), column)).toEqual([]);
  });

  test.for([
    ["a value repeated too often", page(8, 8, [1, ...varint(2 ** 30), 1]), "repeats a value more often"],
    ["a run beyond 31 bits", page(8, 8, [1, ...varint(2 ** 33 + 1), 1]), "integer that is too long"],
    ["more values than declared", page(9, 8, [1, 18, 1]), "more values than it declares"],
    ["a giant page", page(8, 0, [1], 2 ** 30), "declares 1073741824 bytes"],
    ["places of too many bits", page(8, 8, [200, 16, 1]), "more than 32 bits"],
    ["blocks of nothing", page(8, 5, [128, 1, 0, 8, 0, 0]), "in blocks that cannot be"],
    ["runs that end too early", page(8, 8, [1, 16]), "ends too early"],
    ["no header", Uint8Array.of(0x15, 0, 0, 0), "a header that cannot be"],
  ] as const)("%s", ([, bytes, message]) => {
    expect(() => unpackedPages(bytes, column)).toThrow(message);
  });

  test("many pages without values", () => {
    // Each of them little once it is packed.
    const zeros = page(0, 0, [...gzipSync(new Uint8Array(2 ** 19))], 2 ** 19);
    const bytes = (count: number) => Buffer.concat(Array.from({ length: count }, () => zeros));
    expect(unpackedPages(bytes(2), { ...column, codec: "GZIP" }).length).toBe(2);
    expect(() => unpackedPages(bytes(3), { ...column, codec: "GZIP" })).toThrow("declare more than 1048576 bytes");
  });

  test("little bytes that stand for very many", () => {
    // Each of 4096 values repeats the first 2^17 bytes of the one before.
    const prefixes = [
      ...varint(4096),
      128,
      1,
      ...varint(4096),
      ...zigzag(2 ** 17),
      0,
      ...Array.from({ length: 128 }, () => 0),
    ];
    const suffixes = [...varint(4096), 128, 1, ...varint(4096), 0, 0, ...Array.from({ length: 128 }, () => 0)];
    const bytes = page(4096, 7, [...prefixes, ...suffixes]);
    expect(() => unpackedPages(bytes, { ...column, values: 4096 })).toThrow("too many bytes of text");
  });

  test.for([
    ["an integer without end", Array.from({ length: 99 }, () => 0x80), "more than 64 bits"],
    ["structs without end", Array.from({ length: 99 }, () => 0x1c), "too deep"],
    ["a list of more than there is", [0x19, 0xf5, 0xff, 0xff, 0xff, 0x0f], "a list that is too long"],
    ["bytes of more than there are", [0x18, 0xff, 0xff, 0xff, 0x0f], "ends too early"],
    ["a type that is none", [0x1d, 0], "unknown type"],
  ] as const)("%s", ([, bytes, message]) => {
    const lead = bytes[0] === 0x80 ? [0x15] : [];
    expect(() => readThrift(Uint8Array.from([...lead, ...bytes]), 0)).toThrow(message);
  });
});
