import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { ByteSource } from "../../graph/bytes.js";
import { InputError } from "../../graph/errors.js";
import type { Model } from "../../graph/model.js";
import { elementCount } from "../../graph/tensor.js";
import type { Structure } from "../structure/structure.js";
import { conventions } from "./conventions.js";
import type { Convention, ScaleTable, ScaleTableRow, StrategyName } from "./scale-table.js";
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

/** The scales of a model's parameters: a scale table without the model's identity. */
export type Scales = Omit<ScaleTable, "format" | "version" | "model">;

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
    const range = Number.isFinite(strategy.gammaAbove) ? `a number above ${strategy.gammaAbove}` : "a number";
    throw new InputError(`--gamma ${gamma}`, `strategy ${name} needs ${range}`);
  }
  const { of: counts, statistics } = convention.count(structure);
  const usesConnections = name !== "depth" && name !== "none";

  const rows = structure.layers.flatMap((layer) =>
    layer.parameters.map((parameter): ScaleTableRow => {
      const { tensor, role, operation, fanIn, fanOut, uses } = parameter;
      const { connections, depth } = counts.get(parameter) ?? { connections: undefined, depth: layer.depth };
      const position =
        connections === undefined || !usesConnections
          ? undefined
          : positionOf(
              connections,
              statistics,
              conventionName === "layer" ? "zero" : () => emptyHalf(conventionName, tensor.name, statistics),
            );
      const frameworkNames = structure.frameworkNames.get(parameter) ?? [];
      return {
        name: tensor.name,
        frameworkName: frameworkNames.length === 1 ? (frameworkNames[0] ?? null) : null,
        ...(frameworkNames.length > 1 ? { frameworkNames } : {}),
        layer: layer.name,
        op: operation.node.opType,
        role,
        dtype: tensor.dataType,
        shape: tensor.shape,
        elements: elementCount(tensor.shape),
        depth,
        fanIn,
        fanOut,
        connections: connections ?? 0,
        uses,
        scale: strategy.scale(position, depth, statistics.totalDepth, gamma),
      };
    }),
  );
  return {
    strategy: { name, gamma, convention: conventionName, normalized: normalize },
    statistics,
    parameters: normalize ? normalized(rows) : rows,
  };
}

/**
 * The scale table of a model, as `annotate --format json` prints it.
 * @param options `isIdentified: false` leaves out the SHA-256 of the file, which takes reading all of it
 */
export function scaleTable(model: Model, scales: Scales, { isIdentified = true } = {}): ScaleTable {
  return {
    format: "caadam-scale-table",
    version: 1,
    model: {
      file: basename(model.label),
      sha256: model.source === undefined || !isIdentified ? null : sha256(model.source),
      opset: model.opsetImports.get("") ?? 0,
      irVersion: model.irVersion,
      producer: [model.producerName, model.producerVersion].filter((part) => part !== "").join(" "),
    },
    ...scales,
  };
}

/** Divides by exp(Σ nᵢ ln Sᵢ / Σ nᵢ): the mean step then is Adam's, only its distribution differs. */
function normalized(rows: readonly ScaleTableRow[]): readonly ScaleTableRow[] {
  const worst = rows.find(({ scale }) => !(scale > 0));
  if (worst !== undefined) {
    throw new InputError(
      "--normalize",
      `needs positive scales, but that of "${worst.name}" is ${worst.scale}`,
      "choose a smaller --gamma or another strategy",
    );
  }
  const elements = rows.reduce((sum, row) => sum + row.elements, 0);
  const logarithms = rows.reduce((sum, row) => sum + row.elements * Math.log(row.scale), 0);
  const mean = Math.exp(logarithms / Math.max(elements, 1));
  return rows.map((row) => ({ ...row, scale: row.scale / mean }));
}

function emptyHalf(convention: Convention, parameter: string, statistics: ScaleTable["statistics"]): InputError {
  return new InputError(
    `--convention ${convention}`,
    `divides by 0 for "${parameter}": median and minimum of the connections are both ${statistics.medianConnections}`,
    "use --convention layer",
  );
}

function known<Name extends string, Item>(registry: ReadonlyMap<Name, Item>, name: Name, what: string): Item {
  const item = registry.get(name);
  if (item === undefined) {
    throw new InputError(`${what} "${name}"`, "is not known", `choose one of ${[...registry.keys()].join(", ")}`);
  }
  return item;
}

const HASH_CHUNK = 1 << 20;

function sha256(source: ByteSource): string {
  const hash = createHash("sha256");
  for (let offset = 0; offset < source.size; offset += HASH_CHUNK) {
    hash.update(source.read(offset, Math.min(HASH_CHUNK, source.size - offset)));
  }
  return hash.digest("hex");
}
