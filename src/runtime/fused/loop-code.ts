import type { ElementOperator, FloatType, Loop, Operand } from "./element-wise.js";
import {
  block,
  branchIf,
  type Code,
  f32Const,
  f64Const,
  i32Add,
  i32Const,
  i32IsZero,
  i32Sub,
  localGet,
  localSet,
  localTee,
  loop,
  v128And,
  v128AndNot,
  v128Load,
  v128Store,
  type VectorOperation,
  vectorOperation,
  type WasmFunction,
} from "./wasm-module.js";

/** Bytes of a vector: functions take numbers of bytes that are multiples of this. */
export const VECTOR_BYTES = 16;

const operations: Readonly<Record<ElementOperator, VectorOperation>> = {
  Add: "add",
  Sub: "sub",
  Mul: "mul",
  Div: "div",
  Max: "max",
  Min: "min",
  Sqrt: "sqrt",
  Abs: "abs",
  Neg: "neg",
};

/** How WebAssembly calls the types of numbers. */
const wasmTypeOf: Readonly<Record<FloatType, "f32" | "f64">> = { float32: "f32", float64: "f64" };

/** The least numbers that are normal: with subnormal ones below, the loop takes twice as long. */
const leastNormal: Readonly<Record<FloatType, Code>> = { float32: f32Const(2 ** -126), float64: f64Const(2 ** -1022) };

/**
 * A function of the addresses of a loop's arrays, of how many bytes of each it is to go through, and of the loop's
 * numbers. Each element is read once and written once.
 *
 * A first moment below {@link leastNormal} is written as 0, and where it is, so is a second moment below it: what is left
 * of gradients that have become 0, as of units that no longer respond, would otherwise stay subnormal. No parameter
 * notices, unless it is as small itself.
 */
export function loopFunction(
  name: string,
  { dataType, arrays: roles, scalars, operations: steps, results }: Loop,
): WasmFunction {
  const type = wasmTypeOf[dataType];
  // Parameters: pointers, bytes, numbers. Locals: the numbers as vectors, a vector of each array, one for each operation,
  // which first moments are small, and the number below which they are.
  const bytes = roles.length;
  const firstNumber = bytes + 1;
  const firstArray = firstNumber + 2 * scalars;
  const first = { scalar: firstNumber + scalars, array: firstArray, result: firstArray + roles.length };
  const small = first.result + steps.length;
  const least = small + 1;
  const locals = least + 1 - firstNumber - scalars;
  const localOf = ({ kind, index }: Operand) => first[kind] + index;
  const pointers = [...roles.keys()];
  const numbers = Array.from({ length: scalars }, (_, index) => index);

  const splats = numbers.flatMap((index) => [
    ...localGet(firstNumber + index),
    ...vectorOperation(type, "splat"),
    ...localSet(first.scalar + index),
  ]);
  const loads = pointers.flatMap((pointer) => [
    ...localGet(pointer),
    ...v128Load(0),
    ...localSet(first.array + pointer),
  ]);
  const arithmetic = steps.flatMap(({ operator, operands }, index) => [
    ...operands.flatMap((operand) => localGet(localOf(operand))),
    ...vectorOperation(type, operations[operator]),
    ...localSet(first.result + index),
  ]);
  const moment1 = results.find(({ array }) => roles[array] === "moment1");
  const below = (value: Code) => [...value, ...localGet(least), ...vectorOperation(type, "lt")];
  const smallMoments =
    moment1 === undefined
      ? []
      : [...below([...localGet(localOf(moment1.value)), ...vectorOperation(type, "abs")]), ...localSet(small)];
  /** Takes out what is written as 0. */
  const lost = ({ array, value }: Loop["results"][number]) => {
    if (moment1 === undefined) return [];
    if (roles[array] === "moment1") return [...localGet(small), ...v128AndNot];
    if (roles[array] !== "moment2") return [];
    return [...below(localGet(localOf(value))), ...localGet(small), ...v128And, ...v128AndNot];
  };
  const stores = results.flatMap((result) => [
    ...localGet(result.array),
    ...localGet(localOf(result.value)),
    ...lost(result),
    ...v128Store(0),
  ]);
  const advanced = (local: number, operation: Code) => [...localGet(local), ...i32Const(VECTOR_BYTES), ...operation];
  // The loop ends behind all that it does: only then does V8 make vectors of the numbers once, in front of it.
  const iteration = [
    ...loads,
    ...arithmetic,
    ...smallMoments,
    ...stores,
    ...pointers.flatMap((pointer) => [...advanced(pointer, i32Add), ...localSet(pointer)]),
    ...advanced(bytes, i32Sub),
    ...localTee(bytes),
    ...branchIf(0),
  ];
  return {
    name,
    parameters: [...pointers.map(() => "i32" as const), "i32", ...numbers.map(() => type)],
    locals: Array.from({ length: locals }, () => "v128" as const),
    body: [
      ...splats,
      ...leastNormal[dataType],
      ...vectorOperation(type, "splat"),
      ...localSet(least),
      ...block([...localGet(bytes), ...i32IsZero, ...branchIf(0), ...loop(iteration)]),
    ],
  };
}
