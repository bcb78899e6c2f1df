import { merged } from "../../graph/registry.js";
import { InputError } from "../../graph/errors.js";
import { describeNode, operatorName } from "../../graph/model.js";
import type { Rewrite } from "../../graph/replay.js";
import { activations } from "./activations.js";
import { classificationLosses } from "./classification-losses.js";
import { contextOf, type Decomposition, type Decompositions } from "./decomposition.js";
import { convolutions } from "./convolution.js";
import { normalizations } from "./normalizations.js";
import { einsums } from "./einsum.js";
import { deformableConvolutions } from "./deformable-convolution.js";
import { poolings } from "./pooling.js";
import { recurrentLayers } from "./recurrent.js";
import { regions } from "./regions.js";
import { samplings } from "./sampling.js";
import { selections } from "./selection.js";
import { sequences } from "./sequences.js";
import { spectra } from "./spectra.js";
import { attentions } from "./attention.js";
import { microsoftActivations } from "./microsoft/activations.js";
import { microsoftAttentions } from "./microsoft/attention.js";
import { microsoftNormalizations } from "./microsoft/normalizations.js";
import { microsoftProducts } from "./microsoft/products.js";
import { microsoftTensors } from "./microsoft/tensors.js";

const families: readonly Decompositions[] = [
  activations,
  classificationLosses,
  convolutions,
  normalizations,
  einsums,
  deformableConvolutions,
  poolings,
  recurrentLayers,
  regions,
  samplings,
  selections,
  sequences,
  spectra,
  attentions,
  microsoftActivations,
  microsoftAttentions,
  microsoftNormalizations,
  microsoftProducts,
  microsoftTensors,
];

/** All decompositions, by operator and by domain and operator. */
export const decompositions: ReadonlyMap<string, Decomposition> = merged(families);

/**
 * Writes a node in terms of other standard operators, where there is a decomposition.
 * @throws InputError for a node without an input that its operator requires
 */
export const decompose: Rewrite = ({ emitter, node, inputs }) => {
  const decomposition = decompositions.get(operatorName(node));
  if (decomposition === undefined) return undefined;
  const padded = Array.from({ length: Math.max(inputs.length, decomposition.arity) }, (_, index) => inputs[index]);
  const missing = padded.findIndex((input, index) => index < decomposition.arity && input === undefined);
  if (missing >= 0) throw new InputError(describeNode(node), `lacks its input ${missing}`);
  return emitter.scoped(node.name === "" ? node.opType : node.name, () =>
    decomposition.outputs(contextOf({ emitter, node, inputs: padded }, decompose)),
  );
};
