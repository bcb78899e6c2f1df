import type { Emitter, Value } from "../../graph/emitter.js";
import type { Graph, Node } from "../../graph/model.js";
import { declaredInputs, replay, type Rewrite } from "../../graph/replay.js";
import { factsOfType } from "../../graph/shapes/declared-facts.js";
import { type Extent, substitute, symbol } from "../../graph/shapes/extent.js";
import type { Facts } from "../../graph/shapes/facts.js";
import type { DataType } from "../../graph/data-type.js";
import { decompose } from "../decompose/index.js";
import { BatchNormalizations, type BatchNormMode, type Buffer } from "./batch-normalization.js";
import { dependentOn } from "./dependence.js";
import { Dropouts } from "./dropout.js";

/** What a parameter is, apart from its values. */
export interface ParameterType {
  readonly name: string;
  readonly dataType: DataType;
  readonly shape: readonly number[];
}

/** How a model's forward pass is emitted. */
export interface ForwardOptions {
  /** The initializers that become inputs. */
  readonly parameters: readonly ParameterType[];
  readonly batchNorm: BatchNormMode;
  /** Whether Dropout drops. */
  readonly isDropoutActive: boolean;
  /** Whether operators on the way from parameters must have gradients, be it by decomposition. */
  readonly isDifferentiated: boolean;
  /** How many examples are in every batch; by default any number. */
  readonly batchSize?: number | undefined;
}

/** A model's forward pass in a graph under construction. */
export interface Forward {
  readonly features: readonly Value[];
  /** By their names in the model. */
  readonly parameters: ReadonlyMap<string, Value>;
  readonly buffers: readonly Buffer[];
  /** What random numbers are made from; undefined where there are none. */
  readonly seed: Value | undefined;
  /** All values, by their names in the model. */
  readonly values: ReadonlyMap<string, Value>;
}

/**
 * Emits the forward pass of a normalized model, with parameters and running statistics as inputs. Operators that the
 * gradient has to pass and that have no rule are written in terms of others.
 */
export function emitForward(graph: Graph, emitter: Emitter, options: ForwardOptions): Forward {
  const { batchSize } = options;
  const inputs = declaredInputs(graph, emitter, batchSize === undefined ? undefined : ofBatches(graph, batchSize));
  const parameters = new Map(
    options.parameters.map(({ name, dataType, shape }) => [name, emitter.input(name, { dataType, shape })] as const),
  );
  const batchNormalizations = new BatchNormalizations(graph, emitter, options.batchNorm);
  const dropouts = new Dropouts(emitter, options.isDropoutActive);
  const dependent = options.isDifferentiated ? dependentOn(new Set(parameters.keys()), graph) : new Set<string>();
  const needsDecomposition = ({ inputs: names }: Node) => names.some((name) => dependent.has(name));

  const rewrite: Rewrite = (replayed) => {
    const inMode = batchNormalizations.rewrite(replayed) ?? dropouts.rewrite(replayed);
    return inMode ?? (needsDecomposition(replayed.node) ? decompose(replayed) : undefined);
  };
  const values = replay(graph, emitter, inputs, {
    rewrite,
    initializer: (tensor, inner) =>
      parameters.get(tensor.name) ?? batchNormalizations.buffer(tensor, emitter) ?? inner.initializer(tensor),
  });
  const { buffers } = batchNormalizations;
  return { features: [...inputs.values()], parameters, buffers, seed: dropouts.seed, values };
}

/** The extent that all inputs begin with; undefined where they do not agree. */
export function batchExtent({ inputs, initializers }: Graph): Extent | undefined {
  const constants = new Set(initializers.map(({ name }) => name));
  const features = inputs.filter(({ name }) => !constants.has(name));
  const shapes = features.map(({ name, type }) => factsOfType(type, (axis) => symbol(`${name}_dim${axis}`)).shape);
  const [extent, ...others] = new Set(shapes.map((shape) => shape?.[0]));
  return others.length === 0 ? extent : undefined;
}

/** What is known of inputs when all batches have one size. */
function ofBatches(graph: Graph, size: number): (declared: Facts) => Facts {
  const batch = batchExtent(graph);
  const replacements = new Map(typeof batch === "string" ? [[batch, size]] : []);
  return (declared) => ({
    ...declared,
    shape: declared.shape?.map((extent) => substitute(extent, replacements)),
  });
}
