import { type DataType, dataTypeOf, isFloatingPoint } from "../../data-type.js";
import { integerAttribute, type Node } from "../../model.js";
import { type Element, heldBy, isEqual, negated, truncated } from "../element-arithmetic.js";
import { knownOf } from "../elements.js";
import { type Facts, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";

/** Y has X's elements in the type of the attribute `to`. */
function cast(context: ShapeContext): readonly Facts[] {
  return [casted(context.input(0), typeAttribute(context, "to") ?? context.fail("lacks its attribute to"))];
}

/** Y has X's elements in the type of the second input. */
function castLike({ input }: ShapeContext): readonly Facts[] {
  return [casted(input(0), input(1).dataType)];
}

function casted(x: Facts, dataType: DataType): Facts {
  return tensorFacts(
    dataType,
    x.shape,
    knownOf(x)?.map((element) => castElement(x.dataType, dataType, element)),
  );
}

function castElement(from: DataType, to: DataType, element: Element): Element {
  if (element === null) return null;
  if (to === "bool") return negated(isEqual(element, 0));
  return heldBy(to, isFloatingPoint(from) && !isFloatingPoint(to) ? truncated(element) : element);
}

/** Y has X's bits, read as the type of the attribute `to`. */
function bitCast(context: ShapeContext): readonly Facts[] {
  return [tensorFacts(typeAttribute(context, "to") ?? context.fail("lacks its attribute to"), context.shape(0))];
}

/** y like x in the type that is asked for, else that of the zero point, else bytes. */
function quantizeLinear(context: ShapeContext): readonly Facts[] {
  const dataType = typeAttribute(context, "output_dtype") ?? context.inputs[2]?.dataType ?? "uint8";
  return [tensorFacts(dataType, context.shape(0))];
}

/** y like x in the type that is asked for, else that of the scale. */
function dequantizeLinear(context: ShapeContext): readonly Facts[] {
  return [tensorFacts(typeAttribute(context, "output_dtype") ?? context.input(1).dataType, context.shape(0))];
}

/** The element type that an attribute names; undefined where it is absent or 0. */
export function typeAttribute(
  { node, fail }: { readonly node: Node; readonly fail: ShapeContext["fail"] },
  name: string,
): DataType | undefined {
  const code = integerAttribute(node, name, 0);
  if (code === 0) return undefined;
  const dataType = dataTypeOf(code);
  return dataType === "undefined" ? fail(`has ${name} ${code}, which is no element type`) : dataType;
}

/** Conversions between element types. */
export const casts: ShapeRules = {
  BitCast: bitCast,
  Cast: cast,
  CastLike: castLike,
  DequantizeLinear: dequantizeLinear,
  QuantizeLinear: quantizeLinear,
};
