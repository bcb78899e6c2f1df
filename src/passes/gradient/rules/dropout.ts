import { tensorFacts } from "../../../graph/shapes/facts.js";
import { scalarOf } from "../../../graph/shapes/tensor-facts.js";
import { type GradientRules, rule } from "../rule.js";

/** Dropout as the runtime has it; that of training graphs follows from a seed, and is written in other operators. */
export const dropouts: GradientRules = {
  /** Y = X·mask / (1 − ratio) in training, else X.  dX = dY·mask / (1 − ratio), or dY. */
  Dropout: rule(1, ({ g, emission, inputs: [x, ratio, isTraining], outputs, dY }) => {
    if (isTraining === undefined || scalarOf(isTraining) === 0) return [dY];
    const [, known] = outputs;
    const mask = known ?? g.emitter.extend(emission, {}, [tensorFacts("bool", x.shape)])[0] ?? g.unreachable("Dropout");
    const share = ratio === undefined ? g.scalar(0.5, x.dataType) : g.cast(ratio, x.dataType);
    const factor = g.where(isTraining, g.reciprocal(g.sub(1, share)), 1);
    return [g.where(mask, g.mul(dY, factor), 0)];
  }),
};
