import { createHash } from "node:crypto";
import { basename } from "node:path";
import { type ByteSource, chunks } from "../../graph/bytes.js";
import type { DataType } from "../../graph/data-type.js";
import type { Model } from "../../graph/model.js";
import type { ParameterRole } from "../structure/kernel-operators.js";

/** What is known of one parameter from the architecture alone. */
export interface ParameterFacts {
  /** The initializer's name in the ONNX file. */
  readonly name: string;
  /** Its name where the model was made (PyTorch `named_parameters()`, Keras `variable.path`); null where unknown. */
  readonly frameworkName: string | null;
  /** Its names there where it has several, such as the two biases of an LSTM in PyTorch; frameworkName is null then. */
  readonly frameworkNames?: readonly string[];
  /** Where its name there is not known: the only names that it can have. */
  readonly frameworkNameCandidates?: readonly string[];
  /** The name of its layer: that of the kernel's node, or of the first node that uses a kernel-less parameter. */
  readonly layer: string;
  /** The operator that applies it. */
  readonly op: string;
  readonly role: ParameterRole;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly elements: number;
  /** Kernel layers before its layer on the longest path from a graph input. */
  readonly depth: number;
  /** Weights that enter one output unit; 1 for parameters that are no kernels. */
  readonly fanIn: number;
  /** Weights that leave one input unit; 1 for parameters that are no kernels. */
  readonly fanOut: number;
  /** The connection count that its scale was computed from; 0 where it has none. */
  readonly connections: number;
  /** How many operator inputs it feeds. */
  readonly uses: number;
}

/** One row of a scale table. */
export interface ScaleTableRow extends ParameterFacts {
  /** S, the factor on this parameter's learning rate. */
  readonly scale: number;
}

export type StrategyName = "additive" | "multiplicative" | "multiplicative-signed" | "depth" | "none";
export type Convention = "layer" | "parameter" | "keras";

/** The scale table, as `annotate --format json` prints it. */
export interface ScaleTable {
  readonly format: "caadam-scale-table";
  readonly version: 1;
  readonly model: {
    readonly file: string;
    /** Of the .onnx file; null for a model that has none, or where it was not asked for. */
    readonly sha256: string | null;
    readonly opset: number;
    readonly irVersion: number;
    readonly producer: string;
  };
  readonly strategy: {
    readonly name: StrategyName;
    readonly gamma: number;
    readonly convention: Convention;
    readonly normalized: boolean;
  };
  readonly statistics: {
    readonly minConnections: number;
    readonly medianConnections: number;
    readonly maxConnections: number;
    readonly totalDepth: number;
  };
  readonly parameters: readonly ScaleTableRow[];
  /** Parameters of the framework that no tensor of the file goes by: merged, folded or not used at export. */
  readonly absentParameters?: readonly string[];
}

/** The scales of a model's parameters: a scale table without the model's identity. */
export type Scales = Omit<ScaleTable, "format" | "version" | "model">;

/**
 * The scale table of a model, as `annotate --format json` prints it.
 * @param options `sha256: false` leaves out the hash of the file, which takes reading all of it
 */
export function scaleTable(model: Model, scales: Scales, { sha256: isHashed = true } = {}): ScaleTable {
  return {
    format: "caadam-scale-table",
    version: 1,
    model: {
      file: basename(model.label),
      sha256: model.source === undefined || !isHashed ? null : sha256(model.source),
      opset: model.opsetImports.get("") ?? 0,
      irVersion: model.irVersion,
      producer: [model.producerName, model.producerVersion].filter((part) => part !== "").join(" "),
    },
    ...scales,
  };
}

function sha256(source: ByteSource): string {
  const hash = createHash("sha256");
  for (const chunk of chunks(source)) hash.update(chunk);
  return hash.digest("hex");
}
