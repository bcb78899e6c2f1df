import type { Operation, Value } from "../../graph/dataflow.js";
import { integerAttribute, integersAttribute } from "../../graph/model.js";
import { elementCount } from "../../graph/tensor.js";
import { constantIntegers, constantTensor } from "./constants.js";

/** A constant as an operator sees it, through the nodes that only rearrange or convert it. */
export interface WeightView {
  /** The initializer, or the output of a Constant node. */
  readonly source: Value;
  /** The shape after the rearrangements: what the operator multiplies by. */
  readonly shape: readonly number[];
}

/**
 * Follows a value back through Transpose, Reshape, Flatten, Squeeze, Unsqueeze, Cast, Identity, QuantizeLinear and
 * DequantizeLinear to the constant that it shows. Undefined where it is computed in any other way.
 */
export function weightView(value: Value | undefined): WeightView | undefined {
  // A chain, so a loop: files may hold chains of any length.
  const chain: Operation[] = [];
  let source = value;
  while (source?.origin.kind === "operation" && viewOperators.has(source.origin.operation.node.opType)) {
    chain.push(source.origin.operation);
    source = source.origin.operation.inputs[0];
  }
  const tensor = source === undefined ? undefined : constantTensor(source);
  if (source === undefined || tensor === undefined) return undefined;
  const shape = chain.reduceRight((seen, operation) => rearranged(seen, operation), tensor.shape);
  return { source, shape };
}

/** Whether an operator only shows its first input in another order, shape or type. */
export function isView(operation: Operation): boolean {
  return operation.node.domain === "" && viewOperators.has(operation.node.opType);
}

const viewOperators: ReadonlySet<string> = new Set([
  "Transpose",
  "Reshape",
  "Flatten",
  "Squeeze",
  "Unsqueeze",
  "Cast",
  "Identity",
  "QuantizeLinear",
  "DequantizeLinear",
]);

function rearranged(shape: readonly number[], { node, inputs }: Operation): readonly number[] {
  switch (node.opType) {
    case "Transpose": {
      const order = integersAttribute(node, "perm") ?? shape.map((_, axis) => shape.length - 1 - axis);
      return order.map((axis) => shape[axis] ?? 1);
    }
    case "Reshape":
      return reshaped(shape, integersAttribute(node, "shape") ?? constantIntegers(inputs[1]));
    case "Flatten": {
      const axis = normalizedAxis(integerAttribute(node, "axis", 1), shape.length);
      return [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis))];
    }
    case "Squeeze": {
      const axes = (integersAttribute(node, "axes") ?? constantIntegers(inputs[1]))?.map((axis) =>
        normalizedAxis(axis, shape.length),
      );
      return shape.filter((extent, axis) => (axes === undefined ? extent !== 1 : !axes.includes(axis)));
    }
    case "Unsqueeze": {
      const axes = integersAttribute(node, "axes") ?? constantIntegers(inputs[1]) ?? [];
      const rank = shape.length + axes.length;
      const added = new Set(axes.map((axis) => normalizedAxis(axis, rank)));
      const rest = shape.values();
      return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.next().value ?? 1)));
    }
    default:
      return shape;
  }
}

/** Reshape (opset 14): 0 keeps an extent, -1 takes what is left. An unknown target leaves the shape as it is. */
function reshaped(shape: readonly number[], target: readonly number[] | undefined): readonly number[] {
  if (target === undefined) return shape;
  const kept = target.map((extent, axis) => (extent === 0 ? (shape[axis] ?? 0) : extent));
  const known = elementCount(kept.filter((extent) => extent !== -1));
  return kept.map((extent) => (extent === -1 ? (known === 0 ? 0 : elementCount(shape) / known) : extent));
}

function normalizedAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}
