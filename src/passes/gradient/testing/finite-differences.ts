import { attributesOf } from "../../../graph/builder.js";
import { type DataType, isFloatingPoint } from "../../../graph/data-type.js";
import { Emitter, type Value } from "../../../graph/emitter.js";
import type { Model, Node } from "../../../graph/model.js";
import { Operators } from "../../../graph/operators.js";
import { standardModel } from "../../../graph/standard-model.js";
import { numberTensor } from "../../../graph/tensor.js";
import { openModel, type PlainTensor, runModel } from "../../../graph/testing/run-model.js";
import { decompose } from "../../decompose/index.js";
import { differentiate } from "../differentiate.js";
import type { OperatorCase } from "./operator-case.js";

/** How well the compiled gradients of an operator agree with finite differences. */
export interface Agreement {
  /** The derivative of sum(outputs · cotangents) along a direction, by the compiled gradients. */
  readonly compiled: number;
  /** The same by (loss(x + εd) − loss(x − εd)) / 2ε. */
  readonly measured: number;
  /** What rounding and the curvature allow them to differ by. */
  readonly tolerance: number;
}

/** float32 rounds the loss to 1e-7 of itself, of which ε = 0.01 leaves about 1e-5; curvature costs more. */
const precision = { float64: { step: 1e-5, tolerance: 1e-6 }, float32: { step: 1e-2, tolerance: 1e-2 } };

/**
 * How the runtime says that it has no kernel for a type, or the specification none, or that what it runs instead takes
 * float32 alone.
 */
const withoutKernel =
  /NOT_IMPLEMENTED|find an implementation|find kernel|Type 'tensor\(double\)' of|different types \(tensor\(double\)/iu;

/**
 * Compares compiled gradients with central differences of the operator itself, in float64 where the runtime has kernels
 * for it, else in float32.
 * @param random numbers from −1 to 1, for the direction and the cotangents
 */
export async function agreement(operatorCase: OperatorCase, random: () => number): Promise<Agreement> {
  if (operatorCase.isSinglePrecision === true) return agreementIn("float32", operatorCase, random);
  try {
    return await agreementIn("float64", operatorCase, random);
  } catch (error) {
    if (!(error instanceof Error) || !withoutKernel.test(error.message)) throw error;
    return agreementIn("float32", operatorCase, random);
  }
}

async function agreementIn(
  type: "float64" | "float32",
  operatorCase: OperatorCase,
  random: () => number,
): Promise<Agreement> {
  const directions = operatorCase.inputs.map((input) => input?.values.map(() => random()) ?? []);
  const feedsAt = (step: number): Record<string, PlainTensor> =>
    Object.fromEntries(
      operatorCase.inputs.flatMap((input, index): [string, PlainTensor][] => {
        if (input === null || input.role === "constant") return [];
        const moves = input.role === "parameter" ? step : 0;
        const values = input.values.map((value, at) => value + moves * (directions[index]?.[at] ?? 0));
        return [[`input${index}`, { dataType: concrete(input.dataType, type), shape: input.shape, values }]];
      }),
    );
  const forward = await openModel(operatorModel(operatorCase, type));
  try {
    const outputs = await forward.run(feedsAt(0));
    const cotangents = new Map<string, PlainTensor>();
    for (const [name, output] of Object.entries(outputs)) {
      if (isFloatingPoint(output.dataType))
        cotangents.set(name, { ...output, values: output.values.map(() => random()) });
    }
    const lossAt = async (step: number) => {
      const found = await forward.run(feedsAt(step));
      return [...cotangents].reduce((sum, [name, { values }]) => sum + dot(found[name]?.values ?? [], values), 0);
    };
    const seeds = [...cotangents].map(([name, tensor]) => [`cotangent of ${name}`, tensor] as const);
    const gradients = await runModel(gradientModel(operatorCase, type, cotangents), {
      ...feedsAt(0),
      ...Object.fromEntries(seeds),
    });
    const compiled = directions.reduce(
      (sum, direction, index) => sum + dot(gradients[`input${index}.grad`]?.values ?? [], direction),
      0,
    );
    const { step, tolerance } = precision[type];
    const measured = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
    return { compiled, measured, tolerance: tolerance * Math.max(1, Math.abs(measured), Math.abs(compiled)) };
  } finally {
    await forward.close();
  }
}

function concrete(dataType: DataType | "float", type: "float64" | "float32"): DataType {
  return dataType === "float" ? type : dataType;
}

/** The operator alone, as the runtime knows it. */
function operatorModel(operatorCase: OperatorCase, type: "float64" | "float32"): Model {
  const { emitter, outputs } = emitted(operatorCase, type, operatorCase.isWithoutKernel ?? false);
  return modelFor(emitter, operatorCase, outputs);
}

/** The operator with its gradients, of which there may be none. */
function gradientModel(
  operatorCase: OperatorCase,
  type: "float64" | "float32",
  cotangents: ReadonlyMap<string, PlainTensor>,
): Model {
  const { emitter, inputs, outputs } = emitted(operatorCase, type, true);
  const seeds = [...outputs].flatMap(([name, value]) => {
    const cotangent = cotangents.get(name);
    if (cotangent === undefined) return [];
    return [
      {
        value,
        gradient: emitter.input(`cotangent of ${name}`, { ...cotangent, shape: value.shape ?? cotangent.shape }),
      },
    ];
  });
  const towards = inputs.filter((_, index): boolean => operatorCase.inputs[index]?.role === "parameter") as Value[];
  const gradients = differentiate(new Operators(emitter), { seeds, towards });
  const found = gradients.flatMap((value, index): [string, Value][] =>
    value === undefined ? [] : [[`${towards[index]?.name}.grad`, value]],
  );
  return modelFor(emitter, operatorCase, new Map(found.length === 0 ? outputs : found));
}

function modelFor(emitter: Emitter, { op }: OperatorCase, outputs: ReadonlyMap<string, Value>): Model {
  const named = [...outputs].map(([name, value]) => ({ name, value }));
  return standardModel(emitter.graph(op, named), op);
}

function emitted(
  { op, domain = "", attributes = {}, ...operands }: OperatorCase,
  type: "float64" | "float32",
  isDecomposed: boolean,
) {
  const emitter = new Emitter();
  const inputs = operands.inputs.map((input, index) => {
    if (input === null) return undefined;
    const dataType = concrete(input.dataType, type);
    if (input.role === "constant")
      return emitter.initializer(numberTensor(`input${index}`, dataType, input.shape, input.values));
    const shape = input.shape.map((extent, axis) =>
      input.symbolic?.includes(axis) === true ? `extent${index}_${axis}` : extent,
    );
    return emitter.input(`input${index}`, { dataType, shape });
  });
  const node: Node = {
    name: "operator",
    domain,
    opType: op,
    overload: "",
    inputs: inputs.map((input) => input?.name ?? ""),
    outputs: Array.from({ length: operands.outputs ?? 1 }, (_, index) => `output${index}`),
    attributes: attributesOf(attributes),
    metadata: new Map(),
  };
  const decomposed = isDecomposed ? decompose({ emitter, node, inputs }) : undefined;
  const values = decomposed ?? emitter.emit({ ...node, inputs });
  const outputs = new Map(
    node.outputs.flatMap((name, index): [string, Value][] => {
      const value = values[index];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  return { emitter, inputs, outputs };
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}
