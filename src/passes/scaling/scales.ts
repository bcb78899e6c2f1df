import { InputError } from "../../graph/errors.js";
import { elementCount } from "../../graph/tensor.js";
import type { Layer, Parameter } from "../structure/layers.js";
import type { Structure } from "../structure/structure.js";
import { conventions } from "./conventions.js";
import type { Convention, ParameterFacts, Scales, ScaleTable, ScaleTableRow, StrategyName } from "./scale-table.js";
import { positionOf, strategies } from "./strategies.js";

/** How to scale; the defaults are those of the command line. */
export interface ScaleOptions {
  /** Default `multiplicative`. */
  readonly strategy?: StrategyName;
  /** γ; by default the strategy's own. */
  readonly gamma?: number;
  /** Default `layer`. */
  readonly convention?: Convention;
  /** Divide all scales by their element-weighted geometric mean. Default false. */
  readonly normalize?: boolean;
}

/**
 * The learning-rate scale of every parameter.
 * @throws InputError for a γ outside the strategy's range, a formula that would divide by 0 (conventions `parameter` and
 * `keras`), and scales that cannot be normalized
 */
export function scalesOf(structure: Structure, options: ScaleOptions = {}): Scales {
  const { strategy: name = "multiplicative", convention: conventionName = "layer", normalize = false } = options;
  const strategy = known(strategies, name, "strategy");
  const convention = known(conventions, conventionName, "convention");
  const gamma = options.gamma ?? strategy.defaultGamma;
  if (!Number.isFinite(gamma) || gamma <= strategy.gammaAbove) {
    const range = Number.isFinite(strategy.gammaAbove) ? ` above ${strategy.gammaAbove}` : "";
    throw new InputError(`γ = ${gamma}`, `is out of range: strategy ${name} needs a finite number${range}`);
  }
  const { of: counts, statistics } = convention.count(structure);
  const rows = structure.layers.flatMap((layer) =>
    layer.parameters.map((parameter): ScaleTableRow => {
      const { connections, depth } = counts.get(parameter) ?? { connections: undefined, depth: layer.depth };
      const facts = { ...factsOf(structure, layer, parameter), depth, connections: connections ?? 0 };
      const whenEmpty =
        convention.emptySide === "one" ? "zero" : () => emptySide(conventionName, facts.name, statistics);
      const isPlaced = connections !== undefined && strategy.usesConnections;
      const position = isPlaced ? positionOf(connections, statistics, whenEmpty) : undefined;
      const scale = strategy.scale(position, depth, statistics.totalDepth, gamma);
      if (!Number.isFinite(scale) || scale < 0) throw uselessScale(facts.name, scale, gamma);
      return { ...facts, scale };
    }),
  );
  return {
    strategy: { name, gamma, convention: conventionName, normalized: normalize },
    statistics,
    parameters: normalize ? normalized(rows) : rows,
    ...(structure.absent.length > 0 ? { absentParameters: structure.absent } : {}),
  };
}

/** What a row says of a parameter, in the order in which it says it. */
function factsOf({ frameworkNames }: Structure, layer: Layer, parameter: Parameter): ParameterFacts {
  const { tensor, role, operation, fanIn, fanOut, uses } = parameter;
  const names = frameworkNames.of.get(parameter) ?? [];
  const candidates = frameworkNames.candidatesOf.get(parameter);
  return {
    name: tensor.name,
    frameworkName: names.length === 1 ? (names[0] ?? null) : null,
    ...(names.length > 1 ? { frameworkNames: names } : {}),
    ...(candidates === undefined ? {} : { frameworkNameCandidates: candidates }),
    layer: layer.name,
    op: operation.node.opType,
    role,
    dtype: tensor.dataType,
    shape: tensor.shape,
    elements: elementCount(tensor.shape),
    depth: layer.depth,
    fanIn,
    fanOut,
    connections: layer.connections ?? 0,
    uses,
  };
}

/** The element-weighted geometric mean of scales, exp(Σ nᵢ ln Sᵢ / Σ nᵢ); 0 where one of them is 0. */
export function geometricMean(rows: readonly Pick<ScaleTableRow, "elements" | "scale">[]): number {
  const counted = rows.filter(({ elements }) => elements > 0);
  const elements = counted.reduce((sum, row) => sum + row.elements, 0);
  const logarithms = counted.reduce((sum, row) => sum + row.elements * Math.log(row.scale), 0);
  return Math.exp(logarithms / Math.max(elements, 1));
}

/** Divides by the mean scale: the mean step then is Adam's, only its distribution differs. */
function normalized(rows: readonly ScaleTableRow[]): readonly ScaleTableRow[] {
  const worst = rows.find(({ scale }) => !(scale > 0));
  if (worst !== undefined) {
    throw new InputError(
      "normalizing",
      `needs positive scales, but that of "${worst.name}" is ${worst.scale}`,
      "choose a γ nearer to the default, or another strategy",
    );
  }
  const mean = geometricMean(rows);
  return rows.map((row) => ({ ...row, scale: row.scale / mean }));
}

function emptySide(convention: Convention, parameter: string, statistics: ScaleTable["statistics"]): InputError {
  return new InputError(
    `convention ${convention}`,
    `divides by 0 for "${parameter}": median and minimum of the connections are both ${statistics.medianConnections}`,
    "use --convention layer",
  );
}

/** A negative scale would climb where Adam descends. */
function uselessScale(parameter: string, scale: number, gamma: number): InputError {
  return new InputError(`γ = ${gamma}`, `gives "${parameter}" the scale ${scale}`, "choose a γ nearer to the default");
}

function known<Name extends string, Item>(registry: ReadonlyMap<Name, Item>, name: Name, what: string): Item {
  const item = registry.get(name);
  if (item === undefined) {
    throw new InputError(`${what} "${name}"`, "is not known", `choose one of ${[...registry.keys()].join(", ")}`);
  }
  return item;
}
