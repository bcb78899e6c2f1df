import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryBytes } from "../../graph/bytes.js";
import { temporaryFolder } from "../../graph/testing/files.js";
import { refusal } from "../../graph/testing/input-error.js";
import { fixture } from "../../graph/testing/models.js";
import { concat } from "../../graph/testing/protobuf.js";
import { writeFile } from "../../graph/write-file.js";
import type { HostTensor, HostType } from "../host-tensor.js";
import { type CheckpointContent, openSafetensors, readSafetensors, safetensorsBytes } from "./safetensors.js";

const encoded = (content: CheckpointContent) => concat(...safetensorsBytes(content));
const decoded = (bytes: Uint8Array) => readSafetensors(openSafetensors(bytes));

/** A tensor of numbers that are given as text. */
function tensorOf(type: string, dims: readonly number[], values: readonly string[]): HostTensor {
  const numbers = values.map((text) => Number(text.replace("inf", "Infinity")));
  const data = {
    float32: () => Float32Array.from(numbers),
    float64: () => Float64Array.from(numbers),
    float16: () => Uint16Array.from(numbers),
    int64: () => BigInt64Array.from(values.map(BigInt)),
    uint64: () => BigUint64Array.from(values.map(BigInt)),
    int32: () => Int32Array.from(numbers),
    uint32: () => Uint32Array.from(numbers),
    int16: () => Int16Array.from(numbers),
    uint16: () => Uint16Array.from(numbers),
    int8: () => Int8Array.from(numbers),
    uint8: () => Uint8Array.from(numbers),
    bool: () => Uint8Array.from(numbers),
    string: () => values,
  }[type as HostType]();
  return { type, data, dims } as HostTensor;
}

const floats = (...values: readonly number[]): HostTensor => ({
  type: "float32",
  data: Float32Array.from(values),
  dims: [values.length],
});

describe("what the reference in Python wrote", () => {
  interface Reference {
    readonly metadata: Readonly<Record<string, string>>;
    readonly tensors: readonly (readonly [
      string,
      { readonly type: string; readonly dims: readonly number[]; readonly values: readonly string[] },
    ])[];
  }
  const path = fixture("checkpoints/reference.safetensors");
  const reference = JSON.parse(readFileSync(fixture("checkpoints/reference.json"), "utf8")) as Reference;
  const content = {
    metadata: reference.metadata,
    tensors: new Map(
      reference.tensors.map(([name, { type, dims, values }]) => [name, tensorOf(type, dims, values)] as const),
    ),
  };

  it("is read", () => {
    const file = openSafetensors(path);
    expect(readSafetensors(file)).toEqual(content);
    expect([file.label, file.tensors.get("10")?.dims]).toEqual([path, [2, 3]]);
  });

  it("is what we write, byte for byte", () => {
    expect(encoded(content)).toEqual(new Uint8Array(readFileSync(path)));
  });
});

describe("a safetensors file", () => {
  it("holds what was written", () => {
    const dims = fc.array(fc.nat(3), { maxLength: 3 });
    const types = fc.constantFrom("float32", "float64", "float16", "int64", "uint8", "bool", "int16", "uint32");
    const tensors = fc.array(fc.tuple(fc.string({ unit: "binary" }), types, dims, fc.nat(255)), { maxLength: 6 });
    const texts = fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(tensors, texts, (list, metadata) => {
        const content = {
          metadata,
          tensors: new Map(
            list.map(([name, type, shape, value]) => {
              const count = shape.reduce((product, extent) => product * extent, 1);
              return [
                name,
                tensorOf(
                  type,
                  shape,
                  Array.from({ length: count }, () => String(value)),
                ),
              ] as const;
            }),
          ),
        };
        const bytes = encoded(content);
        const read = decoded(bytes);
        expect(read.tensors).toEqual(content.tensors);
        expect(read.metadata).toEqual(metadata);
        expect(bytes.length % (list.every(([, type]) => type.endsWith("64")) ? 8 : 1)).toBe(0);
      }),
    );
  });

  it("is empty where nothing is in it", () => {
    expect(Buffer.from(encoded({ tensors: new Map(), metadata: {} })).toString("latin1")).toBe(
      "\b\0\0\0\0\0\0\0{}      ",
    );
    expect(decoded(encoded({ tensors: new Map(), metadata: {} }))).toEqual({ tensors: new Map(), metadata: {} });
  });

  it("is written from parts of buffers, and read into buffers of its own", () => {
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    const bytes = encoded({ tensors: new Map([["x", { type: "float32", data, dims: [2] }]]), metadata: {} });
    // Tensors in memory that begin at an odd address.
    const odd = new Uint8Array(bytes.length + 1);
    odd.set(bytes, 1);
    const first = openSafetensors(odd.subarray(1)).read("x");
    expect(first).toEqual(floats(2, 3));
    odd.fill(0, 1 + bytes.length - 8);
    expect(first).toEqual(floats(2, 3));
  });

  it("is opened by its header alone, and read tensor by tensor", () => {
    const large = new Float32Array(1 << 12).fill(7);
    const bytes = encoded({
      tensors: new Map<string, HostTensor>([
        ["large", { type: "float32", data: large, dims: [64, 64] }],
        ["small", floats(1)],
      ]),
      metadata: { step: "3" },
    });
    let read = 0;
    const memory = memoryBytes(bytes);
    const file = openSafetensors({ ...memory, read: (at, length) => ((read += length), memory.read(at, length)) });
    expect(file.metadata).toEqual({ step: "3" });
    expect([...file.tensors.keys()]).toEqual(["large", "small"]);
    file.read("small");
    expect(read).toBeLessThan(500);
    expect(file.read("large").data).toEqual(large);
    expect(refusal(() => file.read("none"))).toMatch(/^the given bytes: holds no tensor "none"$/);
  });
});

