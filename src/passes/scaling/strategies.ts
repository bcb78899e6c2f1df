import type { InputError } from "../../graph/errors.js";
import type { ScaleTable, StrategyName } from "./scale-table.js";

/** How to turn counts into a scale. */
export interface Strategy {
  readonly name: StrategyName;
  /** One line for help texts. */
  readonly summary: string;
  /** γ unless the user says otherwise. */
  readonly defaultGamma: number;
  /** γ must be greater than this. */
  readonly gammaAbove: number;
  /** Whether connections matter to it, and not only depth. */
  readonly usesConnections: boolean;
  /** S, for one parameter. `position` is σ, undefined where the parameter has no connections. */
  scale(position: Position | undefined, depth: number, totalDepth: number, gamma: number): number;
}

/** Where a connection count lies between the extremes: σ from 0 at the median to 1 at the minimum or maximum. */
export interface Position {
  readonly side: "few" | "many";
  readonly sigma: number;
}

/** The strategies of the CaAdam paper (Genet & Inzirillo, arXiv 2410.24216) and plain Adam. */
export const strategies: ReadonlyMap<StrategyName, Strategy> = new Map(
  (
    [
      {
        name: "multiplicative",
        summary: "exp(ln γ · σ), as published: both few and many connections learn faster",
        defaultGamma: 5,
        gammaAbove: 0,
        usesConnections: true,
        scale: (position, _depth, _totalDepth, gamma) => Math.exp(Math.log(gamma) * (position?.sigma ?? 0)),
      },
      {
        name: "multiplicative-signed",
        summary: "exp(± ln γ · σ): few connections learn faster, many slower",
        defaultGamma: 5,
        gammaAbove: 0,
        usesConnections: true,
        scale: (position, _depth, _totalDepth, gamma) => Math.exp(Math.log(gamma) * signed(position)),
      },
      {
        name: "additive",
        summary: "1 ± γ · σ: few connections learn faster, many slower",
        defaultGamma: 0.95,
        gammaAbove: Number.NEGATIVE_INFINITY,
        usesConnections: true,
        scale: (position, _depth, _totalDepth, gamma) => 1 + gamma * signed(position),
      },
      {
        name: "depth",
        summary: "(1+γ)^((D−(1+d))/D): early layers learn faster",
        defaultGamma: 1,
        gammaAbove: -1,
        usesConnections: false,
        scale: (_position, depth, totalDepth, gamma) => (1 + gamma) ** ((totalDepth - (1 + depth)) / totalDepth),
      },
      {
        name: "none",
        summary: "1 everywhere: plain Adam",
        defaultGamma: 1,
        gammaAbove: Number.NEGATIVE_INFINITY,
        usesConnections: false,
        scale: () => 1,
      },
    ] satisfies readonly Strategy[]
  ).map((strategy) => [strategy.name, strategy]),
);

/**
 * σ of a connection count c: (c̃−c)/(c̃−c_min) for c ≤ c̃, else (c−c̃)/(c_max−c̃); 0 where all counts are one.
 * @param whenEmpty what to do where a denominator is 0: "zero" where then c = c̃ for certain, else an error to throw
 */
export function positionOf(
  connections: number,
  { minConnections, medianConnections, maxConnections }: ScaleTable["statistics"],
  whenEmpty: "zero" | (() => InputError),
): Position {
  const isFew = connections <= medianConnections;
  const side = isFew ? "few" : "many";
  if (minConnections === maxConnections) return { side, sigma: 0 };
  const distance = Math.abs(connections - medianConnections);
  const reach = isFew ? medianConnections - minConnections : maxConnections - medianConnections;
  if (reach > 0) return { side, sigma: distance / reach };
  if (whenEmpty === "zero") return { side, sigma: 0 };
  throw whenEmpty();
}

function signed(position: Position | undefined): number {
  if (position === undefined) return 0;
  return position.side === "few" ? position.sigma : -position.sigma;
}
