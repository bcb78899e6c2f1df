import type { Dataflow, Value } from "../../graph/dataflow.js";
import { isFloatingPoint } from "../../graph/data-type.js";
import { describeNode } from "../../graph/model.js";
import type { Tensor } from "../../graph/tensor.js";
import { gradientReach } from "./gradient-reach.js";
import { kernelOperator } from "./kernel-operators.js";
import type { Layer } from "./layers.js";
import { isRearrangement } from "./weight-view.js";

/** Domains whose operators are known, at least as far as they hold no parameters. */
const knownDomains: ReadonlySet<string> = new Set(["", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"]);

/** What a person should know before trusting the structure of a model, each in one line. */
export function warningsFor(dataflow: Dataflow, layers: readonly Layer[]): readonly string[] {
  const warnings: string[] = [];
  const unknown = dataflow.operations.filter(({ node }) => !knownDomains.has(node.domain));
  if (unknown.length > 0) {
    const operators = [...new Set(unknown.map(({ node }) => `${node.domain}.${node.opType}`))];
    const more = operators.length > 3 ? ` and ${operators.length - 3} more` : "";
    warnings.push(
      `unknown operators are taken to be differentiable and without kernels: ${operators.slice(0, 3).join(", ")}${more}`,
    );
  }
  if (gradientReach(dataflow).isBehindIntegers) {
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
