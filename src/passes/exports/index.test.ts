import { describe, expect, it } from "vitest";
import { exportFormats } from "./index.js";
import { row, tableOf } from "./testing/scale-table.js";

const all = Object.entries(exportFormats);
const hostile = tableOf([row({ frameworkName: 'x"""\n' }), row({ name: '"""', frameworkName: null })], {
  file: '"""\nimport os\n"""\\.onnx',
  sha256: '"""',
});

describe.each(all)("%s", (_, format) => {
  const text = format.generate(tableOf([row({}), row({ name: "n", frameworkName: "n.weight", role: "norm-scale" })]));

  it("describes itself in a line and makes Python", () => {
    expect(format.summary).toMatch(/^Python file: [^\n]+$/);
    expect(format.extension).toBe(".py");
  });

  it("shows its use first, then the data", () => {
    expect(text).toMatch(/^"""Learning-rate scales for the \w+ of an? .*\(CaAdam\)\.\n\n/);
    expect(text.indexOf("from caadam_scales import")).toBeLessThan(text.indexOf('\n"""\n'));
    expect(text.indexOf("\nMade by caadam-onnx from m.onnx")).toBeLessThan(text.indexOf('\n"""\n'));
    expect(text).toContain('\nSCALES = {\n    "fc1.weight": 1.0,\n    "n.weight": 1.0,\n}\n');
  });

  it("has lines of at most 100 columns, no blanks at their ends, one line feed at its own", () => {
    for (const line of text.split("\n")) {
      expect(line.length).toBeLessThanOrEqual(100);
      expect(line).not.toMatch(/\s$/);
    }
    expect(text).toMatch(/[^\n]\n$/);
  });

  it("lets nothing in the table out of its literal", () => {
    const lines = format.generate(hostile).split("\n");
    expect(lines.join("\n")).toMatch(/^[\n\u0020-\u007e]*$/);
    expect(lines.filter((line) => line.includes("import os"))).toEqual([
      expect.stringMatching(/^Made by caadam-onnx from "\\"\\"\\"\\nimport os\\n\\"\\"\\"\\\\.onnx": strategy /),
    ]);
  });

  it("makes the same text from the same table", () => {
    expect(format.generate(hostile)).toBe(format.generate(hostile));
  });
});

describe("mmengine", () => {
  it("names the parameters of normalization layers, for norm_decay_mult", () => {
    const rows = [
      row({}),
      row({ frameworkName: "bn.weight", role: "norm-scale" }),
      row({ frameworkName: "bn.bias", role: "norm-bias" }),
    ];
    expect(exportFormats.mmengine.generate(tableOf(rows))).toContain(
      '\nNORMS = [\n    "bn.weight",\n    "bn.bias",\n]\n',
    );
    expect(exportFormats.mmengine.generate(tableOf([row({})]))).toContain("\nNORMS = []\n");
  });
});
