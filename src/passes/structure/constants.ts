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
  if (origin.kind !== "operation" || origin.operation.node.domain !== "") return undefined;
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
  // Exporters that decompose shapes convert them. (An Identity may be the link into a loop, where a value changes.)
  let source = value;
  while (source?.origin.kind === "operation" && conversions.has(source.origin.operation.node.opType)) {
    source = source.origin.operation.inputs[0];
  }
  const tensor = source === undefined ? undefined : constantTensor(source);
  if (tensor !== undefined) {
    const isReadable = tensor.payload.kind !== "none" || elementCount(tensor.shape) === 0;
    const isInteger = tensor.dataType === "int64" || tensor.dataType === "int32";
    return isInteger && isReadable ? readIntegers(tensor) : undefined;
  }
  if (source?.origin.kind !== "operation" || source.origin.operation.node.opType !== "Constant") return undefined;
  const { node } = source.origin.operation;
  return node.attributes.has("value_int")
    ? [integerAttribute(node, "value_int", 0)]
    : integersAttribute(node, "value_ints");
}

const conversions: ReadonlySet<string> = new Set(["Cast", "CastLike", "Unsqueeze"]);
