import type { Value } from "../../graph/emitter.js";
import type { AdamSettings, MomentRole, UpdateContext, Updated, UpdateRule } from "./optimizer.js";

/** The rule of Adam, AMSGrad, AdamW and CaAdam: they differ in what they are fed with. */
export function adamRule(settings: AdamSettings): UpdateRule {
  const moments: readonly MomentRole[] = ["moment1", "moment2", ...(settings.amsgrad ? ["moment2max" as const] : [])];
  return { moments, hasEpsilon: true, update: (context) => adam({ ...context, settings }) };
}

/**
 * m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;  w ← w − α_t·S·m / (√v + ε_t), with the greatest v so far in place of v
 * where `amsgrad` says so. (CaAdam, arXiv 2410.24216, as its reference implementation computes it.)
 */
function adam({ g, settings, parameter, gradient, moments, rate, epsilon }: UpdateContext<AdamSettings>): Updated {
  const { beta1, beta2 } = settings;
  const [m, v, greatest] = moments;
  if (m === undefined || v === undefined || epsilon === undefined)
    throw new Error("Adam keeps two moments and has an ε");
  const moment1 = g.add(g.mul(m, beta1), g.mul(gradient, 1 - beta1));
  const moment2 = g.add(g.mul(v, beta2), g.mul(g.square(gradient), 1 - beta2));
  const maximum: readonly Value[] = greatest === undefined ? [] : [g.max(greatest, moment2)];
  const [second = moment2] = maximum;
  const step = g.div(g.mul(moment1, rate), g.add(g.sqrt(second), epsilon));
  return { parameter: g.sub(parameter, step), moments: [moment1, moment2, ...maximum] };
}
