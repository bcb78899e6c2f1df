import { graphBuilder } from "../../graph/builder.js";
import { InputError } from "../../graph/errors.js";
import type { Model } from "../../graph/model.js";
import type { InitializationOptions } from "../initialization/initialize.js";
import { activations } from "./activations.js";
import { type LayerOptions, LayerWriter } from "./layer-writer.js";
import { requireSizes } from "./sizes.js";
import { withWeights } from "./with-weights.js";

/** A new multi-layer perceptron. The scheme of its weights is by default that of its activation. */
export interface MlpOptions extends LayerOptions, InitializationOptions {
  /** Features, hidden units of each layer, outputs. */
  readonly sizes: readonly number[];
  /** A LayerNormalization between layer and activation. */
  readonly layerNorm?: boolean;
}

/**
 * A multi-layer perceptron from `x` [batch, features] to `output` [batch, outputs]: fc1, fc2, ..., between them
 * normalization (if any), activation and dropout (if any).
 * @throws InputError for sizes that are none, and a model that is too large for a file
 */
export function newMlp(options: MlpOptions): Model {
  const { sizes, layerNorm = false, batchNorm = false, activation = "relu" } = options;
  const [features, ...units] = sizes;
  const outputs = units.at(-1);
  if (features === undefined || outputs === undefined) {
    throw new InputError("new mlp", "needs two sizes at least", "say 8-64-1 for 8 features, 64 hidden units, 1 output");
  }
  requireSizes("new mlp", sizes);
  if (layerNorm && batchNorm) throw new InputError("--layer-norm", "excludes --batch-norm", "leave out one of them");

  const graph = graphBuilder("mlp");
  const layers = new LayerWriter(graph, options);
  let value = graph.input("x", "float32", ["batch", features]);
  let width = features;
  for (const hidden of units.slice(0, -1)) {
    const dense = layers.dense(value, width, hidden);
    const normalized = layerNorm ? layers.layerNormalization(dense, hidden) : dense;
    value = layers.dropped(layers.activated(normalized, hidden));
    width = hidden;
  }
  layers.last(value, width, outputs);
  const scheme = options.scheme ?? activations.get(activation)?.scheme ?? "he";
  return withWeights(graph.graph(), { ...options, scheme });
}
