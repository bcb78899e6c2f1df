import type { DataType } from "../data-type.js";
import { elementCount, readNumbers, type Tensor } from "../tensor.js";
import { type Facts, mostElements } from "./facts.js";

/** Types of which elements can be extents, axes and indices, or conditions. */
const countingTypes: ReadonlySet<DataType> = new Set([
  "bool",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
]);

/**
 * The facts of a constant. The elements of small integer and boolean tensors are read, all other payloads stay where
 * they are.
 */
export function factsOfTensor(tensor: Tensor): Facts {
  const { dataType, shape, payload } = tensor;
  const isRead = countingTypes.has(dataType) && payload.kind !== "none" && elementCount(shape) <= mostElements;
  const elements = isRead ? readNumbers(tensor) : undefined;
  return { dataType, shape, constant: tensor, ...(elements === undefined ? {} : { elements }) };
}

/** The number that a constant with one element is; undefined for other values. */
export function scalarOf(value: Facts | undefined): number | undefined {
  const tensor = value?.constant;
  if (tensor === undefined || tensor.shape.some((extent) => extent !== 1)) return undefined;
  return readNumbers(tensor)?.[0];
}
