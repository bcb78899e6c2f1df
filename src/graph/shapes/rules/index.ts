import { merged } from "../../registry.js";
import type { ShapeRule, ShapeRules } from "../shape-rule.js";
import { attentions } from "./attention.js";
import { casts } from "./casts.js";
import { convolutions } from "./convolution.js";
import { einsums } from "./einsum.js";
import { generators } from "./generators.js";
import { images } from "./image.js";
import { indexing } from "./indexing.js";
import { losses } from "./loss.js";
import { movements } from "./movement.js";
import { normalizations } from "./normalization.js";
import { pooling } from "./pooling.js";
import { products } from "./products.js";
import { quantizations } from "./quantization.js";
import { recurrentLayers } from "./recurrent.js";
import { reductions } from "./reductions.js";
import { reshaping } from "./reshaping.js";
import { selections } from "./selection.js";
import { sequences } from "./sequence.js";
import { signals } from "./signal.js";
import { texts } from "./text.js";
import { controlFlow } from "./control-flow.js";
import { elementWise } from "./element-wise.js";

const families: readonly ShapeRules[] = [
  controlFlow,
  attentions,
  casts,
  convolutions,
  einsums,
  generators,
  images,
  indexing,
  losses,
  movements,
  normalizations,
  pooling,
  products,
  quantizations,
  recurrentLayers,
  reductions,
  reshaping,
  selections,
  sequences,
  signals,
  texts,
  elementWise,
];

/** The shape rules of ai.onnx, by operator. */
export const shapeRules: ReadonlyMap<string, ShapeRule> = merged(families);
