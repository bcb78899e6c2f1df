import type { Dataflow } from "../../graph/dataflow.js";
import { isFloatingPoint } from "../../graph/data-type.js";
import { describeNode } from "../../graph/model.js";
import { gradientReach } from "./gradient-reach.js";
import { isKnownDomain } from "./kernel-operators.js";
import type { FoundLayers } from "./layers.js";

/** What a person should know before trusting the structure of a model, each in one line. */
export function warningsFor(dataflow: Dataflow, { layers, withComputedWeight }: FoundLayers): readonly string[] {
  const warnings: string[] = [];
  const unknown = dataflow.operations.filter(({ node }) => !isKnownDomain(node.domain));
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
      `${plural(quantized.length, "parameter is", "parameters are")} quantized, such as "${first.tensor.name}" (${first.tensor.dataType}): quantized weights count as kernels, but cannot be trained as they are`,
    );
  }
  const [firstComputed] = withComputedWeight;
  if (firstComputed !== undefined) {
    warnings.push(
      `${plural(withComputedWeight.length, "operator applies", "operators apply")} a computed weight, such as ${describeNode(firstComputed.node)}: that counts as no kernel layer`,
    );
  }
  return warnings;
}

function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
