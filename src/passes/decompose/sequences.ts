import type { Emission, Value } from "../../graph/emitter.js";
import { integerAttribute } from "../../graph/model.js";
import type { Operators } from "../../graph/operators.js";
import { ceilDivide, type Extent, multiply, subtract } from "../../graph/shapes/extent.js";
import { knownElements, knownNumbers } from "../../graph/shapes/facts.js";
import { type Decompositions, decomposition } from "./decomposition.js";

/**
 * What reads a sequence whose items are known reads the items themselves: what TorchScript exports of split, chunk,
 * unbind and stack becomes Split and Concat.
 */
export const sequences: Decompositions = {
  SequenceAt: decomposition(2, ({ g, inputs: [sequence, position] }) => {
    const items = itemsOf(g, sequence);
    const index = knownNumbers(position)?.[0];
    const item = index === undefined ? undefined : items?.at(index);
    return item === undefined ? undefined : [item];
  }),

  SequenceLength: decomposition(1, ({ g, inputs: [sequence] }) => {
    const items = itemsOf(g, sequence);
    return items === undefined ? undefined : [g.scalar(items.length, "int64")];
  }),

  OptionalGetElement: decomposition(1, ({ g, inputs: [optional] }) => {
    if (optional.container?.kind !== "optional") return [optional];
    const { node, inputs } = g.emitter.emissionOf(optional) ?? {};
    return node?.opType === "Optional" && node.domain === "" && inputs?.[0] !== undefined ? [inputs[0]] : undefined;
  }),

  ConcatFromSequence: decomposition(1, ({ g, node, inputs: [sequence] }) => {
    const items = itemsOf(g, sequence);
    if (items === undefined || items.length === 0) return undefined;
    const axis = integerAttribute(node, "axis", 0);
    const isNew = integerAttribute(node, "new_axis", 0) === 1;
    return [
      g.concat(
        items.map((item) => (isNew ? g.unsqueeze(item, [axis]) : item)),
        axis,
      ),
    ];
  }),
};

/** The items of a sequence, as far as the nodes that made it tell them. */
function itemsOf(g: Operators, sequence: Value | undefined): readonly Value[] | undefined {
  const emission = sequence === undefined ? undefined : g.emitter.emissionOf(sequence);
  if (emission === undefined || emission.node.domain !== "") return undefined;
  const { node, inputs } = emission;
  switch (node.opType) {
    case "SequenceEmpty":
      return [];
    case "SequenceConstruct":
      return inputs.filter((input) => input !== undefined);
    case "SequenceInsert":
      return inserted(itemsOf(g, inputs[0]), inputs[1], inputs[2]);
    case "SequenceErase":
      return erased(itemsOf(g, inputs[0]), inputs[1]);
    case "SplitToSequence":
      return partsOf(g, emission);
    default:
      return undefined;
  }
}

/** @param position where the item goes, at the end by default */
function inserted(
  items: readonly Value[] | undefined,
  item: Value | undefined,
  position: Value | undefined,
): readonly Value[] | undefined {
  const index = position === undefined ? items?.length : knownNumbers(position)?.[0];
  return index === undefined || item === undefined ? undefined : items?.toSpliced(index, 0, item);
}

/** @param position which item goes, the last one by default */
function erased(items: readonly Value[] | undefined, position: Value | undefined): readonly Value[] | undefined {
  const index = position === undefined ? -1 : knownNumbers(position)?.[0];
  return index === undefined ? undefined : items?.toSpliced(index, 1);
}

/**
 * The parts of a tensor, where their number is known. The runtime drops the axis also where the length 1 is given for
 * all parts.
 */
function partsOf(g: Operators, { node, inputs: [x, lengths] }: Emission): readonly Value[] | undefined {
  if (x?.shape === undefined) return undefined;
  const axis = g.axis(x, integerAttribute(node, "axis", 0));
  const sizes = sizesOf(x.shape[axis] ?? 1, lengths);
  if (sizes === undefined || sizes.length === 0) return undefined;
  const parts = g.ops("Split", [x, g.extents(sizes)], sizes.length, { axis });
  const dropsAxis = (lengths?.shape?.length ?? 0) === 0 && integerAttribute(node, "keepdims", 1) === 0;
  return dropsAxis ? parts.map((part) => g.squeeze(part, [axis])) : parts;
}

/** @param lengths a length for each part, or one for all but a shorter last one; by default 1 */
function sizesOf(extent: Extent, lengths: Value | undefined): readonly Extent[] | undefined {
  if (lengths !== undefined && lengths.shape?.length !== 0) return knownElements(lengths);
  const length = lengths === undefined ? 1 : knownElements(lengths)?.[0];
  const count = length === undefined ? undefined : ceilDivide(extent, length);
  if (length === undefined || typeof count !== "number") return undefined;
  const last = subtract(extent, multiply(length, count - 1));
  return [...Array.from({ length: count - 1 }, () => length), last];
}
