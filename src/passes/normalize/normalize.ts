import type { Model } from "../../graph/model.js";
import { constantsToInitializers } from "./constants-to-initializers.js";
import { freeBatch, type FreedModel } from "./free-batch.js";
import { inlineFunctions } from "./inline-functions.js";
import { standardize } from "./standardize.js";
import { toFloat32 } from "./to-float32.js";
import { upgradeOpset } from "./upgrade-opset.js";

/**
 * A model as the passes behind it want it: at the working opset, without model-local functions, in float32 where it was
 * in half precision, of standard operators as far as possible, for batches of any size.
 * @param trained names of parameters
 * @throws InputError for an opset that is too old or too new, and for functions that call themselves
 */
export function normalize(model: Model, trained?: ReadonlySet<string>): FreedModel {
  return freeBatch(standardize(toFloat32(constantsToInitializers(inlineFunctions(upgradeOpset(model))))), trained);
}
