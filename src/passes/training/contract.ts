import type { DataType } from "../../graph/data-type.js";
import type { ValueType } from "../../graph/model.js";
import type { Extent } from "../../graph/shapes/extent.js";
import type { LossName, LossOptions } from "../loss/loss.js";
import type { ScaleTable } from "../scaling/scale-table.js";

/** What can be written. */
export const artifactNames = ["gradient", "eval"] as const;

/** One of them. */
export type ArtifactName = (typeof artifactNames)[number];

/** What a tensor of an artifact is for. */
export type TensorRole =
  "feature" | "target" | "parameter" | "buffer" | "seed" | "loss" | "prediction" | "gradient" | "metric";

/** A sequence, an optional, or another value that is no tensor. */
export type ContainerName = `${Exclude<ValueType["kind"], "tensor">}(${string})`;

/** One input or output of an artifact. */
export interface ContractTensor {
  readonly name: string;
  readonly role: TensorRole;
  /** The parameter, buffer, or output of the model that it belongs to. */
  readonly of?: string;
  /** The type of its elements; of what is no tensor its kind with that of its elements: "sequence(float32)". */
  readonly dtype: DataType | ContainerName;
  /**
   * Extents; text for those that only running tells. null where not even the rank is known, and for what is no tensor.
   */
  readonly shape: readonly Extent[] | null;
}

/** One .onnx file. */
export interface ContractArtifact {
  readonly file: string;
  readonly inputs: readonly ContractTensor[];
  readonly outputs: readonly ContractTensor[];
}

/** The loss of one output of the model. */
export interface ContractLoss extends LossOptions {
  /** "model" for a loss that is part of the model. */
  readonly name: LossName | "model";
  /** The output that it is computed from. */
  readonly output: string;
  /** What it is multiplied by in the sum of all losses. */
  readonly weight: number;
}

/** What `rewrite` writes beside the artifacts: all that a program needs to know to drive them. */
export interface Contract {
  readonly format: "caadam-training-contract";
  readonly version: 1;
  readonly model: ScaleTable["model"];
  /** The loss; of several outputs, the sum of the losses. */
  readonly loss: ContractLoss | { readonly name: "sum"; readonly losses: readonly ContractLoss[] };
  readonly optimizer: {
    readonly name: "caadam";
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
  };
  readonly strategy: ScaleTable["strategy"];
  readonly parameters: ScaleTable["parameters"];
  readonly artifacts: Readonly<Partial<Record<ArtifactName, ContractArtifact>>>;
}
