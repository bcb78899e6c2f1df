import picomatch from "picomatch";
import { readRange } from "../../graph/bytes.js";
import { type Dataflow, dataflowOf, type Value } from "../../graph/dataflow.js";
import { bitsOf, isFloatingPoint } from "../../graph/data-type.js";
import { InputError } from "../../graph/errors.js";
import { describeNode, type Model } from "../../graph/model.js";
import { elementCount, type Tensor } from "../../graph/tensor.js";
import { inlineFunctions } from "../normalize/inline-functions.js";
import type { ExporterNaming, FrameworkNames } from "./framework-names/context.js";
import { exporterNaming, recoverNames } from "./framework-names/index.js";
import { tiedCopies } from "./framework-names/tied.js";
import { kernelOperator } from "./kernel-operators.js";
import { findLayers, type IsTrainable, type Layer } from "./layers.js";
import { isRearrangement } from "./weight-view.js";

/** What to train, by glob patterns over initializer names and framework names; `*` also matches dots and slashes. */
export interface StructureOptions {
  /** Not to be trained. */
  readonly freeze?: readonly string[];
  /** To be trained although frozen, a scalar, or a buffer. */
  readonly train?: readonly string[];
}

/** What the architecture says: the layers of a model and their parameters. */
export interface Structure {
  /** In the order of their first use. */
  readonly layers: readonly Layer[];
  readonly frameworkNames: FrameworkNames;
  /** The greatest depth of a layer, plus 1. */
  readonly totalDepth: number;
  /** Float initializers that are no parameters because of `freeze`. */
  readonly frozen: readonly Tensor[];
  /** Each one line, for the person who asked. */
  readonly warnings: readonly string[];
}

/**
 * Finds layers, depth, fans and connections of a model; nothing is run and no weights are read, but for a few samples
 * that tell tied embeddings.
 * @throws InputError for a graph that is not well-formed, a pattern that matches nothing, and a model without parameters
 */
export function structureOf(model: Model, { freeze = [], train = [] }: StructureOptions = {}): Structure {
  const inlined = inlineFunctions(model);
  const dataflow = dataflowOf(inlined);
  const naming = exporterNaming(inlined);
  const byDefault = defaultTrainability(inlined, naming);
  let layers = findLayers(dataflow, byDefault);
  let frameworkNames = namesOf(inlined, dataflow, naming, layers);
  let frozen: readonly Tensor[] = [];
  if (freeze.length > 0 || train.length > 0) {
    const candidates = candidateNames(dataflow, layers, frameworkNames);
    const isFrozen = matchingNames(freeze, "--freeze", candidates, model.label);
    const isAskedFor = matchingNames(train, "--train", candidates, model.label);
    layers = findLayers(
      dataflow,
      (tensor, use) => isAskedFor.has(tensor.name) || (byDefault(tensor, use) && !isFrozen.has(tensor.name)),
    );
    frameworkNames = namesOf(inlined, dataflow, naming, layers);
    frozen = dataflow.initializers.flatMap(({ name, origin }) =>
      origin.kind === "initializer" && isFrozen.has(name) && !isAskedFor.has(name) ? [origin.tensor] : [],
    );
  }
  if (layers.length === 0) throw withoutParameters(dataflow, model.label, frozen.length > 0);
  const totalDepth = Math.max(...layers.map(({ depth }) => depth)) + 1;
  return { layers, frameworkNames, totalDepth, frozen, warnings: warningsFor(dataflow, layers) };
}

function namesOf(model: Model, dataflow: Dataflow, naming: ExporterNaming, layers: readonly Layer[]): FrameworkNames {
  return recoverNames(naming, { model, dataflow, layers, original: tiedCopies(layers, naming.isMadeUp) });
}

/**
 * Not trained unless asked for: scalars, running statistics, and constants that the exporter made up itself, such as the
 * ones and zeros by which it writes a GroupNormalization as an InstanceNormalization.
 */
function defaultTrainability(model: Model, naming: ExporterNaming): IsTrainable {
  const buffers = naming.buffers(model);
  return (tensor, use) => {
    if (tensor.shape.length === 0 || use === "buffer" || buffers.has(tensor.name)) return false;
    return use !== "other" || !(naming.isMadeUp(tensor.name) && isUniform(tensor));
  };
}

/** Larger tensors than this are no fill values. */
const LARGEST_FILL = 4096;

/** Whether a tensor holds one number over and over. */
function isUniform({ payload, dataType, shape }: Tensor): boolean {
  const count = elementCount(shape);
  const size = bitsOf(dataType) / 8;
  if (count > LARGEST_FILL || payload.kind !== "raw" || size < 1) return false;
  const bytes = Buffer.from(readRange(payload.range));
  const first = bytes.subarray(0, size);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size)).every(
    (element) => element.equals(first),
  );
}

