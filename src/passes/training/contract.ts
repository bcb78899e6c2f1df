import type { DataType } from "../../graph/data-type.js";
import type { ValueType } from "../../graph/model.js";
import type { Extent } from "../../graph/shapes/extent.js";
import type { LossName, LossOptions, PredictionKind } from "../loss/loss.js";
import type { MomentRole, OptimizerSettings } from "../optimizer/optimizer.js";
import type { ScaleTable } from "../scaling/scale-table.js";

/** What can be written. */
export const artifactNames = ["gradient", "update", "step", "loop", "eval"] as const;

/** One of them. */
export type ArtifactName = (typeof artifactNames)[number];

/**
 * What a tensor of an artifact is for. Of each step: alpha (α_t), epsilon (ε_t), decay (learning rate · weight decay),
 * seed. Of each parameter: its moments, its average, its scale S.
 */
export type TensorRole =
  | "feature"
  | "target"
  | "parameter"
  | "buffer"
  | MomentRole
  | "average"
  | "alpha"
  | "epsilon"
  | "decay"
  | "scale"
  | "seed"
  | "loss"
  | "prediction"
  | "gradient"
  | "metric";

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

/** Whether a tensor of an artifact is one, and no sequence or optional. */
export function isTensorType(dtype: ContractTensor["dtype"]): dtype is DataType {
  return !dtype.includes("(");
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
  /** The input that has what is to be predicted. */
  readonly target?: string;
  /** How many classes the output tells apart, where the target is class numbers and the model's shapes tell. */
  readonly classes?: number;
  /** What the output is, for losses that take it for logits unless the model ends in Softmax or Sigmoid. */
  readonly predictions?: PredictionKind;
}

/** A parameter in a pack. */
export interface PackMember {
  readonly name: string;
  /** Elements of the pack before it. */
  readonly offset: number;
  readonly shape: readonly number[];
}

/**
 * Parameters that artifacts take as one tensor, one after another, each row-major; their gradients, moments, averages
 * and scales likewise, with a scale for each element.
 */
export interface ContractPack {
  /** What `of` is of its tensors. */
  readonly name: string;
  readonly dtype: "float32" | "float64";
  readonly members: readonly PackMember[];
}

/** What `rewrite` writes beside the artifacts: all that a program needs to know to drive them. */
export interface Contract {
  readonly format: "caadam-training-contract";
  readonly version: 1;
  readonly model: ScaleTable["model"];
  /** The loss; of several outputs, the sum of the losses. */
  readonly loss: ContractLoss | { readonly name: "sum"; readonly losses: readonly ContractLoss[] };
  readonly optimizer: OptimizerSettings;
  readonly strategy: ScaleTable["strategy"];
  readonly parameters: ScaleTable["parameters"];
  /** Only where parameters are packed. */
  readonly packs?: readonly ContractPack[];
  readonly artifacts: Readonly<Partial<Record<ArtifactName, ContractArtifact>>>;
}

/** The losses that are summed; one where there is but one. */
export function lossesOf(loss: Contract["loss"]): readonly ContractLoss[] {
  return loss.name === "sum" ? loss.losses : [loss];
}
