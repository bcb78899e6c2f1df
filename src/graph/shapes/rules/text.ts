import { integersAttribute } from "../../model.js";
import { type Facts, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";
import { broadcastShapes, formatShape } from "../shape-math.js";

/** [C] or [1, C]; stop words are left out. */
function stringNormalizer(context: ShapeContext): readonly Facts[] {
  const shape = context.shape(0);
  const words = context.node.attributes.get("stopwords");
  const keepsAll = words === undefined || (words.kind === "strings" && words.value.length === 0);
  if (shape === undefined || keepsAll) return [tensorFacts("string", shape)];
  return [tensorFacts("string", [...shape.slice(0, -1), context.unknownExtent(0, shape.length - 1)])];
}

/** [C] or [N, C] -> counts of n-grams [greatest index + 1], or one row of them for each of N. */
function tfIdfVectorizer(context: ShapeContext): readonly Facts[] {
  const { node, fail } = context;
  const indexes = integersAttribute(node, "ngram_indexes") ?? fail("lacks its attribute ngram_indexes");
  const shape = context.shape(0);
  if (shape === undefined) return [tensorFacts("float32", undefined)];
  if (shape.length > 2) fail(`needs an input [C] or [N, C], but has ${formatShape(shape)}`);
  const width = indexes.reduce((greatest, index) => Math.max(greatest, index + 1), 0);
  return [tensorFacts("float32", [...shape.slice(0, -1), width])];
}

/** Whether each string matches. */
function regexFullMatch(context: ShapeContext): readonly Facts[] {
  return [tensorFacts("bool", context.shape(0))];
}

/** The strings broadcast against each other. */
function stringConcat(context: ShapeContext): readonly Facts[] {
  return [tensorFacts("string", broadcastShapes([context.shape(0), context.shape(1)], context))];
}

/** The parts of each string along a new last axis, and their numbers. */
function stringSplit(context: ShapeContext): readonly Facts[] {
  const shape = context.shape(0);
  const parts = shape === undefined ? undefined : [...shape, context.unknownExtent(0, shape.length)];
  return [tensorFacts("string", parts), tensorFacts("int64", shape)];
}

/** Operators on text. */
export const texts: ShapeRules = {
  RegexFullMatch: regexFullMatch,
  StringConcat: stringConcat,
  StringNormalizer: stringNormalizer,
  StringSplit: stringSplit,
  TfIdfVectorizer: tfIdfVectorizer,
};
