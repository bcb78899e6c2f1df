import { basename } from "node:path";
import { isFloatingPoint } from "../../graph/data-type.js";
import { firstNames, InputError } from "../../graph/errors.js";
import type { Graph, Model } from "../../graph/model.js";
import { standardModel } from "../../graph/standard-model.js";
import { inlineFunctions } from "../normalize/inline-functions.js";
import { normalize } from "../normalize/normalize.js";
import { computedType } from "../normalize/to-float32.js";
import { upgradeOpset } from "../normalize/upgrade-opset.js";
import { type ScaleOptions, scalesOf } from "../scaling/scales.js";
import { type ScaleTable, scaleTable } from "../scaling/scale-table.js";
import { type Structure, structureOf } from "../structure/structure.js";
import type { TrainabilityOptions } from "../structure/trainability.js";
import { optimizerKind, type OptimizerOptions, optimizerSettings } from "../optimizer/index.js";
import type { OptimizerSettings } from "../optimizer/optimizer.js";
import { matchingNames } from "../structure/name-patterns.js";
import type { Artifact } from "./artifact.js";
import { type ArtifactName, artifactNames, type Contract, type ContractLoss } from "./contract.js";
import { evalArtifact, reachedByLoss } from "./eval-artifact.js";
import { batchExtent, type ParameterType } from "./forward.js";
import { type GradientArtifact, gradientArtifact, type BlockedBatches } from "./gradient-artifact.js";
import type { LossName } from "../loss/loss.js";
import type { LossSpecification } from "./losses.js";
import { loopArtifact } from "./loop-artifact.js";
import { lossOutputs, requireStandardOperators } from "./standard-operators.js";
import { packed } from "./pack.js";
import { packsOf, slotsOf } from "./slots.js";
import { stepArtifact } from "./step-artifact.js";
import type { TrainingMode } from "./training-mode.js";
import { type UpdatedParameter, updateArtifact } from "./update-artifact.js";

/** What is written where nothing else is asked for. */
const emittedByDefault: readonly ArtifactName[] = ["gradient", "update", "eval"];

/** How a model is to be trained. The strategy is `multiplicative` for caadam, by default, and `none` for others. */
export interface RewriteOptions extends TrainabilityOptions, ScaleOptions, OptimizerOptions, TrainingMode {
  /** One, or several for several outputs; by its name alone, on the model's first output of real numbers. */
  readonly loss: LossName | LossSpecification | readonly LossSpecification[];
  /** By default gradient, update and eval. */
  readonly emit?: readonly ArtifactName[];
  /** Make small parameters one tensor, which the contract says; default false. */
  readonly pack?: boolean;
}

/** Training graphs, and what a program needs to know to drive them. */
export interface TrainingArtifacts {
  readonly contract: Contract;
  readonly models: ReadonlyMap<ArtifactName, Model>;
  /** Each one line, for the person who asked. */
  readonly warnings: readonly string[];
}

/** What training a model takes: the graphs of its gradient and evaluation, and what its optimizer is to do. */
export interface TrainingPlan {
  /** undefined where nobody wants it. */
  readonly gradient: Artifact | undefined;
  /** The same for one runtime and batches of one size; undefined where its inputs do not agree on a batch. */
  readonly gradientFor: ((batches: BlockedBatches) => Artifact) | undefined;
  readonly evaluation: Artifact | undefined;
  /** What the loss reaches. */
  readonly parameters: readonly UpdatedParameter[];
  readonly optimizer: OptimizerSettings;
  readonly loss: Contract["loss"];
  /** Its rows are those of `parameters`. */
  readonly table: ScaleTable;
  readonly warnings: readonly string[];
}

/**
 * Rewrites an inference model into training graphs of standard operators: `gradient` takes a batch and the parameters
 * to the loss, the gradient of every parameter and the running statistics after the batch; `update` takes parameters,
 * gradients and moments to what they are after a step of the optimizer; `step` is both in one, and `loop` is several
 * steps in one; `eval` takes a batch and the parameters to the loss, the predictions and metrics.
 * @throws InputError for a loss that this model cannot have, for an operator without a gradient in its way, for options
 *   of optimizers that are out of range, for patterns that match nothing
 */
export function rewrite(model: Model, options: RewriteOptions): TrainingArtifacts {
  const wanted = new Set(options.emit ?? emittedByDefault);
  const plan = planTraining(model, options, {
    gradient: wanted.has("gradient") || wanted.has("step") || wanted.has("loop"),
    evaluation: wanted.has("eval"),
  });
  const { parameters, optimizer, loss, table } = plan;
  if (options.pack === true) refuseUnpackable(optimizer);
  const slots = slotsOf(parameters, options.pack === true);
  const packs = packsOf(slots);
  const gradient = plan.gradient && packed(plan.gradient, packs);
  const update = updateArtifact(slots, optimizer);
  const hasStep = wanted.has("step") || wanted.has("loop");
  const step = hasStep && gradient !== undefined ? stepArtifact(gradient, update) : undefined;
  const all: Readonly<Record<ArtifactName, () => Artifact | undefined>> = {
    gradient: () => gradient,
    update: () => update,
    step: () => step,
    loop: () => step && loopArtifact(step),
    eval: () => plan.evaluation && packed(plan.evaluation, packs),
  };
  const artifacts = artifactNames.flatMap((name) => {
    const artifact = wanted.has(name) ? all[name]() : undefined;
    return artifact === undefined ? [] : [[name, artifact] as const];
  });
  return {
    contract: {
      format: "caadam-training-contract",
      version: 1,
      model: table.model,
      loss,
      optimizer,
      strategy: table.strategy,
      parameters: table.parameters,
      ...(packs.length === 0 ? {} : { packs }),
      artifacts: Object.fromEntries(artifacts.map(([name, { contract }]) => [name, contract])),
    },
    models: new Map(artifacts.map(([name, { graph }]) => [name, standardModel(graph, basename(model.label))])),
    warnings: plan.warnings,
  };
}

