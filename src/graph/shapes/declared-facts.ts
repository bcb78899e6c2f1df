import type { Dimension, ValueType } from "../model.js";
import { type Extent, extentOf } from "./extent.js";
import { type Facts, unknownFacts } from "./facts.js";

/** What exporters write for an extent of which they know nothing; two of them need not be equal. */
const anonymous: ReadonlySet<string> = new Set(["", "?", "None", "none", "unk", "unknown"]);

/**
 * The facts that a declared type states.
 * @param unknownExtent the extent of an axis that the type leaves open
 */
export function factsOfType(type: ValueType | undefined, unknownExtent: (axis: number) => Extent): Facts {
  if (type === undefined) return unknownFacts;
  if (type.kind !== "tensor") return { ...unknownFacts, container: type };
  const shape = type.shape?.map((dimension, axis) => declaredExtent(dimension) ?? unknownExtent(axis));
  return { dataType: type.dataType, shape };
}

/** The type of a value of which these facts are known; undefined where not even its element type is. */
export function typeOfFacts({ dataType, shape, container }: Facts): ValueType | undefined {
  if (container !== undefined) return container;
  if (dataType === "undefined") return undefined;
  return shape === undefined ? { kind: "tensor", dataType } : { kind: "tensor", dataType, shape };
}

/**
 * Inferred facts, completed by the type that the file declares for the value. What inference knows wins: files carry
 * declarations of another batch size than the one they run at.
 * @param unknownExtent the symbol that inference uses for an axis of which it knows nothing
 */
export function completedByType(
  facts: Facts,
  type: ValueType | undefined,
  unknownExtent: (axis: number) => Extent,
): Facts {
  if (type === undefined || facts.container !== undefined) return facts;
  const declared = factsOfType(type, unknownExtent);
  if (facts.dataType === "undefined" && facts.shape === undefined) return declared;
  if (declared.container !== undefined) return facts;
  const dataType = facts.dataType === "undefined" ? declared.dataType : facts.dataType;
  if (dataType !== declared.dataType || declared.shape === undefined) return { ...facts, dataType };
  if (facts.shape === undefined) return { ...facts, dataType, shape: declared.shape };
  if (facts.shape.length !== declared.shape.length) return { ...facts, dataType };
  const shape = facts.shape.map((extent, axis) => {
    const number = declared.shape?.[axis];
    return typeof number === "number" && extent === unknownExtent(axis) ? number : extent;
  });
  return { ...facts, dataType, shape };
}

function declaredExtent(dimension: Dimension): Extent | undefined {
  if (dimension === null || (typeof dimension === "string" && anonymous.has(dimension.trim()))) return undefined;
  const extent = typeof dimension === "number" ? dimension : extentOf(dimension);
  // Some exporters write -1 for an unknown extent.
  return typeof extent === "number" && extent < 0 ? undefined : extent;
}