/** Every name that a pattern may match, with the initializer that it stands for. */
function candidateNames(
  dataflow: Dataflow,
  layers: readonly Layer[],
  names: FrameworkNames,
): ReadonlyMap<string, string> {
  const candidates = new Map<string, string>();
  for (const { parameters } of layers) {
    for (const parameter of parameters) {
      candidates.set(parameter.tensor.name, parameter.tensor.name);
      for (const name of names.get(parameter) ?? []) candidates.set(name, parameter.tensor.name);
    }
  }
  for (const { origin } of dataflow.initializers) {
    if (origin.kind !== "initializer" || !isFloatingPoint(origin.tensor.dataType)) continue;
    candidates.set(origin.tensor.name, origin.tensor.name);
  }
  return candidates;
}

function matchingNames(
  patterns: readonly string[],
  option: string,
  candidates: ReadonlyMap<string, string>,
  label: string,
): ReadonlySet<string> {
  const matched = new Set<string>();
  for (const pattern of patterns) {
    const isMatch = picomatch(pattern, { bash: true, dot: true });
    const found = [...candidates].filter(([name]) => name === pattern || isMatch(name));
    if (found.length === 0) {
      throw new InputError(
        `${option} "${pattern}"`,
        `matches no float initializer of ${label}`,
        "run annotate to see the names",
      );
    }
    for (const [, tensorName] of found) matched.add(tensorName);
  }
  return matched;
}

function withoutParameters(dataflow: Dataflow, label: string, isFrozen: boolean): InputError {
  if (isFrozen)
    return new InputError(label, "has no parameters left to scale", "freeze less, or name some with --train");
  if (dataflow.initializers.length === 0)
    return new InputError(label, "has no initializers, so there is nothing to scale");
  return new InputError(
    label,
    "has no trainable parameters: none of its initializers is a float that an output depends on",
  );
}

/** Domains whose operators are known, at least as far as they hold no parameters. */
const knownDomains: ReadonlySet<string> = new Set(["", "ai.onnx.ml", "com.microsoft", "ai.onnx.preview.training"]);

function warningsFor(dataflow: Dataflow, layers: readonly Layer[]): readonly string[] {
  const warnings: string[] = [];
  const unknown = dataflow.operations.filter(({ node }) => !knownDomains.has(node.domain));
  if (unknown.length > 0) {
    const operators = [...new Set(unknown.map(({ node }) => `${node.domain}.${node.opType}`))];
    const more = operators.length > 3 ? ` and ${operators.length - 3} more` : "";
    warnings.push(
      `unknown operators are taken to be differentiable and without kernels: ${operators.slice(0, 3).join(", ")}${more}`,
    );
  }
  if (layers.every(({ connections }) => connections === undefined)) {
    warnings.push("no kernel found: connection strategies give every parameter scale 1");
  }
  const quantized = layers
    .flatMap(({ parameters }) => parameters)
    .filter(({ tensor }) => !isFloatingPoint(tensor.dataType));
  const [first] = quantized;
  if (first !== undefined) {
    warnings.push(
      `${quantized.length} of the parameters are quantized, such as "${first.tensor.name}" (${first.tensor.dataType}): they count as kernels, but cannot be trained as they are`,
    );
  }
  const computed = dataflow.operations.filter((operation) =>
    kernelOperator(operation.node)?.kernels.some(({ input }) => isComputedWeight(operation.inputs[input])),
  );
  const [firstComputed] = computed;
  if (firstComputed !== undefined) {
    warnings.push(
      `${computed.length} operators apply a computed weight, such as ${describeNode(firstComputed.node)}: they count as no kernel layers`,
    );
  }
  return warnings;
}

/** Looking back further than this, nobody computes a weight. */
const LONGEST_COMPUTATION = 64;

/** Whether a value is computed from float initializers alone, and not only rearranged (as by a weight normalization). */
function isComputedWeight(value: Value | undefined): boolean {
  if (value?.origin.kind !== "operation" || isRearrangement(value.origin.operation)) return false;
  const behind = new Set([value]);
  let hasParameter = false;
  for (const { origin } of behind) {
    if (origin.kind === "input" || behind.size > LONGEST_COMPUTATION) return false;
    if (origin.kind === "initializer") hasParameter ||= isKernelLike(origin.tensor);
    else for (const input of origin.operation.inputs) if (input !== undefined) behind.add(input);
  }
  return hasParameter;
}

function isKernelLike({ dataType, shape }: Tensor): boolean {
  return isFloatingPoint(dataType) && shape.length >= 2;
}
