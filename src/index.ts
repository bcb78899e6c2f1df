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
export { requireWritableFile } from "./graph/writable-file.js";
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
export { initialize, type InitializationOptions, type InitializedTensor } from "./passes/initialization/initialize.js";
export { distributions, type DistributionName } from "./passes/initialization/distributions.js";
export { schemes, type FanMode, type SchemeName } from "./passes/initialization/schemes.js";
export {
  activations,
  outputActivations,
  type ActivationName,
  type OutputActivationName,
} from "./passes/new-model/activations.js";
export { newCnn, type CnnOptions } from "./passes/new-model/cnn.js";
export type { LayerOptions } from "./passes/new-model/layer-writer.js";
export { newMlp, type MlpOptions } from "./passes/new-model/mlp.js";
export { optimizers, optimizerSettings, type OptimizerKind, type OptimizerOptions } from "./passes/optimizer/index.js";
export type {
  AdamSettings,
  GradientClip,
  MomentRole,
  OptimizerName,
  OptimizerSettings,
  SgdSettings,
} from "./passes/optimizer/optimizer.js";
export { stepNumbers, type StepNumbers } from "./passes/optimizer/step-numbers.js";
export { foldPreprocessing, type FoldOptions } from "./passes/preprocessing/fold.js";
export {
  classesOf,
  PREPROCESSING,
  readPreprocessing,
  type ColumnPreprocessing,
  type Preprocessing,
} from "./passes/preprocessing/preprocessing.js";
export { trainedOutputs } from "./passes/preprocessing/trained-outputs.js";
export { withTrainedValues } from "./passes/trained-model/with-trained-values.js";
export { writeFoldedModel } from "./passes/trained-model/write-folded-model.js";
export {
  requireWritable,
  writeTrainedModel,
  type TrainedModelOptions,
  type TrainedValues,
} from "./passes/trained-model/write-trained-model.js";
export { compare } from "./runtime/comparison/compare.js";
export type {
  ComparedRun,
  CompareOptions,
  ComparisonData,
  ComparisonResult,
  Difference,
  RunPlace,
  TimeToTarget,
  VariantSummary,
} from "./runtime/comparison/comparison.js";
export { comparisonColumns, describeTarget, type ComparisonCell } from "./runtime/comparison/comparison-table.js";
export { adam, caAdamVariants, type Variant, type VariantChoice } from "./runtime/comparison/variant.js";
export { datasetFrom, type ArrayInput } from "./runtime/data/arrays.js";
export {
  applyPreprocessing,
  assemble,
  type AssembledData,
  type AssembleOptions,
  type PreprocessedData,
  type PreprocessingOptions,
} from "./runtime/data/assemble.js";
export { assembleFor } from "./runtime/data/assemble-for.js";
export type { Batch, BatchStream, Dataset, Field } from "./runtime/data/dataset.js";
export type { Columns, DataDescription } from "./runtime/data/description.js";
export { epochOrder, permutation } from "./runtime/data/order.js";
export { randomOf, type Random } from "./runtime/data/random.js";
export { MISSING, openSource, type DataFormatName, type SourceOptions } from "./runtime/data/readers/index.js";
export type { Source, SourceChunk, SourceColumn, SourceValues } from "./runtime/data/source.js";
export type { EarlyStoppingOptions } from "./runtime/early-stopping.js";
export { evaluate, type Evaluated, type EvaluateOptions } from "./runtime/evaluate.js";
export type * from "./runtime/events.js";
export type { HostTensor, HostType } from "./runtime/host-tensor.js";
export { chooseMetrics, metrics } from "./runtime/metrics/index.js";
export type { Measurement, Metric, MetricContext } from "./runtime/metrics/metric.js";
export { NotFiniteError } from "./runtime/not-finite-error.js";
export { schedules } from "./runtime/schedules/index.js";
export { parseSchedule } from "./runtime/schedules/parse.js";
export type { ScheduleName, ScheduleOptions, ScheduleSpecification } from "./runtime/schedules/schedule.js";
export { train, type TrainingRun } from "./runtime/train.js";
export type { CheckpointOptions, TrainingData, TrainOptions } from "./runtime/train-options.js";
export type { TrainingResult } from "./runtime/training-result.js";
export type { Values } from "./runtime/training-state.js";
export type { Measured } from "./runtime/validate.js";
export { classCountsOf } from "./runtime/data/class-counts.js";
export {
  checkpointFolder,
  type CheckpointFolder,
  type CheckpointFolderOptions,
} from "./runtime/checkpoints/checkpoint-folder.js";
export {
  openSafetensors,
  readSafetensors,
  safetensorsBytes,
  type CheckpointContent,
  type SafetensorsFile,
} from "./runtime/checkpoints/safetensors.js";
export { EventLog, logLine, type EventLogOptions } from "./runtime/reports/log.js";
export { brief, percent, probability } from "./runtime/reports/numbers.js";
export { epochLine, progressAfter, progressLine, type LineOptions, type Progress } from "./runtime/reports/progress.js";
export { report, type ReportInput } from "./runtime/reports/report.js";
export { TensorBoardLog, type TensorBoardOptions } from "./runtime/reports/tensorboard.js";
export { holmCorrected, pairedTTest, type PairedTTest } from "./runtime/statistics.js";
export { requireWhole } from "./runtime/whole-number.js";
