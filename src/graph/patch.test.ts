import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ByteSource, memoryBytes } from "./bytes.js";
import { metadataEdits, patched, type SizedField, withLengths } from "./patch.js";
import { readModel } from "./read-model.js";
import { refusal } from "./testing/input-error.js";
import { fixture, modelBytes } from "./testing/models.js";
import { onnx } from "./testing/oracle.js";
import { bytes, concat, group, int } from "./testing/protobuf.js";

const KEY = "caadam.scale_table";

/** The bytes of a model with a metadata property set. */
function withMetadata(content: Uint8Array, key: string, value: string | undefined): Uint8Array {
  const source = memoryBytes(content);
  return concat(...patched(source, metadataEdits(source, key, value)));
}

const entry = (key: string, value: string) => bytes(14, bytes(1, key), bytes(2, value));

describe("a metadata property is set", () => {
  it.each(["pytorch/mlp.functions.onnx", "pytorch/gru_classifier.dynamo.onnx", "keras/gru_loop.onnx"])(
    "at the end of %s",
    (name) => {
      const content = new Uint8Array(readFileSync(fixture(name)));
      const value = JSON.stringify({ größe: "層\n😀".repeat(100) });
      const result = withMetadata(content, KEY, value);
      expect(result.subarray(0, content.length)).toEqual(content);
      expect(result.subarray(content.length)).toEqual(entry(KEY, value));
      expect(readModel(result).metadata.get(KEY)).toBe(value);
      const decoded = onnx.ModelProto.decode(result);
      expect(decoded.metadataProps.at(-1)).toMatchObject({ key: KEY, value });
      decoded.metadataProps.pop();
      expect(decoded).toEqual(onnx.ModelProto.decode(content));
    },
  );

  it("in place of all former entries of its key, and of nothing else", () => {
    const parts = {
      before: concat(bytes(14, bytes(2, KEY), bytes(1, "other")), int(1, 8)),
      after: concat(
        entry("caadam.scale", "x"),
        bytes(8, int(2, 17)),
        bytes(7, bytes(14, bytes(1, KEY))),
        bytes(900, entry(KEY, "inside")),
      ),
      group: group(901, entry(KEY, "in a group")),
    };
    // Value before key, and a key that is said twice: the last one counts.
    const former = [entry(KEY, "1"), bytes(14, bytes(2, "2"), bytes(1, KEY)), bytes(14, bytes(1, KEY))];
    const content = concat(
      parts.before,
      former[0] ?? parts.group,
      parts.after,
      former[1] ?? parts.group,
      former[2] ?? parts.group,
      parts.group,
    );
    expect(withMetadata(content, KEY, "new")).toEqual(
      concat(parts.before, parts.after, parts.group, entry(KEY, "new")),
    );
  });

  it("or taken away", () => {
    const content = modelBytes();
    const twice = concat(content, entry(KEY, "a"), entry("k", "v"), entry(KEY, "b"));
    expect(withMetadata(twice, KEY, undefined)).toEqual(concat(content, entry("k", "v")));
    expect(withMetadata(content, KEY, undefined)).toEqual(content);
  });

  it("again and again without growing", () => {
    const content = modelBytes();
    const once = withMetadata(content, KEY, "a");
    expect(withMetadata(withMetadata(once, KEY, "b"), KEY, "a")).toEqual(once);
    expect(withMetadata(once, "k", "v")).toEqual(concat(once, entry("k", "v")));
  });

  it("without reading the weights", () => {
    const content = modelBytes(bytes(5, int(1, 1 << 20), int(2, 1), bytes(9, new Uint8Array(4 << 20))));
    const memory = memoryBytes(content);
    let read = 0;
    metadataEdits({ ...memory, read: (offset, length) => ((read += length), memory.read(offset, length)) }, KEY, "v");
    expect(read).toBeLessThan(200_000);
  });

  it("unless the file would become too large", () => {
    const head = modelBytes();
    const hole = 2 ** 31 - 10 - head.length;
    const header = concat(Uint8Array.of(((900 * 8 + 2) & 127) | 128, (900 * 8 + 2) >> 7));
    const length = hole - header.length - 5;
    const lengthBytes = Uint8Array.from(
      [0, 7, 14, 21, 28],
      (shift) => ((length / 2 ** shift) & 127) | (shift < 28 ? 128 : 0),
    );
    const start = concat(head, header, lengthBytes);
    const source: ByteSource = {
      label: "large.onnx",
      size: 2 ** 31 - 10,
      read: (offset, count) => {
        const content = new Uint8Array(count);
        content.set(start.subarray(offset, offset + count));
        return content;
      },
    };
    expect(refusal(() => metadataEdits(source, KEY, "v"))).toMatch(/^large\.onnx: would become larger than 2 GiB/);
  });
});

describe("edits", () => {
  it("give what a splice gives", () => {
    const edit = fc.record({ keep: fc.nat(20), drop: fc.nat(20), bytes: fc.uint8Array({ maxLength: 9 }) });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(edit, { maxLength: 5 }), (content, steps) => {
        let position = 0;
        const expected: number[] = [];
        const edits = steps.map(({ keep, drop, bytes: added }) => {
          const start = Math.min(position + keep, content.length);
          const end = Math.min(start + drop, content.length);
          expected.push(...content.subarray(position, start), ...added);
          position = end;
          return { start, end, bytes: added };
        });
        expected.push(...content.subarray(position));
        expect([...concat(...patched(memoryBytes(content), edits))]).toEqual(expected);
      }),
    );
  });

  it("come in pieces that fit into memory", () => {
    const source = { label: "large", size: 5 << 20, read: (_: number, length: number) => new Uint8Array(length) };
    const pieces = [...patched(source, [])];
    expect(pieces.reduce((sum, { length }) => sum + length, 0)).toBe(5 << 20);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(1 << 20);
  });

  it("come with those of the lengths around them, whose own length may change", () => {
    const made = (first: string, second: string) => bytes(7, bytes(1, bytes(2, first), int(5, 1)), bytes(3, second));
    const content = made("a".repeat(100), "b".repeat(10));
    // Tags and lengths of one byte each.
    const outer: SizedField = { tag: 0, start: 2, end: content.length, inside: undefined };
    const node: SizedField = { tag: 2, start: 4, end: 108, inside: outer };
    const text: SizedField = { tag: 4, start: 6, end: 106, inside: node };
    const source = memoryBytes(content);
    const edit = (inside: SizedField, at: number, added: Uint8Array) => ({ start: at, end: at, bytes: added, inside });
    for (const added of [Buffer.from("a".repeat(40)), Buffer.from("a".repeat(300)), new Uint8Array()]) {
      const expected = made("a".repeat(100 + added.length), "b".repeat(10));
      for (const each of [added, memoryBytes(added)]) {
        const edits = withLengths(source, [{ ...edit(text, 50, added), bytes: each }]);
        expect(concat(...patched(source, edits))).toEqual(expected);
      }
    }
    // In any order, at the end of one message and in another.
    const more = [
      edit(outer, content.length, bytes(9, "x")),
      edit(node, node.end, int(6, 3)),
      edit(node, node.end, int(6, 4)),
    ];
    const expected = bytes(
      7,
      bytes(1, bytes(2, "a".repeat(100)), int(5, 1), int(6, 3), int(6, 4)),
      bytes(3, "b".repeat(10)),
      bytes(9, "x"),
    );
    expect(concat(...patched(source, withLengths(source, more)))).toEqual(expected);
  });
});
