import { describe, expect, it } from "vitest";
import { memoryBytes } from "./bytes.js";
import { refusal } from "./testing/input-error.js";
import { bytes, concat, double, float, floats, group, int, nested, tag, varint, varints } from "./testing/protobuf.js";
import { type Field, WireReader } from "./wire.js";

function reader(content: Uint8Array): WireReader {
  return new WireReader(memoryBytes(content, "m.onnx"));
}

/** What `see` makes of each field of a message. */
function visited<T>(content: Uint8Array, see: (field: Field, wire: WireReader) => T): T[] {
  const wire = reader(content);
  const seen: T[] = [];
  wire.message(0, content.length, "", (field) => seen.push(see(field, wire)));
  return seen;
}

const numbers = (content: Uint8Array) => visited(content, ({ number }) => number);

describe("fields", () => {
  it("come in file order with their numbers and kinds", () => {
    const content = concat(int(3, 1), float(1, 2), bytes(536870911, "x"), double(2, 1), int(3, 4));
    expect(visited(content, ({ number, kind }) => [number, kind])).toEqual([
      [3, "varint"],
      [1, "fixed32"],
      [536870911, "bytes"],
      [2, "fixed64"],
      [3, "varint"],
    ]);
  });

  it.each([0n, 1n, 127n, 128n, 2n ** 31n, 2n ** 53n - 1n, -1n, -(2n ** 53n) + 1n])("hold the number %s", (value) => {
    expect(visited(int(1, value), (field, wire) => wire.integer(field))).toEqual([Number(value)]);
  });

  it.each([2n ** 63n - 1n, -(2n ** 63n), -1n, 2n ** 32n, 2n ** 31n])("hold all 64 bits of %s", (value) => {
    expect(visited(int(1, value), (field, wire) => wire.bigint(field))).toEqual([value]);
  });

  it.each([2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)])("refuse %s where a safe number is needed", (value) => {
    expect(refusal(() => visited(int(1, value), (field, wire) => wire.integer(field)))).toMatch(/out of range/);
  });

  it("hold floats, text and bytes", () => {
    expect(visited(float(1, -0.1), (field, wire) => wire.float(field))).toEqual([Math.fround(-0.1)]);
    expect(visited(bytes(1, "größe 層"), (field, wire) => wire.text(field))).toEqual(["größe 層"]);
    expect(visited(bytes(1, varint(300)), (field, wire) => [...wire.bytes(field)])).toEqual([[172, 2]]);
  });

  it("are found where they straddle the read window", () => {
    for (let gap = 65_500; gap < 65_560; gap++) {
      const content = concat(bytes(1, new Uint8Array(gap)), int(2, 2n ** 40n), bytes(3, "the end"));
      expect(visited(content, (field, wire) => (field.number === 3 ? wire.text(field) : field.number))).toEqual([
        1,
        2,
        "the end",
      ]);
    }
  });

  it("may be groups, which are stepped over as protobuf parsers do with fields that they do not know", () => {
    const inner = concat(int(1, 5), bytes(2, "x"), group(7, group(7)));
    expect(visited(concat(group(1000, inner), int(4, 1)), ({ number, kind }) => [number, kind])).toEqual([
      [1000, "group"],
      [4, "varint"],
    ]);
  });
});

describe("lists", () => {
  const list = (content: Uint8Array) => {
    const values: bigint[] = [];
    visited(content, (field, wire) => wire.bigints(field, values));
    return values;
  };
  const floatList = (content: Uint8Array) => {
    const values: number[] = [];
    visited(content, (field, wire) => wire.floats(field, values));
    return values;
  };

  it("of integers may be packed, unpacked, and in several pieces", () => {
    expect(list(concat(int(1, 1), bytes(1, varints(-2, 3)), bytes(1), int(1, 2n ** 62n)))).toEqual([
      1n,
      -2n,
      3n,
      2n ** 62n,
    ]);
  });

  it("of floats may be packed, unpacked, and in several pieces", () => {
    expect(floatList(concat(float(1, 1), bytes(1, floats(2, 3)), bytes(1), float(1, 4)))).toEqual([1, 2, 3, 4]);
  });

  it("are refused when they end inside a number", () => {
    expect(refusal(() => list(concat(bytes(1, Uint8Array.of(1, 128)), int(1, 1))))).toMatch(/ends inside a number/);
    expect(refusal(() => floatList(bytes(1, new Uint8Array(6))))).toMatch(/ends inside a number/);
  });
});

