import { dataTypeOf } from "../../data-type.js";
import { integerAttribute, type ValueType } from "../../model.js";
import { factsOfType, typeOfFacts } from "../declared-facts.js";
import { divideExactly, type Extent } from "../extent.js";
import { type Facts, tensorFacts, unknownFacts } from "../facts.js";
import { generalizeTypes } from "../generalize.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";
import { normalizedAxis } from "../shape-math.js";

/** A sequence or an optional of elements of that type, if it is known. */
function containerOf(kind: "sequence" | "optional", element: ValueType | undefined): Facts {
  return { ...unknownFacts, container: element === undefined ? { kind } : { kind, element } };
}

/** The facts of a sequence's items; nothing, where it is not known what they are. */
function itemOf(context: ShapeContext): Facts {
  const { container } = context.input(0);
  if (container !== undefined && container.kind !== "sequence")
    context.fail(`needs a sequence, but has a value of the kind ${container.kind}`);
  return factsOfType(container?.kind === "sequence" ? container.element : undefined, (axis) =>
    context.unknownExtent(0, axis),
  );
}

function sequenceConstruct(context: ShapeContext): readonly Facts[] {
  const first = typeOfFacts(context.input(0));
  const others = context.inputs.slice(1).map((_, index) => typeOfFacts(context.input(index + 1)));
  return [containerOf("sequence", others.reduce(generalizeTypes, first))];
}

function sequenceEmpty({ node }: ShapeContext): readonly Facts[] {
  return [containerOf("sequence", { kind: "tensor", dataType: dataTypeOf(integerAttribute(node, "dtype", 1)) })];
}

function sequenceInsert(context: ShapeContext): readonly Facts[] {
  const { container } = context.input(0);
  const items = container?.kind === "sequence" ? container.element : undefined;
  return [containerOf("sequence", generalizeTypes(items, typeOfFacts(context.input(1))))];
}

function sequenceErase(context: ShapeContext): readonly Facts[] {
  return [{ ...unknownFacts, container: context.input(0).container }];
}

/**
 * The parts of a tensor along an axis: of the lengths given, or of extent 1. keepdims may drop the axis; ONNX ignores
 * it where a length is given, the runtime only where there is one for each part, and PyTorch exports unbind with the
 * one length 1.
 */
function splitToSequence(context: ShapeContext): readonly Facts[] {
  const { node, inputs } = context;
  const { dataType, shape } = context.input(0);
  if (shape === undefined) return [containerOf("sequence", typeOfFacts(tensorFacts(dataType, undefined)))];
  const axis = normalizedAxis(integerAttribute(node, "axis", 0), shape.length, context);
  const extent = shape[axis] ?? 1;
  const lengths = inputs[1];
  const isKept = integerAttribute(node, "keepdims", 1) !== 0;
  if (lengths === undefined || (!isKept && lengths.shape?.length === 0)) {
    return [
      containerOf("sequence", typeOfFacts(tensorFacts(dataType, shape.toSpliced(axis, 1, ...(isKept ? [1] : []))))),
    ];
  }
  const part = lengths.shape?.length === 0 ? evenPart(extent, lengths.elements?.[0]) : commonPart(lengths.elements);
  const dimensions = shape.map((other, index) => (index === axis ? (part ?? null) : other));
  return [containerOf("sequence", { kind: "tensor", dataType, shape: dimensions })];
}

/** A length that divides an extent: the last part is not shorter. */
function evenPart(extent: Extent, length: Extent | null | undefined): Extent | undefined {
  return length === null || length === undefined || divideExactly(extent, length) === undefined ? undefined : length;
}

function commonPart(lengths: Facts["elements"]): Extent | undefined {
  const [first] = lengths ?? [];
  return lengths?.every((length) => length === first) === true ? (first ?? undefined) : undefined;
}

/** The items joined along an axis, or stacked along a new one; how many there are is not known. */
function concatFromSequence(context: ShapeContext): readonly Facts[] {
  const { dataType, shape } = itemOf(context);
  if (shape === undefined) return [tensorFacts(dataType, undefined)];
  const isNew = integerAttribute(context.node, "new_axis", 0) === 1;
  const rank = shape.length + (isNew ? 1 : 0);
  const axis = normalizedAxis(integerAttribute(context.node, "axis", 0), rank, context);
  // Symbols are named after the output's axes, and the new one moves those behind it.
  const joined = shape.toSpliced(axis, isNew ? 0 : 1, context.unknownExtent(0, isNew ? shape.length : axis));
  return [tensorFacts(dataType, joined)];
}

function optional(context: ShapeContext): readonly Facts[] {
  const { node, inputs } = context;
  if (inputs[0] !== undefined) return [containerOf("optional", typeOfFacts(inputs[0]))];
  const attribute = node.attributes.get("type");
  return [containerOf("optional", attribute?.kind === "type" ? attribute.value : undefined)];
}

/** What an optional holds; what is no optional comes out as it is. */
function optionalGetElement(context: ShapeContext): readonly Facts[] {
  const facts = context.input(0);
  if (facts.container?.kind !== "optional") return [facts];
  return [factsOfType(facts.container.element, (axis) => context.unknownExtent(0, axis))];
}

function optionalHasElement({ inputs: [value] }: ShapeContext): readonly Facts[] {
  if (value === undefined) return [tensorFacts("bool", [], [0])];
  const isThere = value.dataType !== "undefined" || value.container?.kind === "sequence";
  return [tensorFacts("bool", [], isThere ? [1] : undefined)];
}

/** Sequences and optionals. */
export const sequences: ShapeRules = {
  ConcatFromSequence: concatFromSequence,
  Optional: optional,
  OptionalGetElement: optionalGetElement,
  OptionalHasElement: optionalHasElement,
  SequenceAt: (context) => [itemOf(context)],
  SequenceConstruct: sequenceConstruct,
  SequenceEmpty: sequenceEmpty,
  SequenceErase: sequenceErase,
  SequenceInsert: sequenceInsert,
  SequenceLength: () => [tensorFacts("int64", [])],
  SplitToSequence: splitToSequence,
};
