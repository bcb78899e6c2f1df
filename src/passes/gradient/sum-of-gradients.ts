import type { Value } from "../../graph/emitter.js";
import type { Operators } from "../../graph/operators.js";
import { knownNumbers } from "../../graph/shapes/facts.js";
import { partition } from "../../graph/tuple.js";

/** A part of a tensor, which has zeros in front of it and behind it along one axis. */
interface Part {
  readonly value: Value;
  readonly axis: number;
  readonly begin: number;
  readonly end: number;
}

/**
 * What several uses of a value contribute to its gradient, added up. The gradients of slices that share a tensor among
 * them are put one after another, which writes each element once: as exporters take gates and heads out of one matrix.
 */
export function sumOfGradients(g: Operators, gradients: readonly Value[]): Value {
  if (gradients.length < 2) return g.sum(gradients);
  const parts = gradients.map((gradient) => partOf(g, gradient));
  const found = parts.flatMap((part) => part ?? []).toSorted((a, b) => a.begin - b.begin);
  const others = gradients.filter((_, index) => parts[index] === undefined);
  const [first] = found;
  if (first === undefined || found.length < 2) return g.sum(gradients);
  const end = found.at(-1)?.end;
  const isWhole = first.begin === 0 && end === gradients[0]?.shape?.[first.axis];
  const isJoined = found.every(
    ({ axis, begin }, index) => axis === first.axis && begin === (index === 0 ? 0 : found[index - 1]?.end),
  );
  if (!isWhole || !isJoined) return g.sum(gradients);
  return g.sum([
    ...others,
    g.concat(
      found.map(({ value }) => value),
      first.axis,
    ),
  ]);
}

/** What a Pad puts zeros around, along one axis; undefined for anything else. */
function partOf({ emitter }: Operators, gradient: Value): Part | undefined {
  const made = emitter.emissionOf(gradient);
  const [value, pads, filling, axes] = made?.inputs ?? [];
  if (made?.node.opType !== "Pad" || made.node.domain !== "" || made.node.attributes.has("mode")) return undefined;
  const amounts = pads && knownNumbers(pads);
  const shape = value?.shape;
  if (value === undefined || amounts === undefined || shape === undefined || filling !== undefined) return undefined;
  if (axes !== undefined || amounts.length !== 2 * shape.length) return undefined;
  const [before, after] = partition(amounts, [shape.length, shape.length]);
  const padded = shape.flatMap((_, axis) => (before[axis] === 0 && after[axis] === 0 ? [] : [axis]));
  const [axis = 0] = padded;
  const [extent, begin = 0] = [shape[axis], before[axis]];
  return padded.length === 1 && typeof extent === "number" ? { value, axis, begin, end: begin + extent } : undefined;
}
