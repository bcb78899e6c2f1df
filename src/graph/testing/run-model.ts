import { InferenceSession, Tensor as RuntimeTensor } from "onnxruntime-node";
import type { DataType } from "../data-type.js";
import { encodeModel } from "../encode-model.js";
import type { Model } from "../model.js";

/** A tensor as tests write and compare it: 64-bit integers and booleans as numbers, too. */
export interface PlainTensor {
  readonly dataType: DataType;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** A model that is ready to be run, which takes longer than to run it. */
export interface OpenedModel {
  /** Every output by name. */
  readonly run: (feeds: Readonly<Record<string, PlainTensor>>) => Promise<Record<string, PlainTensor>>;
  readonly close: () => Promise<void>;
}

/**
 * Opens a model without local functions (inline them first) in ONNX Runtime's CPU build. Strings, and types that the
 * runtime's JavaScript side does not hold as numbers (float16), are an error: cast them in the model.
 */
export async function openModel(model: Model): Promise<OpenedModel> {
  const session = await InferenceSession.create(encodeModel(model), {
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  return {
    run: async (feeds) => {
      const fed = Object.entries(feeds).map(([name, tensor]) => [name, toRuntime(tensor)] as const);
      const fetched = await session.run(Object.fromEntries(fed));
      return Object.fromEntries(Object.entries(fetched).map(([name, tensor]) => [name, fromRuntime(tensor)]));
    },
    close: () => session.release(),
  };
}

/** What ONNX Runtime's CPU build computes for a model: every output by name. */
export async function runModel(
  model: Model,
  feeds: Readonly<Record<string, PlainTensor>>,
): Promise<Record<string, PlainTensor>> {
  const opened = await openModel(model);
  try {
    return await opened.run(feeds);
  } finally {
    await opened.close();
  }
}

/** A float32 tensor to feed, one-dimensional unless a shape is given. */
export function floats(values: readonly number[], shape: readonly number[] = [values.length]): PlainTensor {
  return { dataType: "float32", shape, values };
}

/** An int64 tensor to feed, one-dimensional unless a shape is given. */
export function integers(values: readonly number[], shape: readonly number[] = [values.length]): PlainTensor {
  return { dataType: "int64", shape, values };
}

function toRuntime({ dataType, shape, values }: PlainTensor): RuntimeTensor {
  return new RuntimeTensor(dataType as "float32", storage(dataType, values) as Float32Array, shape);
}

function storage(dataType: DataType, values: readonly number[]) {
  switch (dataType) {
    case "float32":
      return Float32Array.from(values);
    case "float64":
      return Float64Array.from(values);
    case "int64":
      return BigInt64Array.from(values.map(BigInt));
    case "uint64":
      return BigUint64Array.from(values.map(BigInt));
    case "int32":
      return Int32Array.from(values);
    case "uint32":
      return Uint32Array.from(values);
    case "int16":
      return Int16Array.from(values);
    case "uint16":
      return Uint16Array.from(values);
    case "int8":
      return Int8Array.from(values);
    case "uint8":
    case "bool":
      return Uint8Array.from(values);
    default:
      throw new Error(`runModel does not feed ${dataType}`);
  }
}

function fromRuntime({ type, dims, data }: RuntimeTensor): PlainTensor {
  if (type === "string" || type === "float16") throw new Error(`runModel does not read ${type}`);
  return { dataType: type, shape: dims, values: Array.from(data as ArrayLike<number | bigint>, Number) };
}
