import { describe, expect, it } from "vitest";
import { InputError } from "../../graph/errors.js";
import { collectScales, provenance, pythonScales } from "./scale-data.js";
import { row, tableOf } from "./testing/scale-table.js";

const lines = (rows: Parameters<typeof tableOf>[0]) => pythonScales(collectScales(tableOf(rows))).split("\n");

describe("collectScales", () => {
  it("keeps the table's order", () => {
    const names = ["b", "a", "10", "9"];
    const { scales } = collectScales(tableOf(names.map((name) => row({ frameworkName: name }))));
    expect(scales.map(({ name }) => name)).toEqual(names);
  });

  it("gives a row's scale to each of its names", () => {
    const names = ["lstm.bias_ih_l0", "lstm.bias_hh_l0"];
    const { scales, unnamed } = collectScales(
      tableOf([row({ frameworkName: null, frameworkNames: names, scale: 0.5, role: "bias" })]),
    );
    expect(scales).toEqual(names.map((name) => ({ name, scale: 0.5, role: "bias" })));
    expect(unnamed).toEqual([]);
  });

  it("lets the first of two rows win and reports the other only where its scale differs", () => {
    const first = row({ name: "embed", frameworkName: "tied.weight", scale: 2 });
    const same = row({ name: "copy", frameworkName: "tied.weight", scale: 2 });
    const other = row({ name: "head", frameworkName: "tied.weight", scale: 3 });
    const { scales, conflicts } = collectScales(tableOf([first, same, other]));
    expect(scales).toEqual([{ name: "tied.weight", scale: 2, role: "kernel" }]);
    expect(conflicts).toEqual([{ name: "tied.weight", kept: first, dropped: other }]);
  });

  it("refuses a table that has no name to apply a scale by", () => {
    const unnamed = tableOf([row({ frameworkName: null })], { file: "anonymous.onnx" });
    expect(() => collectScales(unnamed)).toThrow(InputError);
    expect(() => collectScales(unnamed)).toThrow(/^anonymous\.onnx: .*could be recovered.*--format json/);
    expect(() => collectScales(tableOf([]))).toThrow("no parameters");
    expect(() => collectScales(tableOf([row({ frameworkName: null, frameworkNames: [] })]))).toThrow(InputError);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("refuses the scale %d, which Python has no literal for", (scale) => {
    expect(() => collectScales(tableOf([row({ name: "w", scale })]))).toThrow(/^w: its scale is/);
  });
});

describe("pythonScales", () => {
  it("is a dictionary and nothing else where all is known", () => {
    expect(lines([row({}), row({ frameworkName: "fc1.bias", scale: 0.05 })])).toEqual([
      "SCALES = {",
      '    "fc1.weight": 1.0,',
      '    "fc1.bias": 0.05,',
      "}",
    ]);
  });

  it("lists what it could not name in comments", () => {
    const found = lines([row({}), row({ name: 'onnx::MatMul_"9\n', frameworkName: null, scale: 0.2, shape: [8, 64] })]);
    expect(found.slice(2)).toEqual([
      "}",
      "# Names not recovered from the file: scale 1, unless you add the true name to SCALES:",
      String.raw`#   "onnx::MatMul_\"9\n" (kernel, shape [8, 64]): 0.2`,
    ]);
  });

  it("lists what the file has not in comments", () => {
    const table = { ...tableOf([row({})]), absentParameters: ["norm1.weight", 'norm2"\n'] };
    expect(pythonScales(collectScales(table)).split("\n").slice(2)).toEqual([
      "}",
      "# Parameters not recovered from the file, merged with equal ones or folded at export: scale 1:",
      '#   "norm1.weight"',
      String.raw`#   "norm2\"\n"`,
    ]);
  });

  it("says which of two tied tensors counts", () => {
    const found = lines([row({ name: "a", scale: 1 }), row({ name: "b", scale: 5 })]);
    expect(found.at(-1)).toBe('#   "fc1.weight": 1.0 from "a", not 5.0 from "b"');
  });

  it("lists twenty at most", () => {
    const unnamed = Array.from({ length: 25 }, (_, i) => row({ name: `w${i}`, frameworkName: null }));
    const found = lines([row({}), ...unnamed]);
    expect(found.filter((line) => line.startsWith('#   "w'))).toHaveLength(20);
    expect(found.at(-1)).toBe("#   ... and 5 more");
  });
});

describe("provenance", () => {
  it("says which scales these are", () => {
    expect(provenance(tableOf([]))).toBe(
      "Made by caadam-onnx from m.onnx: strategy additive, gamma 0.95, convention layer",
    );
    const table = tableOf([], { sha256: "ab".repeat(32) });
    expect(provenance({ ...table, strategy: { ...table.strategy, normalized: true } })).toBe(
      "Made by caadam-onnx from m.onnx: strategy additive, gamma 0.95, convention layer, normalized\n" +
        `sha256 of that file: ${"ab".repeat(32)}`,
    );
  });
});
