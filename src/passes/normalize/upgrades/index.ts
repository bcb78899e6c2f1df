import { activations } from "./activations.js";
import { experimental } from "./experimental.js";
import { newer } from "./newer.js";
import { normalizations } from "./normalizations.js";
import { reductions } from "./reductions.js";
import { resizing } from "./resizing.js";
import type { Upgrade } from "./rewriting.js";
import { sampling } from "./sampling.js";
import { scan } from "./scan.js";
import { shaping } from "./shaping.js";

/**
 * The upgrade of each operator of the standard domain whose nodes may need one, for opsets 7 to 28. Operators that are
 * not here changed in wording and element types alone, or got attributes and inputs whose absence means what it meant
 * before. (OneHot took negative indices for out of range until opset 11, but no runtime known to us did.)
 */
export const upgrades: ReadonlyMap<string, Upgrade> = new Map(
  [
    ...shaping,
    ...reductions,
    ...activations,
    ...normalizations,
    ...resizing,
    ...sampling,
    ...scan,
    ...experimental,
    ...newer,
  ].flatMap((upgrade) => upgrade.operators.map((operator) => [operator, upgrade] as const)),
);
