import type { Dimension, ValueType } from "../model.js";
import type { Extent } from "./extent.js";
import type { Facts } from "./facts.js";

/**
 * What holds for both of two values, of which one or the other is there at run time; the first one's facts themselves
 * where they already hold for both.
 * @param unknownExtent the extent of an axis where the two differ
 * @param fail called where their types differ, which no operator allows
 */
export function generalize(
  a: Facts,
  b: Facts,
  unknownExtent: (axis: number) => Extent,
  fail: (what: string) => never,
): Facts {
  if (a.dataType !== b.dataType && a.dataType !== "undefined" && b.dataType !== "undefined") {
    fail(`has a value that is ${a.dataType} at one time and ${b.dataType} at another`);
  }
  const dataType = a.dataType === "undefined" ? b.dataType : a.dataType;
  const shape =
    a.shape === undefined || b.shape?.length !== a.shape.length
      ? undefined
      : a.shape.map((extent, axis) => (extent === b.shape?.[axis] ? extent : unknownExtent(axis)));
  const sameElements =
    a.elements?.length === b.elements?.length &&
    a.elements?.every((element, index) => element === b.elements?.[index]) === true;
  const elements = sameElements ? a.elements : undefined;
  const constant = a.constant === b.constant ? a.constant : undefined;
  const container = generalizeTypes(a.container, b.container);
  const isTheFirst =
    dataType === a.dataType &&
    shape?.length === a.shape?.length &&
    shape?.every((extent, axis) => extent === a.shape?.[axis]) !== false &&
    elements === a.elements &&
    constant === a.constant &&
    container === a.container;
  return isTheFirst ? a : { dataType, shape, elements, constant, container };
}

/** A type that both values have, as far as it is known; the first one itself where that is one. */
export function generalizeTypes(a: ValueType | undefined, b: ValueType | undefined): ValueType | undefined {
  if (a === b || a === undefined || b === undefined) return a === b ? a : undefined;
  if ((a.kind === "sequence" || a.kind === "optional") && a.kind === b.kind) {
    const element = generalizeTypes(a.element, b.element);
    return element === a.element ? a : { kind: a.kind, ...(element === undefined ? {} : { element }) };
  }
  if ((a.kind === "tensor" || a.kind === "sparse-tensor") && a.kind === b.kind) {
    if (a.dataType !== b.dataType) return undefined;
    const { kind, dataType, shape } = a;
    if (shape === undefined) return a;
    if (b.shape?.length !== shape.length) return { kind, dataType };
    if (shape.every((dimension, axis) => dimension === null || dimension === b.shape?.[axis])) return a;
    const common = shape.map((dimension, axis): Dimension => (dimension === b.shape?.[axis] ? dimension : null));
    return { kind, dataType, shape: common };
  }
  return undefined;
}

/** The facts without anything but the types. */
export function typeAlone({ dataType, container }: Facts): Facts {
  return { dataType, shape: undefined, container: container === undefined ? undefined : withoutShapes(container) };
}

function withoutShapes(type: ValueType): ValueType {
  switch (type.kind) {
    case "tensor":
    case "sparse-tensor":
      return { kind: type.kind, dataType: type.dataType };
    case "sequence":
    case "optional":
      return type.element === undefined ? type : { kind: type.kind, element: withoutShapes(type.element) };
    case "map":
    case "opaque":
      return type;
  }
}
