import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { stringify } from "csv-stringify/sync";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../../graph/testing/files.js";
import { openSource, type SourceOptions } from "./index.js";
import { type PlainValue, readAll, readWhole, refusal } from "./testing/read-source.js";

function file(content: string | Uint8Array, name = "houses.csv"): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, content);
  return path;
}

/** The values of each column, and nothing else. */
async function columns(content: string | Uint8Array, options?: SourceOptions, name?: string) {
  const whole = await readAll(file(content, name), options);
  return Object.fromEntries(Object.entries(whole.columns).map(([column, { values }]) => [column, values]));
}

/** A refusal without the folder. */
async function refused(content: string | Uint8Array, options?: SourceOptions, name?: string): Promise<string> {
  const path = file(content, name);
  return (await refusal(path, options)).replace(path, "houses.csv");
}

describe("tables", () => {
  test("numbers and text by what most cells of a column are", async () => {
    expect(await columns("rooms,place,price\n3,INLAND,1.5e2\n4,NEAR BAY,-.5\n")).toEqual({
      rooms: [3, 4],
      place: ["INLAND", "NEAR BAY"],
      price: [150, -0.5],
    });
  });

  test("numbers are the float64 nearest to what is written", async () => {
    const written = [
      "0.1",
      "123456789012345",
      "9007199254740993",
      "37.880000000000003",
      "1e-320",
      "+4.",
      "-0",
      "0.000000000000001",
    ];
    expect((await columns(`x\n${written.join("\n")}\n`))["x"]).toEqual(written.map(Number));
  });

  test("spaces around a number do not count, in a text they do", async () => {
    expect(await columns("x,t\n 1 , a\n2,b \n")).toEqual({ x: [1, 2], t: [" a", "b "] });
  });

  test.for([
    ["LF", "\n"],
    ["CR LF", "\r\n"],
    ["CR", "\r"],
  ] as const)("lines end with %s, the last one or not, and empty lines are left out", async ([, end]) => {
    const expected = { x: [1, 2], y: [3, 4] };
    expect(await columns(["x,y", "1,3", "2,4"].join(end))).toEqual(expected);
    expect(await columns(["", "x,y", "", "1,3", "2,4", "", ""].join(end))).toEqual(expected);
    expect(await columns(["x,y", "1,3", '"2","4"', ""].join(end))).toEqual(expected);
  });

  test("quoted cells hold delimiters, quotes and ends of lines", async () => {
    expect(await columns('t,x\n"a, ""b""\nc",1\n"",2\n')).toEqual({ t: ['a, "b"\nc', null], x: [1, 2] });
  });

  test("a byte order mark is left out", async () => {
    expect(await columns("\ufeffx,y\n1,2\n")).toEqual({ x: [1], y: [2] });
  });

  test("gzip is seen by its bytes", async () => {
    expect(await columns(gzipSync("x,y\n1,2\n"), {}, "a.csv.gz")).toEqual({ x: [1], y: [2] });
    expect(await columns(gzipSync("x,y\n1,2\n"), {}, "a.csv")).toEqual({ x: [1], y: [2] });
  });

  test.for([
    ["comma", "x,y\n1,2\n"],
    ["semicolon", "x;y\n1;2\n"],
    ["tab", "x\ty\n1\t2\n"],
    ["semicolons with commas in them", '"x";y\n"1";2\n'],
  ] as const)("delimiter guessed: %s", async ([, content]) => {
    expect(await columns(content)).toEqual({ x: [1], y: [2] });
  });

  test("a delimiter can be told, and a .tsv has tabs", async () => {
    expect(await columns("x|y\n1|2\n", { delimiter: "|" })).toEqual({ x: [1], y: [2] });
    expect(await columns("a;b\tc;d\n1\t2\n", {}, "a.tsv")).toEqual({ "a;b": [1], "c;d": [2] });
    expect(await refused("x\n1\n", { delimiter: ",," })).toContain('the delimiter ",,"');
  });

  test("only the asked columns are read, in their order", async () => {
    const path = file("x,bad,y\n1,2,3\n4,oops,6\n");
    const source = await openSource(path, { columns: ["y", "x"] });
    expect(source.columns.map((column) => column.name)).toEqual(["y", "x"]);
    expect((await readWhole(source)).columns["y"]?.values).toEqual([3, 6]);
  });

  test("a source can be read again", async () => {
    const source = await openSource(file("x\n1\n2\n"));
    expect(await readWhole(source)).toEqual(await readWhole(source));
  });
});

