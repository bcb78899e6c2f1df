import { readFileSync } from "node:fs";
import { graphBuilder, modelOf } from "../../graph/builder.js";
import type { Model } from "../../graph/model.js";
import { tensorFrom } from "../../graph/tensor.js";
import { fixture } from "../../graph/testing/models.js";

/**
 * The golden trajectories of fixtures/trajectories: what Keras with the reference package and PyTorch compute in 200
 * steps of training the networks of the paper. The data and the initial weights are made here, as generator.py makes
 * them there, bit for bit.
 */

/** Hidden widths of the networks that have trajectories, each with 8 inputs, one output, and ReLU or tanh between. */
export const networks: readonly (readonly number[])[] = [
  [64, 32],
  [128, 64, 32],
  [128, 128, 64],
  [256, 128, 64, 32],
  [128, 128, 128, 128, 128],
  [1024, 256, 64, 16],
];

/** Examples in a batch, batches in the data, and steps of each trajectory: step s (from 0) takes batch s mod 20. */
export const rowsPerBatch = 128;
export const batchCount = 20;
export const stepCount = 200;

const FEATURES = 8;
const ROWS = rowsPerBatch * batchCount;
const DATA_SEED = 1;
const WEIGHT_SEED = 2;

/**
 * Between the layers. A ReLU whose input is zero but for rounding takes computations in float32 apart, sooner or later
 * (`together`): ReLU networks are to be compared in float64, or up to there. tanh networks can be compared in float32.
 */
export type Activation = "relu" | "tanh";

/** What optimized, in the words of our own options. What an optimizer does without is undefined. */
export interface TrajectoryOptimizer {
  readonly name: "adam" | "adamw" | "caadam" | "sgd";
  readonly learningRate: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly epsilonPlacement?: "keras" | "torch";
  readonly amsgrad?: boolean;
  readonly strategy?: "additive" | "multiplicative" | "depth";
  readonly gamma?: number;
  readonly convention?: "keras" | "parameter";
  /** Of SGD. */
  readonly momentum?: number;
  readonly nesterov?: boolean;
  /** Decoupled: w <- w - lr·weightDecay·w before the update, without the scale. */
  readonly weightDecay?: number;
  /** The parameters that are left out. */
  readonly withoutWeightDecay?: readonly string[];
  readonly clipValue?: number;
  /** For each gradient by itself. */
  readonly clipNorm?: number;
  readonly globalClipNorm?: number;
  /** Batches for one update, whose gradients are averaged. */
  readonly accumulate?: number;
  /** Of the weights' moving average, which begins with the weights after the first step (`average`). */
  readonly averageMomentum?: number;
}

/** What is kept of a tensor: its Euclidean norm, and the elements 0, n/3, 2n/3 and n - 1, rounded down. */
export interface TensorSummary {
  readonly norm: number;
  readonly samples: readonly number[];
}

export interface Trajectory {
  /** `keras/multiplicative-parameter` */
  readonly name: string;
  readonly framework: "keras" | "torch";
  readonly optimizer: TrajectoryOptimizer;
  /** Of the reference package, by parameter. */
  readonly scales?: Readonly<Record<string, number>>;
  /** Of how many steps float32 gives losses within 1e-5, in whatever order sums are taken. */
  readonly together: number;
  /** Of each step's batch before the update, as the framework computes them in float32. */
  readonly losses: readonly number[];
  /** The same, computed in float64; of ReLU networks. */
  readonly losses64?: readonly number[];
  /** The weights after the last step, computed in float64; of ReLU networks. */
  readonly final?: Readonly<Record<string, TensorSummary>>;
  /** The moving average of the weights after the last step, computed in float64. */
  readonly average?: Readonly<Record<string, TensorSummary>>;
}

/** A file of trajectories. */
export interface TrajectoryFile {
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly versions: Readonly<Record<string, string>>;
  readonly data: { readonly x: TensorSummary; readonly y: TensorSummary };
  readonly initial: Readonly<Record<string, TensorSummary>>;
  readonly trajectories: readonly Trajectory[];
}

/** The trajectories of a network. */
export function trajectoriesOf(hidden: readonly number[], activation: Activation = "relu"): TrajectoryFile {
  const prefix = activation === "relu" ? "mlp" : activation;
  return JSON.parse(readFileSync(fixture(`trajectories/${prefix}-${hidden.join("-")}.json`), "utf8")) as TrajectoryFile;
}

/** A network on which the reference divides by zero; what is not a number is written as `nan`, `inf` or `-inf`. */
export interface UndefinedScales {
  /** Inputs, hidden widths, outputs. */
  readonly sizes: readonly number[];
  readonly optimizer: TrajectoryOptimizer;
  readonly scales: Readonly<Record<string, number | string>>;
  readonly losses: readonly (number | string)[];
}

/** The cases in which the reference divides by zero, or comes near. */
export function undefinedScales(): readonly UndefinedScales[] {
  return JSON.parse(readFileSync(fixture("trajectories/undefined-scales.json"), "utf8")) as readonly UndefinedScales[];
}

/** Step sizes before scaling (from step 1) as Keras computes them in float32 for lr 0.001, β₁ 0.9, β₂ 0.999. */
export function kerasStepSizes(): { readonly steps: readonly number[]; readonly stepSizes: readonly number[] } {
  return JSON.parse(readFileSync(fixture("trajectories/step-sizes.json"), "utf8")) as ReturnType<typeof kerasStepSizes>;
}

