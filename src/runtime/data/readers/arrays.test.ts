import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../../graph/testing/files.js";
import { openSource, type SourceOptions } from "./index.js";
import { DATA, expectedOf, readAll, readWhole, refusal } from "./testing/read-source.js";

function file(content: Uint8Array, name: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, content);
  return path;
}

async function refused(content: Uint8Array, name: string, options?: SourceOptions): Promise<string> {
  const path = file(content, name);
  return (await refusal(path, options)).replace(path, name);
}

/** An NPY file of version 1.0. */
function npy(descr: string, shape: string, data: Uint8Array, order = "False"): Buffer {
  const header = `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`.padEnd(117) + "\n";
  const lead = Buffer.from("\x93NUMPY\x01\x00  ", "latin1");
  lead.writeUInt16LE(header.length, 8);
  return Buffer.concat([lead, Buffer.from(header), data]);
}

describe("NPY", () => {
  test("what is read, and how it is called", async () => {
    const source = await openSource(`${DATA}npy/f4-little.npy`);
    expect(source.columns).toEqual([{ name: "data", kind: "float32", shape: [2] }]);
    expect(source.rows).toBe(3);
    expect(source.describe(17)).toBe(`${DATA}npy/f4-little.npy, row 17 (counted from 0)`);
    expect(await readWhole(source)).toEqual(await readWhole(source));
  });

  test.for([
    ["b1", "float32"],
    ["i1", "float32"],
    ["u1", "uint8"],
    ["i2-big", "float32"],
    ["i4-little", "float64"],
    ["i8-little", "int64"],
    ["f2-big", "float32"],
    ["f8-big", "float64"],
    ["text-big", "text"],
    ["bytes", "text"],
  ] as const)("%s is read as %s", async ([name, kind]) => {
    expect((await openSource(`${DATA}npy/${name}.npy`)).columns[0]?.kind).toBe(kind);
  });

  test("64-bit integers come as float64 where all are safe", async () => {
    for (const [name, kind] of [
      ["i8-big", "float64"],
      ["i8-large", "int64"],
    ] as const) {
      for await (const { columns } of (await openSource(`${DATA}npy/${name}.npy`)).chunks()) {
        expect(columns.get("data")?.kind).toBe(kind);
      }
    }
  });

  test("packed by gzip, in either order of elements", async () => {
    for (const name of ["f8-big", "fortran"]) {
      const path = file(gzipSync(readFileSync(`${DATA}npy/${name}.npy`)), "x.npy.gz");
      expect(await readAll(path)).toEqual(expectedOf(`npy/${name}.npy`));
    }
  });

  test("large arrays come in chunks of some megabytes, in both orders", async () => {
    const [rows, width] = [700_000, 5];
    const inRows = Float32Array.from({ length: rows * width }, (_, index) => index);
    const inColumns = Float32Array.from(
      { length: rows * width },
      (_, index) => (index % rows) * width + Math.floor(index / rows),
    );
    for (const [order, data] of [
      ["False", inRows],
      ["True", inColumns],
    ] as const) {
      const bytes = new Uint8Array(data.buffer);
      const source = await openSource(file(npy("'<f4'", `(${rows}, ${width})`, bytes, order), "x.npy"));
      let next = 0;
      for await (const chunk of source.chunks()) {
        const values = chunk.columns.get("data")?.values;
        expect(chunk.rows * width * 4).toBeLessThanOrEqual(1 << 22);
        expect(values?.every((value) => value === next++)).toBe(true);
      }
      expect(next).toBe(rows * width);
    }
  });

  test("any shape in Fortran's order is the same as row-major", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }), async (shape) => {
        const count = shape.reduce((product, length) => product * length, 1);
        const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, length) => product * length, 1));
        const data = new Uint8Array(count);
        for (let index = 0; index < count; index++) {
          let rest = index;
          let at = 0;
          for (let axis = shape.length - 1; axis >= 0; axis--) {
            at += (rest % (shape[axis] ?? 1)) * (strides[axis] ?? 0);
            rest = Math.floor(rest / (shape[axis] ?? 1));
          }
          data[at] = index % 256;
        }
        const whole = await readAll(file(npy("'|u1'", `(${shape.join(", ")},)`, data, "True"), "x.npy"));
        expect(whole.columns["data"]?.values).toEqual(Array.from({ length: count }, (_, index) => index % 256));
      }),
      { numRuns: 40 },
    );
  });

  test.for([
    ["objects", "holds Python objects, which cannot be read"],
    ["complex", "holds complex numbers"],
    ["dates", "holds dates"],
    ["records", "holds records of several fields"],
    ["scalar", "is a single value, it has no rows"],
    ["no-rows", "has no rows"],
    ["too-large", 'row 1 (counted from 0), column "data": holds 9223372036854775808, which is too large'],
  ] as const)("refused: %s", async ([name, message]) => {
    expect(await refusal(`${DATA}npy/refused-${name}.npy`)).toContain(message);
  });

  test.for([
    ["cut short", "'<f4'", "(4, 3)", 40, "x.npy: is cut short: its shape [4, 3] needs 176 bytes, it has 168"],
    ["more than declared", "'<f4'", "(2,)", 12, "x.npy: goes on after its declared end, byte 136"],
    ["a giant shape", "'<f8'", "(1000000000000, 1000)", 8, "is cut short"],
    ["a shape beyond all numbers", "'<f8'", `(${"9".repeat(400)}, 3)`, 8, "is cut short"],
    ["a giant row", "'<U1000000000'", "(1,)", 8, "is cut short"],
    ["rows without values", "'<f4'", "(2, 0)", 8, "has rows without values"],
    ["no type", "'<q9'", "(2,)", 8, 'elements of the type "<q9"'],
    ["no shape", "'<f4'", "2", 8, "its header does not say its shape"],
    ["text that is none", "'<U1'", "(1,)", 4, "row 0 (counted from 0)"],
  ] as const)("refused: %s", async ([, descr, shape, bytes, message]) => {
    expect(await refused(npy(descr, shape, new Uint8Array(bytes).fill(255)), "x.npy")).toContain(message);
  });

  test("a packed file's declared size is believed only as far as it can be", async () => {
    expect(await refused(gzipSync(npy("'|u1'", "(1000000000000,)", new Uint8Array(9))), "x.npy.gz")).toContain(
      "it is too small for them",
    );
    expect(await refused(gzipSync(npy("'<f4'", "(90,)", new Uint8Array(9))), "x.npy.gz")).toContain(
      "is cut short: it ends",
    );
    expect(await refused(gzipSync(npy("'<f4'", "(2,)", new Uint8Array(9))), "x.npy.gz")).toContain("goes on after");
  });

  test("what is no NPY file", async () => {
    expect(await refused(Buffer.from("x,y\n1,2\n3,4\n"), "x.npy")).toContain("is no NPY file");
    expect(await refused(Buffer.from("x,y"), "x.npy")).toContain("is cut short");
    expect(await refused(Buffer.from("\x93NUMPY\x09\x00aaaaa", "latin1"), "x")).toContain("version 9.0");
    expect(await refused(Buffer.from("\x93NUMPY\x02\x00\xff\xff\xff\xff", "latin1"), "x")).toContain(
      "a header of 4294967295 bytes",
    );
  });

  test("an unknown column", async () => {
    expect(await refusal(`${DATA}npy/b1.npy`, { columns: ["Data"] })).toContain('perhaps "data" is meant');
  });
});