describe("header", () => {
  test("a first row without numbers above rows with numbers is one", async () => {
    expect(Object.keys(await columns("a,b\n1,u\n"))).toEqual(["a", "b"]);
  });

  test("else columns are called by their place", async () => {
    expect(await columns("5.1,setosa\n4.9,virginica\n")).toEqual({ "1": [5.1, 4.9], "2": ["setosa", "virginica"] });
    expect(await columns("u,v\nw,z\n")).toEqual({ "1": ["u", "w"], "2": ["v", "z"] });
  });

  test("a first row that has all asked names is one", async () => {
    const asked = { columns: ["text", "label"] };
    expect(await columns("text,label\ngood,yes\nbad,no\n", asked)).toEqual({
      text: ["good", "bad"],
      label: ["yes", "no"],
    });
    expect(await columns("country,1990\nPeru,1\n", { columns: ["country"] })).toEqual({ country: ["Peru"] });
  });

  test("what is told is done", async () => {
    expect(await columns("1,2\n3,4\n", { header: true })).toEqual({ "1": [3], "2": [4] });
    expect(await columns("a,b\n1,2\n3,4\n", { header: false, textColumns: ["1", "2"] })).toEqual({
      "1": ["a", "1", "3"],
      "2": ["b", "2", "4"],
    });
  });

  test("spaces around names do not count, and a column without a name has its place for one", async () => {
    expect(Object.keys(await columns(", b \n1,2\n"))).toEqual(["1", "b"]);
  });

  test("a header may be quoted over several lines", async () => {
    expect(await columns('"a\nb",c\n1,2\n')).toEqual({ "a\nb": [1], c: [2] });
  });
});

describe("missing values", () => {
  test("are not-a-number in numbers and absent in texts", async () => {
    const cells = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "?", " ? "];
    const rows = cells.map((cell) => `${cell},${cell},0`).join("\n");
    expect(await columns(`x,t,z\n1,a,0\n${rows}\n2,b,0\n`)).toMatchObject({
      x: [1, ...cells.map(() => "nan"), 2],
      t: ["a", ...cells.map(() => null), "b"],
    });
  });

  test("other words can stand for them, numbers too", async () => {
    expect(await columns("x,t\n1,NA\n-999,none\n", { missing: ["none", "-999"] })).toEqual({
      x: [1, "nan"],
      t: ["NA", null],
    });
  });

  test("a column of nothing but missing values is one of numbers", async () => {
    expect((await columns("x,y\n1,\n2,\n"))["y"]).toEqual(["nan", "nan"]);
  });
});

describe("what is refused, and where", () => {
  test.for([
    ["text in a number column", "x,y\n1,2\n3,4\n5,abc\n", 'houses.csv, line 4, column "y": "abc" is not a number;'],
    ["quoted ends of lines count", 't,y\n"a\nb\r\nc",2\nd,e\nf,3\ng,4\n', 'houses.csv, line 5, column "y": "e" is not'],
    ["empty lines count", "x,y\n\n1,2\n\n\n3,4\n5,abc\n", 'houses.csv, line 7, column "y"'],
    ["infinity", "x,y\n1,2\n3,inf\n", 'houses.csv, line 3, column "y": "inf" is not a finite number'],
    ["a number that is too large", "x,y\n1,2\n3,1e999\n", '"1e999" is not a finite number'],
    ["hexadecimal digits", "x,y\n1,2\n3,0x10\n4,4\n", '"0x10" is not a number'],
    ["decimal comma in a column of numbers", "x;y\n1;2\n3;4\n5;3,14\n", '"3,14" has a decimal comma'],
    ["decimal commas throughout", "x;y\n1;2,5\n3;3,14\n", 'column "y" has numbers with a decimal comma, "2,5"'],
    ["a row too long", "x,y\n1,2\n1,234,5\n", "houses.csv, line 3: has 3 cells, the header has 2"],
    ["a row too long that also shifts text", "x,y\n1,2\na,b,5\n", "houses.csv, line 3: has 3 cells"],
    ["a row too short", "x,y\n1,2\n1\n", "houses.csv, line 3: has 1 cell, the header has 2"],
    ["the same with quotes", 'x,y\n"1",2\n1\n', "houses.csv, line 3: has 1 cell, the header has 2"],
    ["without a header", "1,2\n3\n", "houses.csv, line 2: has 1 cell, the first row has 2"],
    ["two columns of a name", "x,y,x\n1,2,3\n", 'has two columns called "x"'],
    ["an empty file", "", "houses.csv: is empty"],
    ["nothing but lines", "\n\r\n\n", "has nothing but empty lines"],
    ["a header only", "x,y\n", "has a header and no rows"],
    [
      "a quote that is not closed",
      'x,y\n1,"2\n3,4\n',
      "houses.csv, line 2: a quoted cell begins in this line and does not end",
    ],
    ["a quote within a cell", 'x,y\n1,2\n5" pipe,4\n', "houses.csv, line 3: there is a quote within a cell"],
    ["text after a quoted cell", 'x,y\n1,2\n"5"a,4\n', "houses.csv, line 3: something follows the closing quote"],
    ["zeros", "x,y\n1,\0\n", "houses.csv, line 2: holds a zero byte"],
  ] as const)("%s", async ([, content, message]) => {
    expect(await refused(content)).toContain(message);
  });

  test("text that is not UTF-8", async () => {
    expect(await refused(Buffer.from("x,y\n1,2\n3,gr\xfcn\n", "latin1"))).toContain(
      "houses.csv, line 3: is not UTF-8 text",
    );
    expect(await refused(Buffer.from("\ufeffx,y\n1,2\n", "utf16le"))).toContain("is UTF-16 text");
  });

  test("an unknown column: what there is, and what was perhaps meant", async () => {
    const content = "median_income,price\n1,2\n";
    expect(await refused(content, { columns: ["MedianIncome"] })).toBe(
      'houses.csv: has no column "MedianIncome", perhaps "median_income" is meant; it has median_income, price',
    );
    expect(await refused(content, { columns: ["age"] })).toContain('has no column "age"; it has median_income, price');
    expect(await refused(content, { textColumns: ["pricce"] })).toContain('perhaps "price" is meant');
    expect(await refused("1,2\n", { columns: ["age"] })).toContain("say so if it is");
  });

  test("a file that is not there, or is a folder", async () => {
    expect(await refusal(join(temporaryFolder(), "none.csv"))).toContain("no such file");
    expect(await refusal(temporaryFolder())).toContain("is a folder");
  });

  test("packing that is cut short or damaged", async () => {
    const packed = gzipSync(stringify(Array.from({ length: 3000 }, (_, row) => [row, Math.sin(row)])));
    expect(await refused(packed.subarray(0, -2000))).toContain("is cut short: its compressed data ends too early");
    packed.fill(0x55, 5000, 5100);
    expect(await refused(packed)).toMatch(/is damaged: its compressed data|line/);
  });

  test("a cell that never ends is not read to the end of the file", async () => {
    const open = Buffer.alloc(20_000_000, "a,b\n");
    open.write('x,y\n1,"');
    expect(await refused(open)).toContain("line 2: a quoted cell begins in this line");
  });
});

