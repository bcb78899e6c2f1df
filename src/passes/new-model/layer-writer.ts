import { float32Tensor, type GraphBuilder } from "../../graph/builder.js";
import { InputError } from "../../graph/errors.js";
import type { Tensor } from "../../graph/tensor.js";
import { type ActivationName, activations, type OutputActivationName, outputActivations } from "./activations.js";

/** What the layers of a new model have in common. */
export interface LayerOptions {
  /** After every layer but the last; by default relu. */
  readonly activation?: ActivationName;
  /** A BatchNormalization between layer and activation. */
  readonly batchNorm?: boolean;
  /** The share that is dropped before dense layers (not of the model's input); by default nothing. */
  readonly dropout?: number;
  /** After the last layer; by default none. */
  readonly outputActivation?: OutputActivationName;
}

/** Appends layers to a graph, numbered by kind and named as in PyTorch (fc1.weight); weights get their values later. */
export class LayerWriter {
  readonly #graph: GraphBuilder;
  readonly #options: LayerOptions;
  readonly #counts = new Map<string, number>();

  /** @throws InputError for a dropout that is no share */
  constructor(graph: GraphBuilder, options: LayerOptions) {
    const { dropout = 0 } = options;
    if (!(dropout >= 0 && dropout < 1)) throw new InputError(`--dropout ${dropout}`, "is not from 0 to less than 1");
    this.#graph = graph;
    this.#options = options;
  }

  /** y = x·Wᵀ + b with W [outputs, inputs], as PyTorch's Linear. */
  dense(input: string, inputs: number, outputs: number, result?: string): string {
    const name = this.#next("fc");
    const operands = [
      input,
      this.#weight(`${name}.weight`, [outputs, inputs]),
      this.#weight(`${name}.bias`, [outputs]),
    ];
    return this.#graph.node("Gemm", operands, { transB: 1 }, named(name, result));
  }

  /** A convolution that keeps the extents: a kernel of odd extent, padded by its half. */
  convolution(input: string, channels: number, outputs: number, kernel: readonly number[]): string {
    const name = this.#next("conv");
    const weight = this.#weight(`${name}.weight`, [outputs, channels, ...kernel]);
    const half = kernel.map((extent) => (extent - 1) / 2);
    const attributes = { kernel_shape: kernel, pads: [...half, ...half] };
    return this.#graph.node("Conv", [input, weight, this.#weight(`${name}.bias`, [outputs])], attributes, { name });
  }

  /** The normalization, if there is one, and the activation of a layer with so many units. */
  activated(input: string, units: number): string {
    const normalized = this.#options.batchNorm === true ? this.#batchNormalization(input, units) : input;
    const activation = this.#options.activation ?? "relu";
    const known = activations.get(activation);
    if (known === undefined) {
      throw new InputError(`--activation ${activation}`, `is none of ${[...activations.keys()].join(", ")}`);
    }
    return known.emit(this.#graph, normalized, this.#next(activation));
  }

  /** A LayerNormalization over the last axis. */
  layerNormalization(input: string, units: number): string {
    const name = this.#next("ln");
    const operands = [input, this.#weight(`${name}.weight`, [units]), this.#weight(`${name}.bias`, [units])];
    return this.#graph.node("LayerNormalization", operands, { axis: -1 }, { name });
  }

  /** The greatest of every two neighbours along each spatial axis. */
  halved(input: string, rank: number): string {
    const two = Array.from({ length: rank }, () => 2);
    return this.#graph.node("MaxPool", [input], { kernel_shape: two, strides: two }, { name: this.#next("pool") });
  }

  dropped(input: string): string {
    const { dropout = 0 } = this.#options;
    if (dropout === 0) return input;
    const name = this.#next("dropout");
    const ratio = this.#graph.initializer(float32Tensor(`${name}.ratio`, [], [dropout]));
    return this.#graph.node("Dropout", [input, ratio], {}, { name });
  }

  /** A dense layer with the model's output, and its activation if it has one. */
  last(input: string, inputs: number, outputs: number): void {
    const { outputActivation = "none" } = this.#options;
    if (!outputActivations.has(outputActivation)) {
      const remedy = `is none of ${[...outputActivations.keys()].join(", ")}`;
      throw new InputError(`--output-activation ${outputActivation}`, remedy);
    }
    const operator = outputActivations.get(outputActivation);
    const result = this.dense(input, inputs, outputs, operator === undefined ? OUTPUT : undefined);
    if (operator !== undefined) this.#graph.node(operator, [result], {}, named(outputActivation, OUTPUT));
    this.#graph.output(OUTPUT, "float32", ["batch", outputs]);
  }

  #batchNormalization(input: string, units: number): string {
    const name = this.#next("bn");
    const parts = ["weight", "bias", "running_mean", "running_var"];
    const operands = parts.map((part) => this.#weight(`${name}.${part}`, [units]));
    return this.#graph.node("BatchNormalization", [input, ...operands], {}, { name });
  }

  #weight(name: string, shape: readonly number[]): string {
    return this.#graph.initializer(declared(name, shape));
  }

  #next(kind: string): string {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    return `${kind}${count}`;
  }
}

/** What the model's only output is called. */
const OUTPUT = "output";

function named(name: string, result: string | undefined) {
  return result === undefined ? { name } : { name, outputs: [result] };
}

/** A float32 tensor that has no values yet. */
function declared(name: string, shape: readonly number[]): Tensor {
  return { name, dataType: "float32", shape, payload: { kind: "none" } };
}
