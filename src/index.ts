/** The public API of caadam-onnx: everything that the command line does. */
export { memoryBytes, fileBytes, type ByteRange, type ByteSource } from "./graph/bytes.js";
export {
  float32Tensor,
  graphBuilder,
  int64Tensor,
  modelOf,
  type AttributeInput,
  type AttributeInputs,
  type FloatAttribute,
  type GraphBuilder,
  type NodeOptions,
} from "./graph/builder.js";
export type { DataType } from "./graph/data-type.js";
export { dataflowOf, type Dataflow, type Operation, type Origin, type Use, type Value } from "./graph/dataflow.js";
export { encodeModel } from "./graph/encode-model.js";
export { InputError, oneLine } from "./graph/errors.js";
export type {
  Attribute,
  Dimension,
  Graph,
  Model,
  ModelFunction,
  Node,
  SparseTensor,
  ValueInfo,
  ValueType,
} from "./graph/model.js";
export { readModel } from "./graph/read-model.js";
export { isSameFile } from "./graph/same-file.js";
export {
  elementCount,
  rawBytes,
  readFloats,
  readIntegers,
  readNumbers,
  tensorFrom,
  type Payload,
  type Tensor,
  type TypedField,
} from "./graph/tensor.js";
export { writeFile } from "./graph/write-file.js";
export { exportFormats, type ExportFormat, type ExportFormatName } from "./passes/exports/index.js";
export { tableFormats, type TableFormat, type TableFormatName } from "./passes/exports/table-format.js";
export { inlineFunctions } from "./passes/normalize/inline-functions.js";
export { normalize } from "./passes/normalize/normalize.js";
export { upgradeOpset, workingOpset } from "./passes/normalize/upgrade-opset.js";
export { losses } from "./passes/loss/index.js";
export type { LossHead, LossName, LossOption, LossOptions, Reduction } from "./passes/loss/loss.js";
export { conventions, type Counted, type CountingConvention, type Counts } from "./passes/scaling/conventions.js";
export { embeddedScaleTable, embedScaleTable } from "./passes/scaling/embed.js";
export {
  scaleTable,
  type Convention,
  type ParameterFacts,
  type Scales,
  type ScaleTable,
  type ScaleTableRow,
  type StrategyName,
} from "./passes/scaling/scale-table.js";
export { geometricMean, scalesOf, type ScaleOptions } from "./passes/scaling/scales.js";
export { strategies, type Position, type Strategy } from "./passes/scaling/strategies.js";
export type { ParameterRole } from "./passes/structure/kernel-operators.js";
export type { Layer, Parameter } from "./passes/structure/layers.js";
export type { FrameworkNames } from "./passes/structure/framework-names/exporter.js";
export { structureOf, type Structure } from "./passes/structure/structure.js";
export type { TrainabilityOptions } from "./passes/structure/trainability.js";
export {
  artifactNames,
  type ArtifactName,
  type Contract,
  type ContractArtifact,
  type ContractLoss,
  type ContractTensor,
  type TensorRole,
} from "./passes/training/contract.js";
export type { LossSpecification } from "./passes/training/losses.js";
export { gradientCoverage, type GradientKind, type OperatorCoverage } from "./passes/decompose/operator-coverage.js";
export { checkFeeds, type FedTensor } from "./passes/training/feeds.js";
export { initialState, type InitialTensor } from "./passes/training/initial-state.js";
export { rewrite, type RewriteOptions, type TrainingArtifacts } from "./passes/training/rewrite.js";
export { writeArtifacts } from "./passes/training/write-artifacts.js";
