import { type Dataflow, dataflowOf } from "../../graph/dataflow.js";
import { InputError } from "../../graph/errors.js";
import type { Model } from "../../graph/model.js";
import type { Tensor } from "../../graph/tensor.js";
import { inlineFunctions } from "../normalize/inline-functions.js";
import { absentParameters } from "./framework-names/absent.js";
import type { FrameworkNames } from "./framework-names/exporter.js";
import { exporterNaming, recoverNames } from "./framework-names/index.js";
import { tiedCopies } from "./framework-names/tied.js";
import { findLayers, type IsTrainable, type Layer } from "./layers.js";
import { gradientReach } from "./gradient-reach.js";
import { selectedBy, trainableByDefault, type TrainabilityOptions } from "./trainability.js";
import { warningsFor } from "./warnings.js";

/** What the architecture says: the layers of a model and their parameters. */
export interface Structure {
  /** In the order of their first use. */
  readonly layers: readonly Layer[];
  readonly frameworkNames: FrameworkNames;
  /** The greatest depth of a layer, plus 1. */
  readonly totalDepth: number;
  /** Float initializers that are no parameters because of `freeze`. */
  readonly frozen: readonly Tensor[];
  /** Parameters of the framework that no tensor of the file goes by, as far as the file says which there were. */
  readonly absent: readonly string[];
  /** Each one line, for the person who asked. */
  readonly warnings: readonly string[];
}

/**
 * Finds layers, depth, fans and connections of a model; nothing is run and no weights are read, but for a few samples
 * that tell tied embeddings.
 * @throws InputError for a graph that is not well-formed, a pattern that matches nothing, and a model without parameters
 */
export function structureOf(model: Model, { freeze = [], train = [] }: TrainabilityOptions = {}): Structure {
  const inlined = inlineFunctions(model);
  const dataflow = dataflowOf(inlined);
  const naming = exporterNaming(inlined);
  const reach = gradientReach(dataflow);
  const analyze = (isTrainable: IsTrainable) => {
    const found = findLayers(dataflow, reach, isTrainable);
    const { layers } = found;
    const original = tiedCopies(layers, naming.isMadeUp);
    return { ...found, frameworkNames: recoverNames(naming, { model: inlined, dataflow, layers, original }) };
  };

  const byDefault = trainableByDefault(naming);
  let found = analyze(byDefault);
  const absent = absentParameters(naming, dataflow, found.layers, found.frameworkNames);
  let frozen: readonly Tensor[] = [];
  if (freeze.length > 0 || train.length > 0) {
    const selection = selectedBy({ freeze, train }, dataflow, found, model.label);
    const isTrainable: IsTrainable = (tensor, use) =>
      selection.included.has(tensor.name) || (byDefault(tensor, use) && !selection.frozen.has(tensor.name));
    found = analyze(isTrainable);
    frozen = dataflow.initializers.flatMap(({ name, origin }) =>
      origin.kind === "initializer" && selection.frozen.has(name) && !selection.included.has(name)
        ? [origin.tensor]
        : [],
    );
  }
  if (found.layers.length === 0) throw withoutParameters(dataflow, model.label, frozen.length > 0);
  return {
    layers: found.layers,
    totalDepth: found.totalDepth,
    frameworkNames: found.frameworkNames,
    frozen,
    absent: absent.names,
    warnings: warningsFor({ dataflow, reach, naming, absent }, found),
  };
}

function withoutParameters(dataflow: Dataflow, label: string, isFrozen: boolean): InputError {
  if (isFrozen)
    return new InputError(label, "has no parameters left to scale", "freeze less, or name some with --train");
  if (dataflow.initializers.length === 0) {
    return new InputError(label, "has no initializers, so there is nothing to scale");
  }
  return new InputError(
    label,
    "has no trainable parameters: no float initializer of rank 1 or more that an output depends on smoothly",
    "name scalars and constants to be trained with --train",
  );
}
