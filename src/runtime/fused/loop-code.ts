import type { ElementOperator, FloatType, Loop, Operand } from "./element-wise.js";
import {
  block,
  branch,
  branchIf,
  type Code,
  i32Add,
  i32Const,
  i32IsZero,
  i32Sub,
  localGet,
  localSet,
  loop,
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

/**
 * A function of the addresses of a loop's arrays, of how many bytes of each it is to go through, and of the loop's
 * numbers. Each element is read once and written once.
 */
export function loopFunction(
  name: string,
  { dataType, arrays, scalars, operations: steps, results }: Loop,
): WasmFunction {
  const type = wasmTypeOf[dataType];
  // Parameters: pointers, bytes, numbers. Locals: the numbers as vectors, a vector of each array, one for each operation.
  const bytes = arrays.length;
  const firstNumber = bytes + 1;
  const firstArray = firstNumber + 2 * scalars;
  const first = { scalar: firstNumber + scalars, array: firstArray, result: firstArray + arrays.length };
  const localOf = ({ kind, index }: Operand) => first[kind] + index;
  const pointers = [...arrays.keys()];
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
  const stores = results.flatMap(({ array, value }) => [
    ...localGet(array),
    ...localGet(localOf(value)),
    ...v128Store(0),
  ]);
  const changed = (local: number, operation: Code) => [
    ...localGet(local),
    ...i32Const(VECTOR_BYTES),
    ...operation,
    ...localSet(local),
  ];
  const iteration = [
    ...localGet(bytes),
    ...i32IsZero,
    ...branchIf(1),
    ...loads,
    ...arithmetic,
    ...stores,
    ...pointers.flatMap((pointer) => changed(pointer, i32Add)),
    ...changed(bytes, i32Sub),
    ...branch(0),
  ];
  return {
    name,
    parameters: [...pointers.map(() => "i32" as const), "i32", ...numbers.map(() => type)],
    locals: Array.from({ length: scalars + arrays.length + steps.length }, () => "v128" as const),
    body: [...splats, ...block(loop(iteration))],
  };
}
