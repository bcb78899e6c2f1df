import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  block,
  branchIf,
  i32Add,
  i32Const,
  f32Const,
  f64Const,
  i32IsZero,
  i32Sub,
  localGet,
  localSet,
  localTee,
  loop,
  memoryImport,
  signed,
  unsigned,
  v128And,
  v128AndNot,
  v128Load,
  v128Store,
  type VectorOperation,
  vectorOperation,
  type WasmFunction,
  wasmModule,
} from "./wasm-module.js";

function run(one: WasmFunction, ...operands: readonly number[]): ArrayBuffer {
  const code = wasmModule([one]);
  expect(WebAssembly.validate(code)).toBe(true);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  new Float32Array(memory.buffer).set([4, -9, 0.25, Infinity, 2, 3, NaN, -1]);
  new Float64Array(memory.buffer, 64).set([4, -9, 3, -0.5]);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(code), {
    [memoryImport.module]: { [memoryImport.name]: memory },
  });
  const exported = instance.exports[one.name] as (...given: readonly number[]) => void;
  exported(...operands);
  return memory.buffer;
}

const vectors = {
  f32: { address: 0, a: [4, -9, 0.25, Infinity], b: [2, 3, NaN, -1], round: Math.fround, ArrayOf: Float32Array },
  f64: { address: 64, a: [4, -9], b: [3, -0.5], round: (value: number) => value, ArrayOf: Float64Array },
};
const golds: Readonly<Record<Exclude<VectorOperation, "splat" | "lt">, (a: number, b: number) => number>> = {
  abs: Math.abs,
  neg: (a) => -a,
  sqrt: Math.sqrt,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
};

describe("instructions do what JavaScript does", () => {
  const cases = (["f32", "f64"] as const).flatMap((type) =>
    Object.entries(golds).map(([operation, gold]) => ({ type, operation: operation as VectorOperation, gold })),
  );
  test.each(cases)("$type $operation", ({ type, operation, gold }) => {
    const { address, a, b, round, ArrayOf } = vectors[type];
    const loads = [
      ...localGet(0),
      ...v128Load(0),
      ...(gold.length === 1 || operation === "neg" ? [] : [...localGet(0), ...v128Load(16)]),
    ];
    const body = [...localGet(1), ...loads, ...vectorOperation(type, operation), ...v128Store(0)];
    const buffer = run({ name: "f", parameters: ["i32", "i32"], locals: [], body }, address, 256);
    const result = [...new ArrayOf(buffer, 256, a.length)];
    expect(result).toEqual(a.map((value, index) => round(gold(value, b[index] ?? 0))));
  });

  test("a number in every place", () => {
    const body = [...i32Const(256), ...localGet(0), ...vectorOperation("f32", "splat"), ...v128Store(0)];
    const buffer = run({ name: "f", parameters: ["f32"], locals: [], body }, 0.1);
    expect([...new Float32Array(buffer, 256, 4)]).toEqual([0.1, 0.1, 0.1, 0.1].map(Math.fround));
  });

  test.each([
    { type: "f32", constant: f32Const, least: 2 ** -126 },
    { type: "f64", constant: f64Const, least: 2 ** -1022 },
  ] as const)("$type elements that are less than a constant, and the others", ({ type, constant, least }) => {
    const { address, ArrayOf } = vectors[type];
    const load = [...localGet(0), ...v128Load(0)];
    const isLess = [...load, ...constant(0.5), ...vectorOperation(type, "splat"), ...vectorOperation(type, "lt")];
    const body = [
      ...[...localGet(1), ...load, ...isLess, ...v128And, ...v128Store(0)],
      ...[...localGet(1), ...load, ...isLess, ...v128AndNot, ...v128Store(16)],
      ...[...localGet(1), ...constant(least), ...vectorOperation(type, "splat"), ...v128Store(32)],
    ];
    const buffer = run({ name: "f", parameters: ["i32", "i32"], locals: [], body }, address + 16, 256);
    const less = type === "f32" ? [0, 0, 0, -1] : [0, -0.5];
    const others = type === "f32" ? [2, 3, NaN, 0] : [3, 0];
    const length = less.length;
    expect([...new ArrayOf(buffer, 256, 2 * length)]).toEqual([...less, ...others]);
    expect([...new ArrayOf(buffer, 288, length)]).toEqual(Array.from({ length }, () => least));
  });

  test("a loop that is left when nothing is left to do", () => {
    const [count, address, vector] = [0, 1, 3];
    const again = [
      ...[...localGet(address), ...localGet(vector), ...v128Store(300)],
      ...[...localGet(address), ...i32Const(16), ...i32Add, ...localSet(address)],
      ...[...localGet(count), ...i32Const(1), ...i32Sub, ...localTee(count), ...branchIf(0)],
    ];
    const unlessNothing = block([...localGet(count), ...i32IsZero, ...branchIf(0), ...loop(again)]);
    const body = [...localGet(2), ...vectorOperation("f64", "splat"), ...localSet(vector), ...unlessNothing];
    const filled = (times: number) => {
      const one: WasmFunction = { name: "löop", parameters: ["i32", "i32", "f64"], locals: ["v128"], body };
      return [...new Float64Array(run(one, times, 84, 0.5), 376, 8)];
    };
    expect(filled(3)).toEqual([0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0]);
    expect(filled(0)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });
});

describe("LEB128", () => {
  // Examples of DWARF Debugging Information Format 5, section 7.6.
  test.each([
    [2, [2]],
    [127, [127]],
    [128, [0x80, 1]],
    [129, [0x81, 1]],
    [12857, [0xb9, 0x64]],
  ])("unsigned %d", (value, bytes) => {
    expect(unsigned(value)).toEqual(bytes);
  });
  test.each([
    [2, [2]],
    [-2, [0x7e]],
    [127, [0xff, 0]],
    [-127, [0x81, 0x7f]],
    [128, [0x80, 1]],
    [-128, [0x80, 0x7f]],
    [129, [0x81, 1]],
    [-129, [0xff, 0x7e]],
  ])("signed %d", (value, bytes) => {
    expect(signed(value)).toEqual(bytes);
  });

  test("is what WebAssembly reads", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 2 ** 15 }), (value, offset) => {
        const end = offset + 1024;
        const body = [...i32Const(value), ...i32Const(value), ...i32Sub, ...i32Const(0), ...i32Add];
        const store = [...body, ...localGet(0), ...vectorOperation("f32", "splat"), ...v128Store(end)];
        const buffer = run({ name: "f", parameters: ["f32"], locals: [], body: store }, 7);
        expect([...new Uint8Array(buffer, end, 16)]).toEqual([...new Uint8Array(Float32Array.of(7, 7, 7, 7).buffer)]);
      }),
    );
  });
});
