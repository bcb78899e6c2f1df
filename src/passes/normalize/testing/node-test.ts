import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { InferenceSession, Tensor as RuntimeTensor } from "onnxruntime-node";
import { readRange } from "../../../graph/bytes.js";
import { type DataType, isFloatingPoint } from "../../../graph/data-type.js";
import type { Graph, Model } from "../../../graph/model.js";
import { readModel } from "../../../graph/read-model.js";
import { rawBytes, readNumbers, type Tensor, tensorFrom } from "../../../graph/tensor.js";
import { readTensor } from "../../../graph/testing/models.js";

/** A test of one operator from the onnx package: a model, and what it makes of inputs. */
export interface NodeTest {
  readonly model: Model;
  /** In the order of the model's inputs. */
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** A test that cannot be run here, and why. */
export class Unsupported extends Error {}

/** What goes through JavaScript. */
const fed: ReadonlySet<DataType> = new Set([
  "float32",
  "float64",
  "float16",
  "int64",
  "uint64",
  "int32",
  "uint32",
  "int16",
  "uint16",
  "int8",
  "uint8",
  "bool",
  "string",
] as const);

/** @throws Unsupported for tests with values that are no tensors */
export function readNodeTest(folder: string): NodeTest {
  const model = readModel(join(folder, "model.onnx"));
  const data = join(folder, "test_data_set_0");
  const files = readdirSync(data);
  const { inputs, outputs } = model.graph;
  const other = [...inputs, ...outputs].find(({ type }) => type?.kind !== "tensor");
  if (other !== undefined) throw new Unsupported(`values of the type ${other.type?.kind ?? "undefined"}`);
  const read = (prefix: string, name: string, index: number): Tensor | undefined => {
    const file = `${prefix}_${index}.pb`;
    return files.includes(file) ? { ...readTensor(readFileSync(join(data, file))), name } : undefined;
  };
  return {
    model,
    inputs: inputs.flatMap(({ name }, index) => read("input", name, index) ?? []),
    outputs: outputs.flatMap(({ name }, index) => read("output", name, index) ?? []),
  };
}

/** @throws Unsupported for inputs and outputs of types that do not go through JavaScript */
export function requireFed({ inputs, outputs }: Graph): void {
  for (const { type } of [...inputs, ...outputs]) {
    if (type?.kind === "tensor" && !fed.has(type.dataType))
      throw new Unsupported(`values of the type ${type.dataType}`);
  }
}

/** What ONNX Runtime computes: the outputs in order. @throws Unsupported for types that cannot go through JavaScript */
export async function runTensors(model: Uint8Array, inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
  const feeds = Object.fromEntries(inputs.map((tensor) => [tensor.name, toRuntime(tensor)]));
  const session = await InferenceSession.create(model, {
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  try {
    const fetched = await session.run(feeds);
    return session.outputNames.map((name) => fromRuntime(name, fetched[name]));
  } finally {
    await session.release();
  }
}

function toRuntime(tensor: Tensor): RuntimeTensor {
  const { dataType, shape } = tensor;
  if (dataType === "string") return new RuntimeTensor("string", [...stringsOf(tensor)], shape);
  const { buffer } = new Uint8Array(rawBytes(tensor));
  const create = (type: RuntimeTensor.Type, data: RuntimeTensor.DataType) =>
    new RuntimeTensor(type as "float32", data as Float32Array, shape);
  switch (dataType) {
    case "float32":
      return create(dataType, new Float32Array(buffer));
    case "float64":
      return create(dataType, new Float64Array(buffer));
    case "float16":
      // Of a Float16Array, which a tensor of that type has where there are such arrays, the binding reads nothing.
      return Object.assign(create("uint16", new Uint16Array(buffer)), { type: dataType });
    case "int64":
      return create(dataType, new BigInt64Array(buffer));
    case "uint64":
      return create(dataType, new BigUint64Array(buffer));
    case "int32":
      return create(dataType, new Int32Array(buffer));
    case "uint32":
      return create(dataType, new Uint32Array(buffer));
    case "int16":
      return create(dataType, new Int16Array(buffer));
    case "uint16":
      return create(dataType, new Uint16Array(buffer));
    case "int8":
      return create(dataType, new Int8Array(buffer));
    case "uint8":
    case "bool":
      return create(dataType, new Uint8Array(buffer));
    default:
      throw new Unsupported(`inputs of the type ${dataType}`);
  }
}

function fromRuntime(name: string, tensor: RuntimeTensor | undefined): Tensor {
  if (tensor === undefined) throw new Unsupported(`no output "${name}"`);
  const { type, dims, data } = tensor;
  if (type === "string") {
    const ranges = (data as readonly string[]).map((text) => {
      const bytes = Buffer.from(text);
      return { source: { label: name, size: bytes.length, read: () => bytes }, offset: 0, length: bytes.length };
    });
    return { name, dataType: type, shape: dims, payload: { kind: "typed", field: "string_data", ranges } };
  }
  const view = data as Uint8Array;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
  return tensorFrom(name, type, dims, bytes);
}

function stringsOf({ payload }: Tensor): readonly string[] {
  const ranges = payload.kind === "typed" ? payload.ranges : [];
  return ranges.map((range) => Buffer.from(readRange(range)).toString("utf8"));
}

/** Numbers of a tensor to compare, or its texts. @throws Unsupported for types that are neither */
export function elementsOf(tensor: Tensor): readonly (number | string)[] {
  if (tensor.dataType === "string") return stringsOf(tensor);
  const numbers = readNumbers(tensor);
  if (numbers === undefined) throw new Unsupported(`values of the type ${tensor.dataType}`);
  return numbers;
}

/**
 * Whether results are the same; real numbers to 1e-3 of each and 1e-7, or to the given tolerance of each and as much of
 * 1.
 */
export function isClose(result: Tensor, expected: Tensor, tolerance?: number): boolean {
  const [found, wanted] = [elementsOf(result), elementsOf(expected)];
  const [relative, absolute] = tolerance === undefined ? [1e-3, 1e-7] : [tolerance, tolerance];
  if (found.length !== wanted.length) return false;
  return found.every((element, index) => {
    const other = wanted[index];
    if (element === other || Object.is(element, other)) return true;
    if (typeof element !== "number" || typeof other !== "number" || !isFloatingPoint(expected.dataType)) return false;
    return Math.abs(element - other) <= absolute + relative * Math.abs(other);
  });
}
