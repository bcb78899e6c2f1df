import type { Value } from "../../graph/dataflow.js";
import { dataTypeOf } from "../../graph/data-type.js";
import { integerAttribute, integersAttribute, type Node } from "../../graph/model.js";
import { elementCount, readIntegers, type Tensor } from "../../graph/tensor.js";

/**
 * The tensor behind a value that is an initializer or the output of a Constant node; or of a ConstantOfShape, RandomNormal
 * or RandomUniform of constant shape, by which models without their weights are written. Those have no payload.
 */
export function constantTensor(value: Value): Tensor | undefined {
  const { origin, name } = value;
  if (origin.kind === "initializer") return origin.tensor;
  if (origin.kind !== "operation") return undefined;
  const { node, inputs } = origin.operation;
  switch (node.opType) {
    case "Constant":
      return tensorAttribute(node, "value");
    case "ConstantOfShape": {
      const shape = constantIntegers(inputs[0]);
      const dataType = tensorAttribute(node, "value")?.dataType ?? "float32";
      return shape === undefined ? undefined : { name, dataType, shape, payload: { kind: "none" } };
    }
    case "RandomNormal":
    case "RandomUniform": {
      const shape = integersAttribute(node, "shape");
      const dataType = dataTypeOf(integerAttribute(node, "dtype", 1));
      return shape === undefined ? undefined : { name, dataType, shape, payload: { kind: "none" } };
    }
    default:
      return undefined;
  }
}

function tensorAttribute(node: Node, name: string): Tensor | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === "tensor" ? attribute.value : undefined;
}

/** The integers of a constant value (a shape, axes, an index), undefined where it is computed or not integral. */
export function constantIntegers(value: Value | undefined): readonly number[] | undefined {
  if (value === undefined) return undefined;
  const tensor = constantTensor(value);
  if (tensor !== undefined) {
    const isReadable = tensor.payload.kind !== "none" || elementCount(tensor.shape) === 0;
    const isInteger = tensor.dataType === "int64" || tensor.dataType === "int32";
    return isInteger && isReadable ? readIntegers(tensor) : undefined;
  }
  if (value.origin.kind !== "operation") return undefined;
  const { node } = value.origin.operation;
  if (node.opType === "Constant") {
    if (node.attributes.has("value_int")) return [integerAttribute(node, "value_int", 0)];
    return integersAttribute(node, "value_ints");
  }
  // Exporters that decompose shapes convert them; an Identity may be the link into a loop, where a value changes.
  const isWrapped = node.opType === "Cast" || node.opType === "Unsqueeze";
  return isWrapped ? constantIntegers(value.origin.operation.inputs[0]) : undefined;
}
