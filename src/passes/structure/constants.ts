import type { Value } from "../../graph/dataflow.js";
import { integerAttribute, integersAttribute } from "../../graph/model.js";
import { readIntegers, type Tensor } from "../../graph/tensor.js";

/** The tensor behind a value that is an initializer or the output of a Constant node. */
export function constantTensor(value: Value): Tensor | undefined {
  if (value.origin.kind === "initializer") return value.origin.tensor;
  if (value.origin.kind !== "operation" || value.origin.operation.node.opType !== "Constant") return undefined;
  const attribute = value.origin.operation.node.attributes.get("value");
  return attribute?.kind === "tensor" ? attribute.value : undefined;
}

/** The integers of a constant value (a shape, axes, an index), undefined where it is computed or not integral. */
export function constantIntegers(value: Value | undefined): readonly number[] | undefined {
  if (value === undefined) return undefined;
  const tensor = constantTensor(value);
  if (tensor !== undefined) {
    return tensor.dataType === "int64" || tensor.dataType === "int32" ? readIntegers(tensor) : undefined;
  }
  if (value.origin.kind !== "operation") return undefined;
  const { node } = value.origin.operation;
  if (node.opType === "Constant") {
    if (node.attributes.has("value_int")) return [integerAttribute(node, "value_int", 0)];
    return integersAttribute(node, "value_ints");
  }
  // Exporters that decompose shapes wrap them in casts and reshapes of a constant.
  const isWrapped = node.opType === "Cast" || node.opType === "Identity" || node.opType === "Unsqueeze";
  return isWrapped ? constantIntegers(value.origin.operation.inputs[0]) : undefined;
}
