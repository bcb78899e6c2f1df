import { type DataType, isFloatingPoint } from "../../data-type.js";
import { type Attribute, integerAttribute, integersAttribute } from "../../model.js";
import { readNumbers, tensorFrom } from "../../tensor.js";
import { type Element, finestPart, heldBy } from "../element-arithmetic.js";
import { type Elements, elementsAt, knownOf } from "../elements.js";
import { add, ceilDivide, type Extent, maximum, multiply, type Shape, subtract } from "../extent.js";
import { type Facts, tensorFacts, unknownFacts } from "../facts.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";
import { commonType, formatShape } from "../shape-math.js";
import { factsOfTensor } from "../tensor-facts.js";
import { typeAttribute } from "./casts.js";

/** The value of the one attribute that a Constant has. */
function constant({ node, fail }: ShapeContext): readonly Facts[] {
  const [attribute] = node.attributes.values();
  return [attribute === undefined ? fail("has no value") : factsOfValue(attribute)];
}

function factsOfValue(attribute: Attribute): Facts {
  switch (attribute.kind) {
    case "tensor":
      return factsOfTensor(attribute.value);
    case "sparse-tensor":
      return tensorFacts(attribute.value.values.dataType, attribute.value.shape);
    case "int":
      return factsOfNumbers("int64", [], BigInt64Array.of(attribute.value));
    case "ints":
      return factsOfNumbers("int64", [attribute.value.length], BigInt64Array.from(attribute.value));
    case "float":
      return factsOfNumbers("float32", [], Float32Array.of(attribute.value));
    case "floats":
      return factsOfNumbers("float32", [attribute.value.length], Float32Array.from(attribute.value));
    case "string":
      return tensorFacts("string", []);
    case "strings":
      return tensorFacts("string", [attribute.value.length]);
    default:
      return unknownFacts;
  }
}

function factsOfNumbers(
  dataType: DataType,
  shape: readonly number[],
  numbers: BigInt64Array<ArrayBuffer> | Float32Array<ArrayBuffer>,
): Facts {
  return factsOfTensor(tensorFrom("", dataType, shape, new Uint8Array(numbers.buffer)));
}

/** One value everywhere, float32 0 by default. */
function constantOfShape(context: ShapeContext): readonly Facts[] {
  const attribute = context.node.attributes.get("value");
  const value = attribute?.kind === "tensor" ? attribute.value : undefined;
  const dataType = value?.dataType ?? "float32";
  const shape = shapeOfElements(context, context.input(0));
  const [number] = value === undefined ? [0] : (readNumbers(value) ?? []);
  const element = number === undefined ? null : heldBy(dataType, number);
  return [
    tensorFacts(
      dataType,
      shape,
      elementsAt(shape, () => element),
    ),
  ];
}

/** The shape that a tensor's elements give. */
function shapeOfElements(context: ShapeContext, { elements, shape }: Facts): Shape | undefined {
  if (elements === undefined) {
    const rank = shape?.[0];
    return typeof rank === "number" ? context.unknownShape(0, rank) : undefined;
  }
  if (elements.some((extent) => typeof extent === "number" && extent < 0)) {
    context.fail(`is asked for the shape ${formatShape(elements.map((extent) => extent ?? "?"))}`);
  }
  return elements.map((extent, axis) => extent ?? context.unknownExtent(0, axis));
}

/** start, start + delta, ... up to, but not including, limit: max(⌈(limit − start) / delta⌉, 0) numbers. */
function range(context: ShapeContext): readonly Facts[] {
  const inputs = [0, 1, 2].map(context.input);
  const dataType = commonType(inputs, context);
  const [start = null, limit = null, delta = null] = inputs.map((facts) => knownOf(facts)?.[0]);
  if (delta === 0) context.fail("has delta 0");
  if (start === null || limit === null || typeof delta !== "number") {
    return [tensorFacts(dataType, [context.unknownExtent(0, 0)])];
  }
  const shape = [rangeCount(dataType, start, limit, delta) ?? context.unknownExtent(0, 0)];
  return [tensorFacts(dataType, shape, rangeElements(dataType, shape, start, delta))];
}

function rangeCount(dataType: DataType, start: Extent, limit: Extent, delta: number): Extent | undefined {
  const span = heldBy(dataType, subtract(limit, start));
  if (span === null) return undefined;
  if (typeof span === "number") return Math.max(Math.ceil(span / delta), 0);
  const scale = Math.sign(delta) / finestPart;
  const divisor = delta * scale;
  return Number.isInteger(divisor) ? maximum(ceilDivide(multiply(span, scale), divisor), 0) : undefined;
}

function rangeElements(dataType: DataType, shape: Shape, start: Extent, delta: number): Elements | undefined {
  // The runtime adds one delta after another; only such fractions add up without rounding.
  const isExact = !isFloatingPoint(dataType) || Number.isInteger(delta / finestPart);
  const elementAt = (position: number): Element => heldBy(dataType, add(start, position * delta));
  return isExact ? elementsAt(shape, ([position = 0]) => elementAt(position)) : undefined;
}

/** A matrix like the input, of the type asked for, else the input's. */
function eyeLike(context: ShapeContext): readonly Facts[] {
  const shape = context.shape(0);
  if (shape !== undefined && shape.length !== 2) context.fail(`needs a matrix, but has ${formatShape(shape)}`);
  return likeAsked(context);
}

/** Like the input, of the type asked for, else the input's. */
function likeAsked(context: ShapeContext): readonly Facts[] {
  const { dataType, shape } = context.input(0);
  return [tensorFacts(typeAttribute(context, "dtype") ?? dataType, shape)];
}

/** Of the shape and type that attributes name. */
function random(context: ShapeContext): readonly Facts[] {
  const shape = integersAttribute(context.node, "shape") ?? context.fail("lacks its attribute shape");
  return [tensorFacts(typeAttribute(context, "dtype") ?? "float32", shape)];
}

/** [batch, classes] -> [batch, sample_size]. */
function multinomial(context: ShapeContext): readonly Facts[] {
  const [batch = context.unknownExtent(0, 0)] = context.shape(0) ?? [];
  const samples = integerAttribute(context.node, "sample_size", 1);
  return [tensorFacts(typeAttribute(context, "dtype") ?? "int32", [batch, samples])];
}

/** Operators that make tensors from shapes, ranges, and chance. */
export const generators: ShapeRules = {
  Bernoulli: likeAsked,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  EyeLike: eyeLike,
  Multinomial: multinomial,
  RandomNormal: random,
  RandomNormalLike: likeAsked,
  RandomUniform: random,
  RandomUniformLike: likeAsked,
  Range: range,
};
