import { basename } from "node:path";
import { isFloatingPoint } from "../../graph/data-type.js";
import type { Graph, Model } from "../../graph/model.js";
import { standardModel } from "../../graph/standard-model.js";
import { normalize } from "../normalize/normalize.js";
import { computedType } from "../normalize/to-float32.js";
import { type ScaleOptions, scalesOf } from "../scaling/scales.js";
import { scaleTable } from "../scaling/scale-table.js";
import { structureOf } from "../structure/structure.js";
import type { TrainabilityOptions } from "../structure/trainability.js";
import { type ArtifactName, artifactNames, type Contract, type ContractLoss } from "./contract.js";
import { evalArtifact } from "./eval-artifact.js";
import type { ParameterType } from "./forward.js";
import { type GradientArtifact, gradientArtifact, type TrainingMode } from "./gradient-artifact.js";
import type { LossSpecification } from "./losses.js";

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
 * Rewrites an inference model into training graphs of standard operators: `gradient` takes a batch and the parameters to the loss, the
 * gradient of every parameter and the running statistics after the batch; `eval` takes them to the loss, the predictions and metrics.
 * @throws InputError for a loss that this model cannot have, for an operator without a gradient in its way, for patterns that match nothing
 */
export function rewrite(model: Model, options: RewriteOptions): TrainingArtifacts {
  const structure = structureOf(model, options);
  const normalized = normalize(model);
  const { graph } = normalized.model;
  const wanted = new Set(options.emit ?? artifactNames);
  const candidates = structure.layers.flatMap(({ parameters }) =>
    parameters.flatMap(({ tensor: { name, dataType, shape } }) =>
      isFloatingPoint(dataType) ? [{ name, dataType: computedType(dataType), shape }] : [],
    ),
  );
  const losses = isList(options.loss) ? options.loss : [options.loss];
  const gradient = wanted.has("gradient") ? reachedGradient(graph, candidates, losses, options) : undefined;
  const parameters = candidates.filter(({ name }) => gradient?.reached.has(name) ?? true);
  const evaluation = wanted.has("eval") ? evalArtifact(graph, parameters, losses, options) : undefined;

  const table = scaleTable(model, scalesOf(structure, options));
  const names = new Set(parameters.map(({ name }) => name));
  const artifacts = [["gradient", gradient] as const, ["eval", evaluation] as const];
  const unreached = candidates.length - parameters.length;
  return {
    contract: {
      format: "caadam-training-contract",
      version: 1,
      model: table.model,
      loss: contractLoss((gradient ?? evaluation)?.loss.resolved ?? []),
      optimizer: { name: "caadam", beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
      strategy: table.strategy,
      parameters: table.parameters.filter(({ name }) => names.has(name)),
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
      ...(unreached === 0 ? [] : [`parameters that the loss does not reach, and that stay as they are: ${unreached}`]),
    ],
  };
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
