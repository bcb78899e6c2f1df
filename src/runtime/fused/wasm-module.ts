/**
 * WebAssembly modules of functions over one memory that they import, in the binary format: the sections and instructions
 * that loops over arrays take. (WebAssembly Core Specification 2.0, chapter 5)
 */

/** The types of parameters and locals. */
export const wasmTypes = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
export type WasmType = keyof typeof wasmTypes;

/** An instruction, or several in a row, as bytes. */
export type Code = readonly number[];

/** A function that gives nothing back. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: readonly WasmType[];
  /** Their indices follow those of the parameters. */
  readonly locals: readonly WasmType[];
  readonly body: Code;
}

/** How modules call the memory that they import. */
export const memoryImport = { module: "state", name: "memory" } as const;

/** Bytes of a page of memory. */
export const PAGE_BYTES = 2 ** 16;
/** Pages that 32-bit addresses reach: 4 GiB. */
export const MOST_PAGES = 2 ** 16;

/** A module that exports these functions. */
export function wasmModule(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const FUNCTION = 0x60;
  const types = functions.map(({ parameters }) => [FUNCTION, ...vector(parameters.map(typeCode)), ...vector([])]);
  const limits = [0x00, ...unsigned(0)];
  const [MEMORY, EXPORTED_FUNCTION] = [0x02, 0x00];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d],
    ...[0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector([[...name(memoryImport.module), ...name(memoryImport.name), MEMORY, ...limits]])),
    ...section(3, vector(functions.map((_, index) => unsigned(index)))),
    ...section(7, vector(functions.map((one, index) => [...name(one.name), EXPORTED_FUNCTION, ...unsigned(index)]))),
    ...section(10, vector(functions.map(functionCode))),
  ]);
}

/** An integer of 32 bits without a sign, in LEB128. */
export function unsigned(value: number): Code {
  const bytes: number[] = [];
  let rest = value >>> 0;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return [...bytes, rest];
}

/** An integer of 32 bits with a sign, in LEB128. */
export function signed(value: number): Code {
  const bytes: number[] = [];
  let rest = value | 0;
  // Until what is left is nothing but copies of the sign, bit 6 of the last byte.
  while (rest < -0x40 || rest > 0x3f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  return [...bytes, rest & 0x7f];
}

export const localGet = (local: number): Code => [0x20, ...unsigned(local)];
export const localSet = (local: number): Code => [0x21, ...unsigned(local)];
/** The same, and the value stays on the stack. */
export const localTee = (local: number): Code => [0x22, ...unsigned(local)];
export const i32Const = (value: number): Code => [0x41, ...signed(value)];
export const f32Const = (value: number): Code => [0x43, ...bytesOf(Float32Array.of(value))];
export const f64Const = (value: number): Code => [0x44, ...bytesOf(Float64Array.of(value))];
export const i32Add: Code = [0x6a];
export const i32Sub: Code = [0x6b];
export const i32IsZero: Code = [0x45];

const NO_RESULT = 0x40;
const END = 0x0b;
/** Instructions that `branchIf` leaves. */
export const block = (body: Code): Code => [0x02, NO_RESULT, ...body, END];
/** Instructions that `branchIf` begins again. */
export const loop = (body: Code): Code => [0x03, NO_RESULT, ...body, END];
/**
 * Where the number on the stack is not zero.
 * @param depth how many blocks and loops are between this one and its target
 */
export const branchIf = (depth: number): Code => [0x0d, ...unsigned(depth)];

/** What addresses of vectors are multiples of, as a power of 2: a hint, which takes nothing where it is wrong. */
const ALIGNMENT = 4;
/** Vectors from and to memory; `offset` is added to the address. */
export const v128Load = (offset: number): Code => vectorCode(0x00, ALIGNMENT, ...unsigned(offset));
export const v128Store = (offset: number): Code => vectorCode(0x0b, ALIGNMENT, ...unsigned(offset));

/** Bit by bit: a and b, a and not b. */
export const v128And: Code = vectorCode(0x4e);
export const v128AndNot: Code = vectorCode(0x4f);

/**
 * Arithmetic on vectors of 4 float32 or 2 float64: IEEE 754, rounded to nearest; min and max of NaN are NaN. `lt` gives
 * all bits of an element where it holds, which is not of NaN, and none elsewhere.
 */
export type VectorOperation = "splat" | "abs" | "neg" | "sqrt" | "add" | "sub" | "mul" | "div" | "min" | "max" | "lt";
const vectorOperations: Readonly<Record<"f32" | "f64", Readonly<Record<VectorOperation, number>>>> = {
  f32: {
    splat: 0x13,
    abs: 0xe0,
    neg: 0xe1,
    sqrt: 0xe3,
    add: 0xe4,
    sub: 0xe5,
    mul: 0xe6,
    div: 0xe7,
    min: 0xe8,
    max: 0xe9,
    lt: 0x43,
  },
  f64: {
    splat: 0x14,
    abs: 0xec,
    neg: 0xed,
    sqrt: 0xef,
    add: 0xf0,
    sub: 0xf1,
    mul: 0xf2,
    div: 0xf3,
    min: 0xf4,
    max: 0xf5,
    lt: 0x49,
  },
};

/** An instruction on vectors of a type. */
export function vectorOperation(type: "f32" | "f64", operation: VectorOperation): Code {
  return vectorCode(vectorOperations[type][operation]);
}

/** In the order of WebAssembly, which is that of the machine wherever there is Node.js. */
function bytesOf({ buffer }: Float32Array | Float64Array): Code {
  return [...new Uint8Array(buffer)];
}

function vectorCode(operation: number, ...immediates: readonly number[]): Code {
  return [0xfd, ...unsigned(operation), ...immediates];
}

function functionCode({ locals, body }: WasmFunction): Code {
  const declared = vector(locals.map((type) => [...unsigned(1), wasmTypes[type]]));
  const code = [...declared, ...body, END];
  return [...unsigned(code.length), ...code];
}

function section(id: number, content: Code): Code {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function typeCode(type: WasmType): Code {
  return [wasmTypes[type]];
}

function name(text: string): Code {
  const bytes = Buffer.from(text, "utf8");
  return [...unsigned(bytes.length), ...bytes];
}