describe("NPZ", () => {
  test("the asked arrays, in their order, are the columns", async () => {
    const source = await openSource(`${DATA}npz/unequal.npz`, { columns: ["classes"] });
    expect((await readWhole(source)).columns).toEqual({ classes: { shape: [], values: ["u", "v"] } });
    const { columns } = await openSource(`${DATA}npz/deflated.npz`, { columns: ["name", "x"] });
    expect(columns).toEqual([
      { name: "name", kind: "text", shape: [] },
      { name: "x", kind: "float32", shape: [4] },
    ]);
  });

  test("arrays of different lengths", async () => {
    expect(await refusal(`${DATA}npz/unequal.npz`)).toContain(
      'different numbers of rows: "x" 6, "classes" 2; say which',
    );
  });

  test("an unknown array, and no arrays", async () => {
    expect(await refusal(`${DATA}npz/stored.npz`, { columns: ["labels"] })).toContain(
      'perhaps "label" is meant; it has x,',
    );
    const empty = Buffer.alloc(22);
    empty.write("PK\x05\x06");
    expect(await refused(empty, "x.npz")).toContain("has no arrays in it");
  });

  test("an archive that is cut short or has other content than it says", async () => {
    const whole = readFileSync(`${DATA}npz/deflated.npz`);
    expect(await refused(whole.subarray(0, 500), "x.npz")).toContain("is no whole zip archive");
    const damaged = Buffer.from(whole);
    damaged.fill(0xff, 60, 90);
    expect(await refused(damaged, "x.npz")).toMatch(/array "x": is (damaged|cut short)/);
    const changed = readFileSync(`${DATA}npz/stored.npz`);
    changed.writeUInt8(7, changed.indexOf("NUMPY") + 130);
    expect(await refused(changed, "x.npz")).toContain('array "x": is damaged: it has not the checksum');
    expect(await refused(gzipSync(whole), "x.npz.gz")).toContain("unpack it with gunzip first");
  });
});

