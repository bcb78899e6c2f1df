import type { SgdSettings, UpdateContext, Updated, UpdateRule } from "./optimizer.js";

/** The rule of gradient descent. */
export function sgdRule(settings: SgdSettings): UpdateRule {
  return {
    moments: settings.momentum === 0 ? [] : ["moment1"],
    hasEpsilon: false,
    update: (context) => sgd({ ...context, settings }),
  };
}

/** m ← μm + g;  w ← w − α·S·m, or w ← w − α·S·(g + μm) with Nesterov's look ahead. (torch.optim.SGD) */
function sgd({ g, settings, parameter, gradient, moments, rate }: UpdateContext<SgdSettings>): Updated {
  const { momentum, nesterov } = settings;
  const [m] = moments;
  if (m === undefined) return { parameter: g.sub(parameter, g.mul(gradient, rate)), moments: [] };
  const moment1 = g.add(g.mul(m, momentum), gradient);
  const direction = nesterov ? g.add(gradient, g.mul(moment1, momentum)) : moment1;
  return { parameter: g.sub(parameter, g.mul(direction, rate)), moments: [moment1] };
}
