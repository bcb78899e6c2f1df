import { type Facts, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";

/** y like x in bytes, its scale and its zero point. */
function dynamicQuantizeLinear(context: ShapeContext): readonly Facts[] {
  return [tensorFacts("uint8", context.shape(0)), tensorFacts("float32", []), tensorFacts("uint8", [])];
}

/** Quantization of a tensor while the graph runs. */
export const quantizations: ShapeRules = {
  DynamicQuantizeLinear: dynamicQuantizeLinear,
};