describe("a safetensors file is not written", () => {
  it.each<[string, string, HostTensor, RegExp]>([
    ["with text", "x", { type: "string", data: ["a"], dims: [1] }, /^tensor "x": holds strings/],
    ["with too few elements", "x", { ...floats(1), dims: [2, 3] }, /has 1 elements, by its shape \[2, 3\] 6/],
    ["with a tensor in place of the metadata", "__metadata__", floats(1), /^tensor "__metadata__": has the name/],
    ["with half a character", "\ud800", floats(1), /is no Unicode/],
  ])("%s", (_, name, tensor, message) => {
    expect(refusal(() => encoded({ tensors: new Map([[name, tensor]]), metadata: {} }))).toMatch(message);
  });
});

describe("a damaged file is refused", () => {
  const file = (header: unknown, data: Uint8Array | number = 0) => {
    const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    return concat(length, text, typeof data === "number" ? new Uint8Array(data) : data);
  };
  const entry = (start: unknown, end: unknown, more = {}) => ({
    dtype: "F32",
    shape: [1],
    data_offsets: [start, end],
    ...more,
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["empty", new Uint8Array(), /is cut off/],
    ["cut within the length", Uint8Array.of(1, 0, 0), /is cut off: a safetensors file has 8 bytes at least/],
    ["cut within the header", file({}).subarray(0, 9), /is cut off: its header is 2 bytes long, there are 1/],
    ["all zeros", new Uint8Array(4096), /is no safetensors file/],
    ["with an endless header", Uint8Array.of(...new Uint8Array(8).fill(255), 1), /its header would be 1844674407/],
    ["without JSON", file("{x"), /its header is no JSON object/],
    ["with a list", file("[]"), /is no safetensors file/],
    ["with a header that is not UTF-8", concat(file("{").subarray(0, 8), Uint8Array.of(255)), /is no safetensors file/],
    ["deeply nested", file(`{"a":${"[".repeat(1_000_000)}`), /its header is not what it should be/],
    ["with metadata that are no texts", file({ __metadata__: { a: 1 } }), /its metadata are not texts by name/],
    ["with metadata that are a list", file({ __metadata__: [] }), /its metadata are not texts by name/],
    ["with a tensor that is none", file({ x: 1 }), /tensor "x": says no type of its elements/],
    [
      "with an unknown type",
      file({ x: entry(0, 4, { dtype: "BF16" }) }, 4),
      /elements of the type BF16; known are U64/,
    ],
    ["with a negative extent", file({ x: entry(0, 4, { shape: [-1] }) }, 4), /the impossible shape \[-1\]/],
    ["with a broken extent", file({ x: entry(0, 4, { shape: [0.5] }) }, 4), /the impossible shape \[0\.5\]/],
    ["without a shape", file({ x: entry(0, 4, { shape: null }) }, 4), /the impossible shape null/],
    ["of impossible size", file({ x: entry(0, 4, { shape: [2 ** 40, 2 ** 40] }) }, 4), /the impossible shape/],
    ["with an end before its start", file({ x: entry(4, 0) }, 4), /lies at impossible offsets \[4,0\]/],
    ["with offsets that are no list", file({ x: { ...entry(0, 4), data_offsets: 4 } }, 4), /impossible offsets 4/],
    ["with three offsets", file({ x: { ...entry(0, 4), data_offsets: [0, 4, 4] } }, 4), /impossible offsets/],
    [
      "of another length",
      file({ x: entry(0, 8) }, 8),
      /is 4 bytes long by its shape \[1\] and type F32, by its offsets 8/,
    ],
    ["cut within a tensor", file({ x: entry(0, 4) }, 3), /is cut off: its tensors are 4 bytes, there are 3/],
    ["with bytes behind the last", file({ x: entry(0, 4) }, 5), /1 bytes are behind its last tensor/],
    ["with an overlap", file({ x: entry(0, 4), y: entry(0, 4) }, 4), /tensor "y": lies over another tensor/],
    ["with a gap", file({ x: entry(4, 8) }, 8), /tensor "x": begins 4 bytes behind the last/],
  ])("%s", (_, bytes, message) => {
    expect(refusal(() => openSafetensors(bytes))).toMatch(message);
  });

  it("wherever it is cut, and whatever byte of its header is another", () => {
    const whole = encoded({
      tensors: new Map<string, HostTensor>([
        ["x", floats(1, 2)],
        ["y", { type: "int64", data: BigInt64Array.of(3n), dims: [] }],
      ]),
      metadata: { step: "1" },
    });
    for (let length = 0; length < whole.length; length++) refusal(() => openSafetensors(whole.subarray(0, length)));
    fc.assert(
      fc.property(fc.nat(whole.length - 17), fc.nat(255), (at, value) => {
        const damaged = whole.slice();
        damaged[at] = value;
        try {
          decoded(damaged);
        } catch {
          refusal(() => openSafetensors(damaged));
        }
      }),
    );
  });

  it("when it changes after it was opened", () => {
    const path = join(temporaryFolder(), "x.safetensors");
    writeFile(path, safetensorsBytes({ tensors: new Map([["x", floats(1)]]), metadata: {} }));
    const opened = openSafetensors(path);
    writeFile(path, safetensorsBytes({ tensors: new Map([["x", floats(1, 2)]]), metadata: {} }));
    expect(refusal(() => opened.read("x"))).toMatch(/has changed since it was opened/);
  });
});