/**
 * What training a model takes.
 * @param wanted which graphs to make; without any, only what the loss reaches is found out
 * @throws InputError as {@link rewrite} does
 */
export function planTraining(
  model: Model,
  options: Omit<RewriteOptions, "emit" | "pack">,
  wanted: { readonly gradient: boolean; readonly evaluation: boolean },
): TrainingPlan {
  const structure = structureOf(model, options);
  const losses = lossList(options.loss);
  const optimizer = optimizerSettings(options);
  const { strategy = optimizerKind(optimizer.name).defaultStrategy } = options;
  const table = scaleTable(model, scalesOf(structure, { ...options, strategy }));
  const withoutDecay = matchingNames(optimizer.withoutDecay ?? [], "--without-decay", namesIn(table), model.label);

  const upgraded = inlineFunctions(upgradeOpset(model));
  const predictions = wanted.evaluation ? upgraded.graph.outputs.map(({ name }) => name) : [];
  requireStandardOperators(upgraded.graph, [...lossOutputs(upgraded.graph, losses), ...predictions]);
  const candidates = candidatesOf(structure, model.label);
  const normalized = normalize(upgraded, new Set(candidates.map(({ name }) => name)));
  const { graph } = normalized.model;
  const gradient = wanted.gradient ? reachedGradient(graph, candidates, losses, options) : undefined;
  const reached = gradient === undefined ? reachedByLoss(graph, candidates, losses) : gradient;
  const parameters = candidates.filter(({ name }) => reached.reached.has(name));
  const evaluation = wanted.evaluation ? evalArtifact(graph, parameters, losses, options) : undefined;

  const unreached = candidates.flatMap(({ name }) => (reached.reached.has(name) ? [] : [name]));
  const isScaled = optimizer.name === "caadam" || strategy !== "none";
  return {
    gradient,
    gradientFor:
      gradient === undefined || batchExtent(graph) === undefined
        ? undefined
        : (batches) => gradientArtifact(graph, parameters, losses, options, batches),
    evaluation,
    parameters: parameters.map((parameter) => ({
      ...parameter,
      scaleShape: isScaled ? [] : undefined,
      decays: !withoutDecay.has(parameter.name),
    })),
    optimizer,
    loss: contractLoss(reached.loss.resolved),
    table: { ...table, parameters: table.parameters.filter(({ name }) => reached.reached.has(name)) },
    warnings: [
      ...structure.warnings,
      ...(normalized.warning === undefined ? [] : [normalized.warning]),
      ...(unreached.length === 0 ? [] : [`the loss does not reach ${firstNames(unreached)}: they stay as they are`]),
    ],
  };
}

/** @throws InputError for what is done to each parameter by itself */
function refuseUnpackable({ clip }: OptimizerSettings): void {
  if (clip?.by !== "norm") return;
  const what = "does not go with --clip-norm, which takes the gradient of each parameter by itself";
  throw new InputError("--pack", what, "clip with --clip-global-norm, or leave one of them out");
}

/** Every name that a pattern may match, with the parameter that it stands for. */
function namesIn({ parameters }: ScaleTable): ReadonlyMap<string, string> {
  return new Map(
    parameters.flatMap(({ name, frameworkName, frameworkNames = [], frameworkNameCandidates = [] }) =>
      [name, frameworkName ?? name, ...frameworkNames, ...frameworkNameCandidates].map((own) => [own, name] as const),
    ),
  );
}

/**
 * What may be trained: parameters of real numbers. @throws InputError where there are none, and for names that are
 * there twice
 */
function candidatesOf({ layers }: Structure, label: string): readonly ParameterType[] {
  const tensors = layers.flatMap(({ parameters }) => parameters.map(({ tensor }) => tensor));
  const candidates = tensors.flatMap(({ name, dataType, shape }) =>
    isFloatingPoint(dataType) ? [{ name, dataType: computedType(dataType), shape }] : [],
  );
  const [quantized] = tensors;
  if (candidates.length === 0 && quantized !== undefined) {
    const what = `its weights are quantized ("${quantized.name}" holds ${quantized.dataType}), and real numbers are trained`;
    throw new InputError(label, what, "rewrite the model as it was before quantization");
  }
  const seen = new Set<string>();
  for (const { name } of candidates) {
    if (seen.has(name)) {
      const remedy = "give them names of their own, or leave them as they are with --freeze";
      throw new InputError(label, `two parameters in different bodies are called "${name}"`, remedy);
    }
    seen.add(name);
  }
  return candidates;
}

/** What the loss does not reach is no input: it stays the constant that it is. */
function reachedGradient(
  graph: Graph,
  candidates: readonly ParameterType[],
  losses: readonly LossSpecification[],
  options: RewriteOptions,
): GradientArtifact {
  const artifact = gradientArtifact(graph, candidates, losses, options);
  const reached = candidates.filter(({ name }) => artifact.reached.has(name));
  return reached.length === candidates.length ? artifact : gradientArtifact(graph, reached, losses, options);
}

function contractLoss(losses: readonly ContractLoss[]): Contract["loss"] {
  const [only] = losses;
  return only !== undefined && losses.length === 1 ? only : { name: "sum", losses };
}

function lossList(loss: RewriteOptions["loss"]): readonly LossSpecification[] {
  if (typeof loss === "string") return [{ name: loss }];
  return isList(loss) ? loss : [loss];
}

function isList(loss: RewriteOptions["loss"]): loss is readonly LossSpecification[] {
  return Array.isArray(loss);
}
