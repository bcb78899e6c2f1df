import { describe, expect, it } from "vitest";
import { memoryBytes } from "./bytes.js";
import { dataTypeCode, type DataType } from "./data-type.js";
import {
  numberTensor,
  rawBytes,
  rawByteLength,
  readFloats,
  readIntegers,
  readNumbers,
  type Tensor,
  tensorFrom,
  typedFieldOf,
} from "./tensor.js";
import { refusal } from "./testing/input-error.js";
import { readTensor } from "./testing/models.js";
import { bytes, double, doubles, float, floats, int, varints } from "./testing/protobuf.js";

/** A tensor of that type and shape, with values in these fields. */
function stored(dataType: DataType, shape: readonly number[], ...fields: readonly Uint8Array[]): Tensor {
  return readTensor(bytes(1, varints(...shape)), int(2, dataTypeCode(dataType)), bytes(8, "t"), ...fields);
}

const raw = (tensor: Tensor) => new Uint8Array(rawBytes(tensor));
const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

describe("values in typed fields have the raw bytes that raw_data would have", () => {
  it.each<[DataType, readonly number[], Uint8Array, Uint8Array]>([
    ["float32", [3], bytes(4, floats(1, -2.5, 3e-40)), floats(1, -2.5, 3e-40)],
    ["complex64", [1], bytes(4, floats(1, -1)), floats(1, -1)],
    ["float64", [2], bytes(10, doubles(0.1, -0)), doubles(0.1, -0)],
    ["complex128", [1], bytes(10, doubles(1, 2)), doubles(1, 2)],
    ["int32", [3], bytes(5, varints(1, -1, -(2 ** 31))), bytesOf(Int32Array.of(1, -1, -(2 ** 31)))],
    ["int16", [2], bytes(5, varints(-32768, 32767)), bytesOf(Int16Array.of(-32768, 32767))],
    ["uint16", [2], bytes(5, varints(0, 65535)), bytesOf(Uint16Array.of(0, 65535))],
    ["int8", [3], bytes(5, varints(-128, -1, 127)), bytesOf(Int8Array.of(-128, -1, 127))],
    ["uint8", [2], bytes(5, varints(0, 255)), Uint8Array.of(0, 255)],
    ["bool", [3], bytes(5, varints(1, 0, 1)), Uint8Array.of(1, 0, 1)],
    ["float16", [2], bytes(5, varints(0x3c00, 0xfbff)), Uint8Array.of(0x00, 0x3c, 0xff, 0xfb)],
    ["bfloat16", [1], bytes(5, varints(0x3f80)), Uint8Array.of(0x80, 0x3f)],
    ["float8e4m3fn", [2], bytes(5, varints(0x38, 0xb8)), Uint8Array.of(0x38, 0xb8)],
    // Two to a number, the first in the low half; an odd one is padded.
    ["int4", [3], bytes(5, varints(0x21, 0x03)), Uint8Array.of(0x21, 0x03)],
    ["uint2", [5], bytes(5, varints(0xe4, 0x01)), Uint8Array.of(0xe4, 0x01)],
    [
      "int64",
      [3],
      bytes(7, varints(1, -(2n ** 63n), 2n ** 63n - 1n)),
      bytesOf(BigInt64Array.of(1n, -(2n ** 63n), 2n ** 63n - 1n)),
    ],
    ["uint64", [2], bytes(11, varints(2n ** 64n - 1n, 5)), bytesOf(BigUint64Array.of(2n ** 64n - 1n, 5n))],
    ["uint32", [2], bytes(11, varints(2 ** 32 - 1, 5)), bytesOf(Uint32Array.of(2 ** 32 - 1, 5))],
  ])("%s %j", (dataType, shape, field, expected) => {
    const typed = stored(dataType, shape, field);
    expect(typed.payload).toMatchObject({ kind: "typed", field: typedFieldOf(dataType) });
    expect(raw(typed)).toEqual(expected);
    expect(raw(stored(dataType, shape, bytes(9, expected)))).toEqual(expected);
    expect(rawByteLength(dataType, shape)).toBe(expected.length);
  });

  it("unpacked, in pieces, and mixed", () => {
    expect(raw(stored("float32", [4], float(4, 1), bytes(4, floats(2, 3)), float(4, 4)))).toEqual(floats(1, 2, 3, 4));
    expect(raw(stored("float64", [2], double(10, 1), bytes(10, doubles(2))))).toEqual(doubles(1, 2));
    expect(raw(stored("int8", [3], int(5, -1), bytes(5, varints(2, -3))))).toEqual(bytesOf(Int8Array.of(-1, 2, -3)));
  });

  it("also where they are too many to keep while reading", () => {
    const values = Array.from({ length: 5000 }, (_, index) => index - 2500);
    expect(raw(stored("int32", [5000], bytes(5, varints(...values))))).toEqual(bytesOf(Int32Array.from(values)));
    expect(raw(stored("float32", [5000], bytes(4, floats(...values))))).toEqual(floats(...values));
  });
});

