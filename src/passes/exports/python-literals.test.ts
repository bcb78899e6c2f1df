import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pythonComment, pythonFloat, pythonString } from "./python-literals.js";

/** What Python reads in a literal that we write: JSON's escapes, and \U for the planes above 16 bits. */
const readString = (literal: string) =>
  JSON.parse(
    literal.replaceAll(/\\(?:U([0-9a-f]{8})|.)/g, (escape, code: string | undefined) =>
      code === undefined ? escape : String.fromCodePoint(Number.parseInt(code, 16)),
    ),
  ) as string;

describe("pythonString", () => {
  it.each([
    ["fc1.weight", '"fc1.weight"'],
    ['a"b', String.raw`"a\"b"`],
    ["a'b", `"a'b"`],
    ["a\\b", String.raw`"a\\b"`],
    ["a\nb\r\t\0", String.raw`"a\nb\r\t\u0000"`],
    ["\u007f\u0085\u00e9", String.raw`"\u007f\u0085\u00e9"`],
    ["\u2028\u202e\ufeff", String.raw`"\u2028\u202e\ufeff"`],
    // Python would read a pair of surrogates as two characters; a lone one is the same in both languages.
    ["\u{1f600}", String.raw`"\U0001f600"`],
    ["\ud800x", String.raw`"\ud800x"`],
  ])("writes %j", (text, literal) => {
    expect(pythonString(text)).toBe(literal);
  });

  it("is one line of printable ASCII that reads back, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(pythonString(text)).toMatch(/^"[\u0020-\u007e]*"$/);
        expect(readString(pythonString(text))).toBe(text);
      }),
    );
  });
});

describe("pythonFloat", () => {
  it.each([
    [1, "1.0"],
    [0, "0.0"],
    [-2, "-2.0"],
    [0.05, "0.05"],
    [0.1 + 0.2, "0.30000000000000004"],
    [1e21, "1e+21"],
    [5e-324, "5e-324"],
  ])("writes %d as %s", (value, text) => {
    expect(pythonFloat(value)).toBe(text);
  });

  it("reads back exactly, and is a float and not an integer", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(pythonFloat(value))).toBe(value === 0 ? 0 : value);
        expect(pythonFloat(value)).toMatch(/[.e]/);
      }),
    );
  });
});

describe("pythonComment", () => {
  it("leaves ordinary names and quotes the rest", () => {
    expect(pythonComment("my model-v2.onnx")).toBe("my model-v2.onnx");
    expect(pythonComment('"""')).toBe(String.raw`"\"\"\""`);
    expect(pythonComment("a\nimport os")).toBe(String.raw`"a\nimport os"`);
    expect(pythonComment("")).toBe('""');
  });
});