describe("damage", () => {
  it.each([
    ["a field number of 0", Uint8Array.of(0, 1)],
    ["wire type 6", concat(tag(1, 6), varint(1))],
    ["wire type 7", concat(tag(1, 7), varint(1))],
    ["the end of a group that did not begin", tag(1, 4)],
    ["the end of another group", concat(tag(1, 3), tag(2, 4))],
  ])("%s", (_, content) => {
    expect(refusal(() => numbers(content))).toMatch(
      /^m\.onnx: byte \d does not begin a protobuf field; the file is damaged/,
    );
  });

  it.each([
    ["a tag without an end", Uint8Array.of(0xff, 0xff)],
    ["a tag without a value", tag(1, 0)],
    ["a varint of 11 bytes", concat(tag(1, 0), new Uint8Array(10).fill(0x80), varint(1))],
    ["a length of 11 bytes", concat(tag(1, 2), new Uint8Array(10).fill(0x80), varint(0))],
    ["3 bytes of a fixed32", concat(tag(1, 5), new Uint8Array(3))],
    ["7 bytes of a fixed64", concat(tag(1, 1), new Uint8Array(7))],
    ["a length beyond the end", concat(tag(1, 2), varint(2), Uint8Array.of(1))],
    ["a length beyond 2^53", concat(tag(1, 2), varint(2n ** 60n), Uint8Array.of(1))],
    ["a negative length", concat(tag(1, 2), varint(-1), Uint8Array.of(1))],
    ["a group without an end", concat(tag(1, 3), int(1, 1))],
  ])("%s", (_, content) => {
    expect(refusal(() => numbers(content))).toMatch(/^m\.onnx: is cut off/);
  });

  it("a field longer than the message that it is in, though the file goes on", () => {
    const content = concat(tag(1, 2), varint(3), bytes(2, "far too long"));
    const read = (wire: WireReader) =>
      wire.message(0, content.length, "", (outer) => wire.message(outer.start, outer.end, "inner", () => undefined));
    expect(refusal(() => read(reader(content)))).toMatch(/^m\.onnx: inner: is cut off/);
  });

  it("messages and groups nested without end", () => {
    const content = nested(1, 10_000);
    const descend = (wire: WireReader, start: number, end: number): void =>
      wire.message(start, end, "m", (field) => descend(wire, field.start, field.end));
    expect(refusal(() => descend(reader(content), 0, content.length))).toMatch(/nested more than 100 deep/);
    const groups = concat(...Array.from({ length: 10_000 }, () => tag(1, 3)));
    expect(refusal(() => numbers(groups))).toMatch(/nested more than 100 deep/);
  });

  it("the wrong kind of value", () => {
    expect(refusal(() => visited(float(1, 1), (field, wire) => wire.integer(field)))).toMatch(
      /field 1 should hold an integer/,
    );
    expect(refusal(() => visited(int(1, 1), (field, wire) => wire.text(field)))).toMatch(
      /field 1 should hold a string/,
    );
    expect(refusal(() => visited(int(1, 1), (field, wire) => wire.bytes(field)))).toMatch(/field 1 should hold bytes/);
    expect(refusal(() => visited(int(1, 1), (field, wire) => wire.float(field)))).toMatch(
      /field 1 should hold a number/,
    );
    expect(refusal(() => visited(float(1, 1), (field, wire) => wire.bigints(field, [])))).toMatch(
      /should hold integers/,
    );
  });

  it("text that is not UTF-8", () => {
    const content = bytes(1, Uint8Array.of(0x61, 0xff, 0xfe));
    expect(refusal(() => visited(content, (field, wire) => wire.text(field)))).toMatch(/field 1 .* not UTF-8/);
  });

  it("more numbers than memory could hold, before they are all there", () => {
    // Zeros as far as anyone asks: on a disk this would be a sparse file of a few bytes.
    const zeros = { label: "zeros", size: 2 ** 40, read: (_: number, length: number) => new Uint8Array(length) };
    const field = { kind: "bytes", number: 1, start: 0, end: zeros.size } as const;
    expect(refusal(() => new WireReader(zeros).text(field))).toMatch(/than a model can have/);
    expect(refusal(() => new WireReader(zeros).bytes(field))).toMatch(/than a model can have/);
    expect(refusal(() => new WireReader(zeros).floats(field, []))).toMatch(/than a model can have/);
    let count = 0;
    const list = { push: () => ++count } as unknown as bigint[];
    expect(refusal(() => new WireReader(zeros).bigints(field, list))).toMatch(/than a model can have/);
    expect(count).toBeLessThan(2 ** 25);
  });
});