describe("rows are found again", () => {
  test("by the line where they begin, once they are read", async () => {
    const path = file('t,x\n"a\nb",1\nc,2\n\n"d\n\ne",3\nf,4\n');
    const source = await openSource(path);
    expect(source.describe(1)).toBe(`${path}, row 1 (counted from 0)`);
    await readWhole(source);
    expect([0, 1, 2, 3].map((row) => source.describe(row))).toEqual(
      [2, 4, 6, 9].map((line) => `${path}, line ${line}`),
    );
  });

  test("over many pieces of a file", async () => {
    const rows = Array.from({ length: 200_000 }, (_, row) => `${row},text ${row}`);
    const path = file(`x,t\n${rows.join("\n")}\n`);
    const source = await openSource(path);
    let chunks = 0;
    let next = 0;
    for await (const { columns: read } of source.chunks()) {
      chunks++;
      const x = read.get("x")?.values;
      expect(x?.[0]).toBe(next);
      next += x?.length ?? 0;
    }
    expect(chunks).toBeGreaterThan(2);
    expect(next).toBe(200_000);
    expect(source.describe(199_999)).toBe(`${path}, line 200001`);
  });
});

describe("what csv-stringify writes comes back", () => {
  const text = fc
    .string({ unit: fc.constantFrom("a", "b", "é", "日", " ", ",", ";", '"', "\n", "\r", "\t", "1"), maxLength: 6 })
    .map((cell) => `t${cell}`);
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  const row = fc.record({ x: fc.option(number, { nil: undefined }), t: text, y: number });
  const asNumber = (value: number | undefined): PlainValue => (value === undefined ? "nan" : value);

  test("quoted or not, whatever ends lines and cells", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 30 }),
        fc.constantFrom(",", ";", "\t"),
        fc.constantFrom("\n", "\r\n", "\r"),
        fc.boolean(),
        fc.boolean(),
        async (rows, delimiter, recordDelimiter, quoted, bom) => {
          const content = stringify(
            rows.map(({ x, t, y }) => [x, t, y]),
            {
              header: true,
              columns: ["x", "t", "y"],
              delimiter,
              record_delimiter: recordDelimiter,
              quoted,
              bom,
              quoted_match: /[\r\n]/,
              cast: { number: (value) => (Object.is(value, -0) ? "-0" : String(value)) },
            },
          );
          expect(await columns(content, { delimiter, textColumns: ["t"] })).toEqual({
            x: rows.map(({ x }) => asNumber(x)),
            t: rows.map(({ t }) => t),
            y: rows.map(({ y }) => y),
          });
        },
      ),
      { numRuns: 60 },
    );
  });
});
