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
import { scaleTable } from "../scaling/scale-table.js";
import { type Structure, structureOf } from "../structure/structure.js";
import type { TrainabilityOptions } from "../structure/trainability.js";
import { type ArtifactName, artifactNames, type Contract, type ContractLoss } from "./contract.js";
import { evalArtifact, reachedByLoss } from "./eval-artifact.js";
import type { ParameterType } from "./forward.js";
import { type GradientArtifact, gradientArtifact } from "./gradient-artifact.js";
import type { LossSpecification } from "./losses.js";
import { lossOutputs, requireStandardOperators } from "./standard-operators.js";
import type { TrainingMode } from "./training-mode.js";

/** How a model is to be trained. */
export interface RewriteOptions extends TrainabilityOptions, ScaleOptions, TrainingMode {
  /** One, or several for several outputs. */
  readonly loss: LossSpecification | readonly LossSpecification[];
  /** By default both. */
  readonly emit?: readonly ArtifactName[];
}

/** Training graphs, and what a program needs to know to drive them. */
export interface TrainingArtifacts {
  readonly contract: Contract;
  readonly models: ReadonlyMap<ArtifactName, Model>;
  /** Each one line, for the person who asked. */
  readonly warnings: readonly string[];
}

/**
 * Rewrites an inference model into training graphs of standard operators: `gradient` takes a batch and the parameters
 * to the loss, the gradient of every parameter and the running statistics after the batch; `eval` takes them to the
 * loss, the predictions and metrics.
 * @throws InputError for a loss that this model cannot have, for an operator without a gradient in its way, for
 *   patterns that match nothing
 */
export function rewrite(model: Model, options: RewriteOptions): TrainingArtifacts {
  const structure = structureOf(model, options);
  const losses = isList(options.loss) ? options.loss : [options.loss];
  const wanted = new Set(options.emit ?? artifactNames);
  const upgraded = inlineFunctions(upgradeOpset(model));
  const predictions = wanted.has("eval") ? upgraded.graph.outputs.map(({ name }) => name) : [];
  requireStandardOperators(upgraded.graph, [...lossOutputs(upgraded.graph, losses), ...predictions]);
  const candidates = candidatesOf(structure, model.label);
  const normalized = normalize(upgraded, new Set(candidates.map(({ name }) => name)));
  const { graph } = normalized.model;
  const gradient = wanted.has("gradient") ? reachedGradient(graph, candidates, losses, options) : undefined;
  const reached = gradient?.reached ?? reachedByLoss(graph, candidates, losses);
  const parameters = candidates.filter(({ name }) => reached.has(name));
  const evaluation = wanted.has("eval") ? evalArtifact(graph, parameters, losses, options) : undefined;

  const table = scaleTable(model, scalesOf(structure, options));
  const artifacts = [["gradient", gradient] as const, ["eval", evaluation] as const];
  const unreached = candidates.flatMap(({ name }) => (reached.has(name) ? [] : [name]));
  return {
    contract: {
      format: "caadam-training-contract",
      version: 1,
      model: table.model,
      loss: contractLoss((gradient ?? evaluation)?.loss.resolved ?? []),
      optimizer: { name: "caadam", beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
      strategy: table.strategy,
      parameters: table.parameters.filter(({ name }) => reached.has(name)),
      artifacts: Object.fromEntries(
        artifacts.flatMap(([name, artifact]) => (artifact === undefined ? [] : [[name, artifact.contract]])),
      ),
    },
    models: new Map(
      artifacts.flatMap(([name, artifact]) =>
        artifact === undefined ? [] : [[name, standardModel(artifact.graph, basename(model.label))]],
      ),
    ),
    warnings: [
      ...structure.warnings,
      ...(normalized.warning === undefined ? [] : [normalized.warning]),
      ...(unreached.length === 0 ? [] : [`the loss does not reach ${firstNames(unreached)}: they stay as they are`]),
    ],
  };
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

function isList(loss: RewriteOptions["loss"]): loss is readonly LossSpecification[] {
  return Array.isArray(loss);
}
