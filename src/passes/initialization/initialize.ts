import { isFloatingPoint } from "../../graph/data-type.js";
import { InputError } from "../../graph/errors.js";
import { elementCount, type Tensor } from "../../graph/tensor.js";
import type { Parameter } from "../structure/layers.js";
import type { Structure } from "../structure/structure.js";
import { type DistributionName, distributions } from "./distributions.js";
import { fillOrthogonal } from "./orthogonal.js";
import { RandomNumbers } from "./random-numbers.js";
import { fillForgetGate } from "./recurrent-bias.js";
import { outdatedStatistics } from "./running-statistics.js";
import { deviationOf, type FanMode, type SchemeName, schemes } from "./schemes.js";

/** How weights are drawn. */
export interface InitializationOptions {
  /** By default he. */
  readonly scheme?: SchemeName;
  /** By default uniform. */
  readonly distribution?: DistributionName;
  /** The fan that the variance of a kernel is divided by; by default the scheme's. */
  readonly fan?: FanMode;
  /** A factor on the standard deviation of kernels, on top of the scheme; by default 1. */
  readonly gain?: number;
  /** Recurrent kernels of LSTM, GRU and RNN: orthogonal matrices, as Keras has them (the default), or by the scheme. */
  readonly recurrent?: "orthogonal" | "scheme";
  /** What the bias of an LSTM's forget gate starts from; by default 1, as in Keras. */
  readonly forgetBias?: number;
  /** An integer; by default 0. The numbers of a tensor follow from the seed and its name. */
  readonly seed?: number;
}

/** A tensor's new values, as `new ort.Tensor(type, data, dims)` takes them. */
export type InitializedTensor =
  | { readonly type: "float32"; readonly data: Float32Array; readonly dims: readonly number[] }
  | { readonly type: "float64"; readonly data: Float64Array; readonly dims: readonly number[] };

/** Keras' Embedding: uniform between -0.05 and 0.05. */
const EMBEDDING_LIMIT = 0.05;
/** Position embeddings, class tokens and the like, as BERT, GPT-2 and ViT have them. */
const FREE_DEVIATION = 0.02;
/** PyTorch's PReLU. */
const SLOPE = 0.25;

/**
 * New values for every parameter of a structure, by the names of the initializers: kernels by the scheme with the fans
 * of the scale table, embeddings uniform between -0.05 and 0.05, biases 0, scales of normalizations 1; of parameters
 * that are no layer's, those that multiply 1, slopes of PRelu 0.25, all others normal with a deviation of 0.02. Running
 * statistics behind a parameter go back to mean 0 and variance 1. Half-precision parameters get float32.
 * @param structure of the model, with what is frozen; quantized weights are passed over
 * @throws InputError for a seed that is no integer, a gain that is not positive, and two parameters of one name
 */
export function initialize(
  structure: Structure,
  options: InitializationOptions = {},
): ReadonlyMap<string, InitializedTensor> {
  requireNumbers(options);
  const values = new Map<string, InitializedTensor>();
  const parameters = structure.layers.flatMap((layer) => layer.parameters);
  for (const parameter of parameters.filter(({ tensor }) => isFloatingPoint(tensor.dataType))) {
    const { name } = parameter.tensor;
    if (values.has(name)) {
      const remedy = "give them names of their own, or leave them as they are with --freeze";
      throw new InputError(`parameter "${name}"`, "is there twice, in different bodies", remedy);
    }
    const tensor = emptyTensor(parameter.tensor);
    fill(tensor.data, parameter, options);
    values.set(name, tensor);
  }
  for (const { tensor, start } of outdatedStatistics(structure)) {
    if (values.has(tensor.name)) continue;
    const statistics = emptyTensor(tensor);
    statistics.data.fill(start);
    values.set(tensor.name, statistics);
  }
  return values;
}

function requireNumbers({ seed = 0, gain = 1, forgetBias = 1 }: InitializationOptions): void {
  if (!Number.isSafeInteger(seed)) throw new InputError(`--seed ${seed}`, "is not an integer");
  if (!(gain > 0 && gain < Infinity)) throw new InputError(`--gain ${gain}`, "is not a positive number");
  if (!Number.isFinite(forgetBias)) throw new InputError(`--forget-bias ${forgetBias}`, "is not a finite number");
}

function emptyTensor({ dataType, shape: dims }: Tensor): InitializedTensor {
  const count = elementCount(dims);
  return dataType === "float64"
    ? { type: "float64", data: new Float64Array(count), dims }
    : { type: "float32", data: new Float32Array(count), dims };
}

/** Fills the values of a parameter, which are zeros. */
function fill(data: InitializedTensor["data"], parameter: Parameter, options: InitializationOptions): void {
  const { tensor, role } = parameter;
  const random = new RandomNumbers(options.seed ?? 0, tensor.name);
  switch (role) {
    case "kernel":
      return fillByScheme(data, parameter, random, options);
    case "recurrent":
      return options.recurrent === "scheme"
        ? fillByScheme(data, parameter, random, options)
        : fillOrthogonal(data, tensor.shape, random);
    case "embedding":
      for (let index = 0; index < data.length; index++) data[index] = random.symmetric() * EMBEDDING_LIMIT;
      return;
    case "norm-scale":
      data.fill(1);
      return;
    case "bias":
      return fillForgetGate(data, parameter, options.forgetBias ?? 1);
    case "norm-bias":
      return;
    case "other":
      return fillFree(data, parameter, random);
  }
}

function fillByScheme(
  data: InitializedTensor["data"],
  parameter: Parameter,
  random: RandomNumbers,
  options: InitializationOptions,
): void {
  const scheme = named(schemes, options.scheme ?? "he", "--scheme");
  const { draw } = named(distributions, options.distribution ?? "uniform", "--distribution");
  const deviation = deviationOf(scheme, parameter, options.fan) * (options.gain ?? 1);
  for (let index = 0; index < data.length; index++) data[index] = draw(random) * deviation;
}

/** What stands alone: what multiplies starts as if it were not there, what is added or joined must tell places apart. */
function fillFree(data: InitializedTensor["data"], { operation, input }: Parameter, random: RandomNumbers): void {
  const { opType } = operation.node;
  if (opType === "PRelu" && input === 1) data.fill(SLOPE);
  else if (opType === "BatchNormalization") data.fill(input === 4 ? 1 : 0);
  else if (opType === "Mul" || opType === "Div") data.fill(1);
  else for (let index = 0; index < data.length; index++) data[index] = random.normal() * FREE_DEVIATION;
}

function named<Name extends string, Entry>(registry: ReadonlyMap<Name, Entry>, name: Name, option: string): Entry {
  const entry = registry.get(name);
  if (entry === undefined) throw new InputError(`${option} ${name}`, `is none of ${[...registry.keys()].join(", ")}`);
  return entry;
}