describe("a payload that does not match shape and type is refused", () => {
  it.each<[string, DataType, readonly number[], readonly Uint8Array[]]>([
    ["raw, too short", "float32", [2], [bytes(9, new Uint8Array(7))]],
    ["raw, too long", "float32", [], [bytes(9, new Uint8Array(8))]],
    ["raw, half a byte", "int4", [3], [bytes(9, new Uint8Array(1))]],
    ["none at all", "float32", [2], []],
    ["none at all, and enormous", "float32", [2 ** 50], []],
    ["float_data, too short", "float32", [3], [bytes(4, floats(1, 2))]],
    ["float_data, not whole", "float32", [2], [bytes(4, new Uint8Array(7))]],
    ["the field of another type", "float32", [2], [bytes(7, varints(1, 2))]],
    ["fewer numbers than elements", "int64", [3], [bytes(7, varints(1, 2))]],
    ["more numbers than elements", "int64", [1], [bytes(7, new Uint8Array(11))]],
    ["fewer strings than elements", "string", [2], [bytes(6, "a")]],
    ["raw strings", "string", [1], [bytes(9, "a")]],
  ])("%s", (_, dataType, shape, fields) => {
    expect(refusal(() => stored(dataType, shape, ...fields))).toMatch(
      /initializer\[0\] "t" should hold \d+ .*but holds \d+/,
    );
  });

  it("when its numbers are read, where only that shows it", () => {
    const tensor = stored("int64", [2], bytes(7, varints(1, 2, 3)));
    expect(refusal(() => rawBytes(tensor))).toMatch(/should hold 2 numbers by its shape, but holds 3/);
    const longNumbers = stored("int32", [3], bytes(5, varints(-1)));
    expect(refusal(() => rawBytes(longNumbers))).toMatch(/should hold 3 numbers by its shape, but holds 1/);
    const cut = stored("int32", [2], bytes(5, Uint8Array.of(1, 0x80)));
    expect(refusal(() => rawBytes(cut))).toMatch(/does not end/);
  });

  it("when it is made here", () => {
    expect(refusal(() => tensorFrom("t", "float32", [2], new Uint8Array(4)))).toMatch(
      /should hold 8 bytes .* but holds 4/,
    );
  });
});

describe("a tensor without elements", () => {
  it("needs no payload", () => {
    expect(raw(stored("float32", [0, 3]))).toEqual(new Uint8Array());
    expect(raw(stored("float32", [2 ** 40, 0], bytes(9)))).toEqual(new Uint8Array());
    expect(stored("string", [0]).payload).toEqual({ kind: "none" });
  });
});