/** What the networks are trained on: features [2560, 8] and targets [2560, 1], row-major. */
export interface TrajectoryData {
  readonly x: Float32Array<ArrayBuffer>;
  readonly y: Float32Array<ArrayBuffer>;
}

/** The data: features of mean 0 and deviation 1, correlated, and a target that is not linear in them. */
export function trajectoryData(): TrajectoryData {
  const draw = uniformDraws(DATA_SEED);
  const standard = () => draw() + draw() + draw();
  const x = new Float32Array(ROWS * FEATURES);
  const y = new Float32Array(ROWS);
  for (let row = 0; row < ROWS; row++) {
    const shared = standard();
    const features = x.subarray(row * FEATURES, (row + 1) * FEATURES);
    for (let feature = 0; feature < FEATURES; feature++) features[feature] = 0.6 * shared + 0.8 * standard();
    const [x0 = 0, x1 = 0, x2 = 0, x3 = 0, x4 = 0, x5 = 0] = features;
    y[row] = 0.6 * x0 - 0.3 * x1 * x2 + 0.5 * Math.abs(x3) - 0.4 * Math.max(x4, x5) + 0.25 * standard();
  }
  return { x, y };
}

/** The batch of a step (from 0), as views of the data. */
export function trajectoryBatch({ x, y }: TrajectoryData, step: number): TrajectoryData {
  const first = (step % batchCount) * rowsPerBatch;
  const end = first + rowsPerBatch;
  return { x: x.subarray(first * FEATURES, end * FEATURES), y: y.subarray(first, end) };
}

export interface InitialParameter {
  /** `0.weight`, `0.bias`, `2.weight` ... as in a PyTorch Sequential. */
  readonly name: string;
  /** A weight is [outputs, inputs]. */
  readonly shape: readonly number[];
  readonly values: Float32Array<ArrayBuffer>;
}

/** The initial weights: within Glorot's limit, rounded to a multiple of 1/4096; the biases within 1/16. */
export function initialParameters(hidden: readonly number[], outputs = 1): readonly InitialParameter[] {
  const draw = uniformDraws(WEIGHT_SEED);
  const sizes = [FEATURES, ...hidden, outputs];
  return sizes.slice(1).flatMap((rows, layer) => {
    const columns = sizes[layer] ?? 0;
    const limit = Math.floor(Math.sqrt(6 / (columns + rows)) * 4096 + 0.5) / 4096;
    const weight = Float32Array.from({ length: rows * columns }, () => limit * draw());
    const bias = Float32Array.from({ length: rows }, () => draw() / 16);
    return [
      { name: `${2 * layer}.weight`, shape: [rows, columns], values: weight },
      { name: `${2 * layer}.bias`, shape: [rows], values: bias },
    ];
  });
}

export interface TrajectoryModelOptions {
  /** ReLU by default. */
  readonly activation?: Activation;
  /** Of all tensors; float32 by default. The initial weights are the same numbers in both. */
  readonly dataType?: "float32" | "float64";
}

/** The network with its initial weights, as PyTorch exports a Sequential: x [batch, 8] to y [batch, 1]. */
export function trajectoryModel(
  hidden: readonly number[],
  { activation = "relu", dataType = "float32" }: TrajectoryModelOptions = {},
): Model {
  const builder = graphBuilder("main_graph");
  const operator = activation === "relu" ? "Relu" : "Tanh";
  for (const { name, shape, values } of initialParameters(hidden)) {
    const data = dataType === "float32" ? values : Float64Array.from(values);
    builder.initializer(tensorFrom(name, dataType, shape, new Uint8Array(data.buffer)));
  }
  let value = builder.input("x", dataType, ["batch", FEATURES]);
  for (let layer = 0; layer <= hidden.length; layer++) {
    const gemm = `/${2 * layer}/Gemm`;
    const isLast = layer === hidden.length;
    value = builder.node(
      "Gemm",
      [value, `${2 * layer}.weight`, `${2 * layer}.bias`],
      { alpha: { float: 1 }, beta: { float: 1 }, transB: 1 },
      { name: gemm, outputs: [isLast ? "y" : `${gemm}_output_0`] },
    );
    if (!isLast) value = builder.node(operator, [value], {}, { name: `/${2 * layer + 1}/${operator}` });
  }
  builder.output("y", dataType, ["batch", 1]);
  return modelOf(builder.graph(), 17, 8);
}

/** What the files keep of a tensor. */
export function summaryOf(values: Float32Array | Float64Array): TensorSummary {
  const count = values.length;
  const places = [0, Math.floor(count / 3), Math.floor((2 * count) / 3), count - 1];
  let squares = 0;
  for (const value of values) squares += value * value;
  return {
    norm: Math.sqrt(squares),
    samples: places.map((place) => values[place] ?? Number.NaN),
  };
}

/** The greatest relative difference of losses from those that are expected, and the step (from 0) at which it is. */
export function greatestDifference(
  found: readonly number[],
  expected: readonly number[],
): { readonly step: number; readonly relative: number } {
  if (found.length !== expected.length) throw new Error(`${found.length} losses, and ${expected.length} are expected`);
  const differences = found.map((loss, step) => Math.abs(loss / (expected[step] ?? Number.NaN) - 1));
  const notANumber = differences.findIndex(Number.isNaN);
  const step = notANumber >= 0 ? notANumber : differences.indexOf(Math.max(...differences));
  return { step, relative: differences[step] ?? Number.NaN };
}

/** Numbers in [-1, 1) with 24 bits each, by mulberry32. */
function uniformDraws(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 8) / 2 ** 23 - 1;
  };
}
