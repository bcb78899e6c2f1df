import type { Dataflow, Value } from "../../graph/dataflow.js";
import { isFloatingPoint } from "../../graph/data-type.js";
import { describeNode } from "../../graph/model.js";
import { elementCount } from "../../graph/tensor.js";
import type { AbsentParameters } from "./framework-names/absent.js";
import { type ExporterNaming, parametersOf } from "./framework-names/exporter.js";
import type { GradientReach } from "./gradient-reach.js";
import { isKnownDomain } from "./kernel-operators.js";
import { type FoundLayers, isKernel, type Layer, type Parameter } from "./layers.js";
import { isUniform } from "./trainability.js";

/** What the layers of a model were found from. */
export interface Evidence {
  readonly dataflow: Dataflow;
  readonly reach: GradientReach;
  readonly naming: ExporterNaming;
  readonly absent: AbsentParameters;
}

/** What a person should know before trusting the structure of a model, each in one line. */
export function warningsFor(evidence: Evidence, { layers, withComputedWeight }: FoundLayers): readonly string[] {
  const { dataflow, reach, naming, absent } = evidence;
  const warnings: string[] = [];
  const unknown = dataflow.operations.filter(({ node }) => !isKnownDomain(node.domain));
  if (unknown.length > 0) {
    const operators = [...new Set(unknown.map(({ node }) => `${node.domain}.${node.opType}`))];
    const more = operators.length > 3 ? ` and ${operators.length - 3} more` : "";
    warnings.push(
      `unknown operators are taken to be differentiable and without kernels: ${operators.slice(0, 3).join(", ")}${more}`,
    );
  }
  if (reach.isBehindIntegers) {
    warnings.push(
      "every output is an integer, so no gradient reaches the weights: shown as for a loss on what precedes it",
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
      `${plural(quantized.length, "parameter is", "parameters are")} quantized, such as "${first.tensor.name}" (${first.tensor.dataType}): quantized weights count as kernels, but cannot be trained as they are`,
    );
  }
  const [firstComputed] = withComputedWeight;
  if (firstComputed !== undefined) {
    warnings.push(
      `${plural(withComputedWeight.length, "operator applies", "operators apply")} a computed weight, such as ${describeNode(firstComputed.node)}: that counts as no kernel layer`,
    );
  }
  if (absent.count > 0) {
    const some = absent.names.slice(0, 3).join(", ") + (absent.names.length > 3 ? ", ..." : "");
    const which = absent.count < absent.names.length ? `among ${some}` : some;
    const had = plural(naming.listed?.length ?? 0, "parameter", "parameters");
    warnings.push(
      `${absent.count} of ${had} that PyTorch had ${absent.count === 1 ? "is" : "are"} not in the file (${which}): equal ones were merged, others folded or not used; export model.train() with optimize=False, see docs/training.md`,
    );
  }
  const merged = mergedParameter(dataflow, layers);
  if (merged !== undefined) {
    warnings.push(
      `parameters of equal values were merged by the exporter, such as "${merged.name}" and "${merged.other}", and are trained as one: PyTorch keeps them apart with training=torch.onnx.TrainingMode.TRAINING, and any exporter once they differ`,
    );
  }
  const folded = foldedConstant(evidence, layers);
  if (folded !== undefined) {
    warnings.push(
      `constants that the exporter computed are not trained, such as "${folded.name}": a mask, or an embedding of what does not change; --train takes them in`,
    );
  }
  return warnings;
}

/** PyTorch's exporter leaves one of several parameters that are equal, and an Identity called as each of the others. */
function mergedParameter(
  { operations }: Dataflow,
  layers: readonly Layer[],
): { readonly name: string; readonly other: string } | undefined {
  const found = new Map(parametersOf(layers).map((placed) => [placed.parameter.tensor.name, placed]));
  for (const { node } of operations) {
    const [[name = ""], [other = ""]] = [node.inputs, node.outputs];
    const placed = found.get(name);
    if (node.opType !== "Identity" || placed === undefined) continue;
    if (isOfModule(name) ? isOfModule(other) : other.startsWith("onnx::") && isFresh(placed)) return { name, other };
  }
  return undefined;
}

/**
 * Whether a parameter under a made-up name is a bias or of a normalization, as it was before training, in a layer that is
 * applied once. Where a layer is applied twice, the exporter merges what it computed twice from one parameter.
 */
function isFresh({ layer, parameter }: { readonly layer: Layer; readonly parameter: Parameter }): boolean {
  const kernels = layer.parameters.filter(isKernel);
  const isOnce = kernels.length > 0 && kernels.every(({ uses }) => uses === 1);
  return !isKernel(parameter) && isOnce && elementCount(parameter.tensor.shape) > 1 && isUniform(parameter.tensor);
}

/** What is computed has a path, and what the exporter made up a prefix. */
function isOfModule(name: string): boolean {
  return /^\w+(\.\w+)+$/.test(name);
}

/** Where the file lists its parameters, what was computed from them at export is a constant, and may be missed. */
function foldedConstant({ dataflow, reach, naming }: Evidence, layers: readonly Layer[]): Value | undefined {
  if (naming.listed === undefined) return undefined;
  const placed = new Set(layers.flatMap(({ parameters }) => parameters.map(({ tensor }) => tensor.name)));
  return dataflow.initializers.find((value) => {
    const { name, origin } = value;
    if (origin.kind !== "initializer" || placed.has(name) || !naming.isMadeUp(name)) return false;
    return reach.values.has(value) && isFloatingPoint(origin.tensor.dataType) && !isUniform(origin.tensor);
  });
}

function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