describe("integers", () => {
  it("of 32 and 64 bits come out as numbers", () => {
    expect(readIntegers(stored("int64", [2], bytes(9, bytesOf(BigInt64Array.of(-1n, 2n ** 40n)))))).toEqual([
      -1,
      2 ** 40,
    ]);
    expect(readIntegers(stored("int32", [2], bytes(5, varints(-1, 7))))).toEqual([-1, 7]);
  });

  it("at the ends of 64 bits become the safe integers at the ends", () => {
    const extremes = BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n));
    const tensor = tensorFrom("t", "int64", [2], bytesOf(extremes));
    expect(readIntegers(tensor)).toEqual([Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]);
  });

  it("lie anywhere in their source, also unaligned", () => {
    const source = memoryBytes(Uint8Array.of(9, 9, 9, 1, 0, 0, 0, 9));
    const payload = { kind: "raw", range: { source, offset: 3, length: 4 } } as const;
    expect(readIntegers({ name: "t", dataType: "int32", shape: [1], payload })).toEqual([1]);
  });

  it("are not read from other types", () => {
    expect(refusal(() => readIntegers(stored("float32", [], bytes(4, floats(1)))))).toMatch(/holds float32, integers/);
  });
});

it("strings and absent values have no raw bytes", () => {
  expect(refusal(() => rawBytes(stored("string", [1], bytes(6, "a"))))).toMatch(/holds strings/);
  const absent: Tensor = { name: "s", dataType: "float32", shape: [2 ** 40], payload: { kind: "none" } };
  expect(refusal(() => rawBytes(absent))).toMatch(/tensor "s": has no values at hand/);
});

describe("half precision", () => {
  const bitsOf = (dataType: DataType, number: number) =>
    new Uint16Array(Uint8Array.from(rawBytes(numberTensor("t", dataType, [], [number]))).buffer)[0];

  it.each([
    [0.1, 0x2e66],
    [-0.1, 0xae66],
    [1 / 3, 0x3555],
    [-0, 0x8000],
    // Ties go to the even neighbour.
    [2049, 0x6800],
    [2051, 0x6802],
    [1.00048828125, 0x3c00],
    [1.00146484375, 0x3c02],
    // Numbers without the implicit 1, and what is too small even for these.
    [6e-8, 1],
    [2.98e-8, 0],
    [6.097555160522461e-5, 0x3ff],
    [6.103515625e-5, 0x400],
    // Where infinity begins.
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [-1e6, 0xfc00],
    [Infinity, 0x7c00],
  ])("float16 rounds %d as NumPy does", (number, bits) => {
    expect(bitsOf("float16", number)).toBe(bits);
  });

  it.each([
    [0.1, 0x3dcd],
    [-0.1, 0xbdcd],
    [1 / 3, 0x3eab],
    [-0, 0x8000],
    [257, 0x4380],
    [259, 0x4382],
    [1.00390625, 0x3f80],
    [1.01171875, 0x3f82],
    [1e-40, 1],
    [3.3895313892515355e38, 0x7f7f],
    [3.4e38, 0x7f80],
    [Infinity, 0x7f80],
  ])("bfloat16 rounds %d as PyTorch does", (number, bits) => {
    expect(bitsOf("bfloat16", number)).toBe(bits);
  });

  it.each(["float16", "bfloat16"] as const)("every %s is read and written as itself", (dataType) => {
    const all = tensorFrom("t", dataType, [65536], bytesOf(Uint16Array.from({ length: 65536 }, (_, bits) => bits)));
    const numbers = readNumbers(all) ?? [];
    const written = new Uint16Array(Uint8Array.from(rawBytes(numberTensor("t", dataType, [65536], numbers))).buffer);
    const isItself = numbers.map((number, bits) => written[bits] === bits || Number.isNaN(number));
    expect(isItself.indexOf(false)).toBe(-1);
    expect(Array.from(readFloats(all, "float64"))).toEqual(numbers);
    expect(Array.from(readFloats(all, "float32"))).toEqual(numbers);
    expect(readNumbers(numberTensor("t", dataType, [], [Number.NaN]))).toEqual([Number.NaN]);
  });
});