describe("IDX", () => {
  test("images and labels as MNIST has them", async () => {
    const images = await openSource(`${DATA}idx/images-idx3-ubyte.gz`);
    expect(images.columns).toEqual([{ name: "data", kind: "uint8", shape: [4, 4] }]);
    expect(images.rows).toBe(7);
    expect((await readAll(`${DATA}idx/labels-idx1-ubyte.gz`)).columns["data"]?.values).toEqual([3, 1, 4, 1, 5, 9, 2]);
  });

  test.for([
    ["cut short", [0, 0, 8, 1, 0, 0, 0, 9, 1, 2], "is cut short: its shape [9] needs 17 bytes, it has 10"],
    ["cut short in its header", [0, 0, 8, 200, 0, 0, 0, 9, 1, 2], "is cut short: it ends at byte 10, before byte 804"],
    ["more than declared", [0, 0, 8, 1, 0, 0, 0, 1, 1, 2], "goes on after its declared end"],
    ["a giant shape", [0, 0, 14, 2, 255, 255, 255, 255, 255, 255, 255, 255], "is cut short"],
    ["no rows", [0, 0, 8, 1, 0, 0, 0, 0], "has no rows"],
    ["an unknown type", [0, 0, 7, 1, 0, 0, 0, 1, 1], "is no IDX file"],
  ] as const)("refused: %s", async ([, bytes, message]) => {
    expect(await refused(Uint8Array.from(bytes), "x.idx")).toContain(message);
    expect(await refused(gzipSync(Uint8Array.from(bytes)), "x.idx.gz")).toMatch(/x\.idx\.gz: (is|has|goes)/);
  });
});

describe("which kind of file it is", () => {
  test("its first bytes say, whatever its name is", async () => {
    for (const name of ["npy/f4-big.npy", "npz/stored.npz", "idx/f4.idx", "parquet/snappy.parquet"]) {
      expect(await readAll(file(readFileSync(DATA + name), "data.csv"))).toEqual(expectedOf(name));
    }
  });

  test("text without a known name is read as CSV, anything else not", async () => {
    expect((await readAll(file(Buffer.from("x\n1\n"), "data"))).columns["x"]?.values).toEqual([1]);
    expect((await readAll(file(Buffer.from("PAR1,x\n1,2\n"), "data"))).columns["PAR1"]?.values).toEqual([1]);
    expect(await refused(Uint8Array.of(1, 0, 2), "data")).toContain(
      "is of no kind that can be read; it can be Parquet, NPY",
    );
  });

  test("it can be told", async () => {
    expect(await refused(Buffer.from("x\n1\n"), "data.csv", { format: "parquet" })).toContain(
      "is no whole Parquet file",
    );
    expect((await readAll(file(Buffer.from("x\ty\n1\t2\n"), "a.npy"), { format: "tsv" })).columns["y"]?.values).toEqual(
      [2],
    );
  });
});
