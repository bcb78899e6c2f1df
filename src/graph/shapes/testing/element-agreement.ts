import { expect } from "vitest";
import type { AttributeInputs } from "../../builder.js";
import { numberTensor } from "../../tensor.js";
import type { PlainTensor } from "../../testing/run-model.js";
import { inferOutputs } from "../infer.js";
import { factsOfTensor } from "../tensor-facts.js";
import { nodeOf, type RunOptions, runNode } from "./runtime-agreement.js";

/**
 * Checks that inference knows every element of a node's outputs from those of its inputs, and that they are what ONNX
 * Runtime computes.
 * @param inputs tensors, undefined for omitted ones
 */
export async function expectElementsAgree(
  opType: string,
  inputs: readonly (PlainTensor | undefined)[],
  attributes: AttributeInputs = {},
  outputs = 1,
  options: RunOptions = {},
): Promise<void> {
  const facts = inferOutputs(
    nodeOf(opType, inputs.length, attributes, outputs),
    inputs.map((tensor) => tensor && factsOfTensor(numberTensor("", tensor.dataType, tensor.shape, tensor.values))),
  );
  const results = await runNode(opType, inputs, attributes, outputs, options);
  expect(facts.map(({ dataType, shape, elements }) => ({ dataType, shape, values: elements }))).toEqual(
    // Adding 0 makes -0 the 0 that it equals.
    results.map(({ dataType, shape, values }) => ({ dataType, shape, values: values.map((value) => value + 0) })),
  );
}
