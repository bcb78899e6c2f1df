import { integerAttribute } from "../../graph/model.js";
import { elementCount } from "../../graph/tensor.js";
import { kerasVariableName } from "../structure/framework-names/tf2onnx.js";
import { isKernel, isRecurrent, kernelConnections, type Layer, type Parameter } from "../structure/layers.js";
import type { Structure } from "../structure/structure.js";
import type { Convention, ScaleTable } from "./scale-table.js";

/** What a convention says of a parameter. */
export interface Counted {
  /** Undefined for a parameter that has none: a connection strategy gives it scale 1. */
  readonly connections: number | undefined;
  readonly depth: number;
}

/** Connection counts and depths of all parameters, as one convention counts them. */
export interface Counts {
  readonly of: ReadonlyMap<Parameter, Counted>;
  readonly statistics: ScaleTable["statistics"];
}

/** What counts as a parameter's connections and depth. */
export interface CountingConvention {
  readonly name: Convention;
  /** One line for help texts. */
  readonly summary: string;
  /** Said once by whoever shows scales under this convention. */
  readonly caution?: string;
  /** What holds where one side of the median is empty: certainly c = c̃ and so 1, or a division by 0. */
  readonly emptySide: "one" | "error";
  count(structure: Structure): Counts;
}

export const conventions: ReadonlyMap<Convention, CountingConvention> = new Map(
  (
    [
      {
        name: "layer",
        summary: "the paper's text: a layer's parameters share the scale of its kernel",
        emptySide: "one",
        count: countByLayer,
      },
      {
        name: "parameter",
        summary: "what the reference's code intends: every parameter counts by itself",
        emptySide: "error",
        count: countByParameter,
      },
      {
        name: "keras",
        summary: "the reference package caadam 0.1.1 as it runs: counts are shared by short name",
        caution:
          "convention keras repeats what caadam 0.1.1 does: parameters of one short name (such as every kernel) share the count of the last of them",
        emptySide: "error",
        count: countByKerasName,
      },
    ] satisfies readonly CountingConvention[]
  ).map((convention) => [convention.name, convention]),
);

function countByLayer({ layers, totalDepth }: Structure): Counts {
  const of = new Map<Parameter, Counted>();
  const kernels: number[] = [];
  for (const { connections, depth, parameters } of layers) {
    for (const parameter of parameters) of.set(parameter, { connections, depth });
    kernels.push(...kernelConnections(parameters.filter(isKernel)));
  }
  return { of, statistics: statisticsOf(kernels, totalDepth) };
}

function countByParameter({ layers }: Structure): Counts {
  return countVariables(layers.flatMap(variablesOf), ({ connections }) => connections);
}

/** The reference keeps counts in a dictionary keyed by the variable's short name: the last of a name wins. */
function countByKerasName({ layers }: Structure): Counts {
  const variables = layers.flatMap(variablesOf);
  const byName = new Map<string, number>();
  for (const { name, connections } of variables) if (connections !== undefined) byName.set(name, connections);
  return countVariables(variables, ({ name }) => byName.get(name));
}

/** Each variable by itself; a parameter that is several variables is the first of them. */
function countVariables(variables: readonly Variable[], countOf: (variable: Variable) => number | undefined): Counts {
  const of = new Map<Parameter, Counted>();
  for (const [depth, variable] of variables.entries()) {
    if (!of.has(variable.parameter)) of.set(variable.parameter, { connections: countOf(variable) ?? 0, depth });
  }
  const counted = variables.flatMap(({ connections }) => connections ?? []);
  return { of, statistics: statisticsOf(counted, variables.length) };
}

/** A parameter as a framework's variable. */
interface Variable {
  readonly parameter: Parameter;
  readonly name: string;
  /** The product of its dimensions, for rank 2 and above. */
  readonly connections: number | undefined;
}

/** A layer's variables; those of a bidirectional layer, which ONNX stacks, one direction after the other. */
function variablesOf(layer: Layer): readonly Variable[] {
  const variables = layer.parameters.map((parameter): Variable => {
    const shape = variableShape(layer, parameter);
    return {
      parameter,
      name: kerasVariableName(layer, parameter) ?? parameter.tensor.name,
      connections: shape.length > 1 ? elementCount(shape) : undefined,
    };
  });
  return directionsOf(layer) === 2 ? [...variables, ...variables] : variables;
}

/**
 * The shape that a framework gives a parameter. Exporters add axes of extent 1 to biases and norm parameters so that
 * they broadcast. Recurrent tensors are one for each direction, and their bias a vector; but for GRU with
 * linear_before_reset (Keras: reset_after), which keeps two rows of biases.
 */
function variableShape(layer: Layer, { tensor, role, operation }: Parameter): readonly number[] {
  const directions = directionsOf(layer);
  if (directions !== undefined) {
    // Some exporters store a tensor of one direction without that axis, and add it on the way to the operator.
    const hasDirections = tensor.shape.length === (role === "kernel" || role === "recurrent" ? 3 : 2);
    const shape = hasDirections ? tensor.shape.slice(1) : tensor.shape;
    if (role !== "bias") return shape;
    if (operation.node.opType !== "GRU" || integerAttribute(operation.node, "linear_before_reset", 0) === 0)
      return shape;
    // Where PyTorch exports for training, the two rows are tensors of their own.
    const elements = elementCount(tensor.shape) / directions;
    return elements === 6 * integerAttribute(operation.node, "hidden_size", elements / 6)
      ? [2, elements / 2]
      : [elements];
  }
  const isVector =
    role === "bias" || role === "norm-scale" || role === "norm-bias" || operation.node.opType === "PRelu";
  return isVector ? tensor.shape.filter((extent) => extent !== 1) : tensor.shape;
}

/** 1 or 2 for ONNX's recurrent operators, whose tensors begin with that axis; undefined for all others. */
function directionsOf(layer: Layer): number | undefined {
  const [kernel] = layer.parameters;
  if (!isRecurrent(layer) || kernel === undefined) return undefined;
  return kernel.tensor.shape.length === 3 ? kernel.tensor.shape[0] : 1;
}

function statisticsOf(connections: readonly number[], totalDepth: number): ScaleTable["statistics"] {
  if (connections.length === 0) {
    return { minConnections: 0, medianConnections: 0, maxConnections: 0, totalDepth };
  }
  const sorted = connections.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
  return { minConnections: sorted[0] ?? 0, medianConnections: median, maxConnections: sorted.at(-1) ?? 0, totalDepth };
}
