import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { elementsOf, readCodes, readScalars } from "./records.js";
import type { SourceColumn } from "./source.js";
import { type Store, storeOf } from "./store.js";
import { memorySource, numbers, texts } from "./testing/memory-source.js";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "store-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What a store gives for some rows of a column. */
function read(store: Store, name: string, rows: readonly number[]): unknown[] {
  const column = store.columns.find((each) => each.name === name);
  if (column === undefined) throw new Error("no such column");
  const block = store.block(Uint32Array.from(rows));
  if (column.shape.length > 0) return rows.map((_, index) => [...elementsOf(block, column, index)]);
  if (column.kind === "text") {
    const codes = new Int32Array(rows.length);
    readCodes(block, column, codes);
    return [...codes].map((code) => store.texts(name)[code]);
  }
  const values = new Float64Array(rows.length);
  readScalars(block, column, values);
  return [...values];
}

describe("a store", () => {
  test("gives back any rows in any order, from memory and from a file alike", async () => {
    const kinds: SourceColumn["kind"][] = ["float64", "float32", "uint8", "int64", "text"];
    const column = fc.record({
      kind: fc.constantFrom(...kinds),
      shape: fc.constantFrom<readonly number[]>([], [], [3], [2, 2]),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(column, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 20 }),
        fc.boolean(),
        async (kept, count, picks, isInMemory) => {
          const columns = kept.map(({ kind, shape }, index) => {
            const own = kind === "text" ? [] : shape;
            const size = own.reduce((product, extent) => product * extent, 1);
            const values = Array.from({ length: count * size }, (_, place) =>
              kind === "text" ? `t${(place * 7 + index) % 5}` : (place * 13 + index) % 251,
            );
            return [`c${index}`, { kind, shape: own, values, size }] as const;
          });
          const source = memorySource("d", Object.fromEntries(columns), 7);
          const store = await storeOf(source, { memoryLimit: isInMemory ? 1e9 : 0, temporaryFolder: folder });
          expect(store.rows).toBe(count);
          const rows = picks.map((pick) => pick % count);
          for (const [name, { shape, size, values }] of columns) {
            const expected = rows.map((row) =>
              shape.length === 0 ? values[row] : values.slice(row * size, (row + 1) * size),
            );
            expect(read(store, name, rows)).toEqual(expected);
          }
          store.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  test("goes to a file beyond its limit, which nobody sees and which is gone when it is closed", async () => {
    const count = 3000;
    const values = Array.from({ length: count * 100 }, (_, index) => index);
    const source = memorySource("d", { x: { kind: "float64", shape: [100], values } }, 500);
    const store = await storeOf(source, { memoryLimit: 1e6, temporaryFolder: folder });
    expect(store.isInMemory).toBe(false);
    expect(store.memoryBytes).toBe(0);
    if (process.platform !== "win32") expect(readdirSync(folder)).toEqual([]);
    const rows = [2999, 0, 1, 2, 1500, 1500];
    expect(read(store, "x", rows)).toEqual(rows.map((row) => values.slice(row * 100, (row + 1) * 100)));
    store.close();
    store.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("keeps only the columns that are needed, and knows where a value is missing", async () => {
    const source = memorySource("d.csv", {
      a: numbers(1, undefined, 3, undefined),
      b: texts("x", "y", undefined, "x"),
      c: numbers(1, 2, 3, -Infinity),
    });
    const all = await storeOf(source);
    expect(all.findings("a")).toEqual({ firstMissing: 1, firstInfinite: -1 });
    expect(all.findings("b")).toEqual({ firstMissing: 2, firstInfinite: -1 });
    expect(all.findings("c")).toEqual({ firstMissing: -1, firstInfinite: 3 });
    expect(all.describe(2)).toBe("d.csv, row 4");
    const some = await storeOf(source, { columns: new Set(["b"]) });
    expect(some.columns.map(({ name }) => name)).toEqual(["b"]);
  });

  test("finds numbers that are missing in arrays", async () => {
    const values = [1, Number.NaN, Number.NaN, 4, 5, 6];
    const store = await storeOf(memorySource("d.npy", { a: { kind: "float32", shape: [2], values } }));
    expect(store.findings("a")).toEqual({ firstMissing: 0, firstInfinite: -1 });
  });

  test("finds infinite numbers in arrays, also where they cancel out", async () => {
    const values = [1, 2, 3, 4, Infinity, -Infinity, 7, Infinity];
    const store = await storeOf(memorySource("d.npy", { a: { kind: "float32", shape: [2], values } }));
    expect(store.findings("a")).toEqual({ firstMissing: -1, firstInfinite: 2 });
  });

  test("refuses integers that are not exact", async () => {
    const source = memorySource("d.npy", { id: { kind: "int64", values: [1n, 2n ** 60n] } });
    await expect(storeOf(source)).rejects.toThrow(
      'd.npy, row 3, column "id": holds 1152921504606846976, and integers are exact up to ±2^53',
    );
  });

  test("says where a file cannot be made", async () => {
    const values = Array.from({ length: 400_000 }, (_, index) => index);
    const temporaryFolder = join(folder, "missing");
    const storing = storeOf(memorySource("d", { x: { kind: "float64", values } }, 1e5), {
      memoryLimit: 0,
      temporaryFolder,
    });
    await expect(storing).rejects.toThrow(
      `${temporaryFolder}: cannot hold data: no such file or folder; free space there, or set TMPDIR`,
    );
  });
});
