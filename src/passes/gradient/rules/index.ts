import { merged } from "../../../graph/registry.js";
import type { GradientRule, GradientRules } from "../rule.js";
import { arithmetic } from "./arithmetic.js";
import { convolutions } from "./convolution.js";
import { controlFlow } from "./control-flow.js";
import { poolings } from "./pooling.js";
import { dropouts } from "./dropout.js";
import { products } from "./products.js";
import { batchNormalizations } from "./batch-normalization.js";
import { layerNormalizations } from "./layer-normalization.js";
import { channelNormalizations } from "./channel-normalization.js";
import { einsums } from "./einsum.js";
import { activations } from "./activations.js";
import { combinations } from "./combinations.js";
import { cumulations } from "./cumulations.js";
import { elementary } from "./elementary.js";
import { generated } from "./generated.js";
import { ordering } from "./ordering.js";
import { quantization } from "./quantization.js";
import { rectifiers } from "./rectifiers.js";
import { reductions } from "./reductions.js";
import { softmaxes } from "./softmax.js";
import { gatherings } from "./gathering.js";
import { movements } from "./movement.js";
import { paddings } from "./padding.js";
import { parts } from "./parts.js";
import { resizings } from "./resizing.js";
import { scatterings } from "./scattering.js";
import { spectra } from "./spectra.js";
import { determinants } from "./determinant.js";
import { rotaryEmbeddings } from "./rotary-embedding.js";

const families: readonly GradientRules[] = [
  activations,
  combinations,
  cumulations,
  elementary,
  generated,
  ordering,
  quantization,
  rectifiers,
  reductions,
  softmaxes,
  arithmetic,
  controlFlow,
  convolutions,
  poolings,
  dropouts,
  products,
  batchNormalizations,
  layerNormalizations,
  channelNormalizations,
  einsums,
  gatherings,
  movements,
  paddings,
  parts,
  resizings,
  scatterings,
  spectra,
  determinants,
  rotaryEmbeddings,
];

/** The gradient rules of ai.onnx, by operator. */
export const gradientRules: ReadonlyMap<string, GradientRule> = merged(families);
