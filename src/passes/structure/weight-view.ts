import type { Operation, Value } from "../../graph/dataflow.js";
import { integerAttribute, integersAttribute } from "../../graph/model.js";
import { elementCount } from "../../graph/tensor.js";
import { constantIntegers, constantTensor } from "./constants.js";
import { isDifferentiable } from "./gradient-reach.js";

/** A constant as an operator sees it, through the nodes that only rearrange or convert it. */
export interface WeightView {
  /** The initializer, or the output of a Constant node. */
  readonly source: Value;
  /** The shape after the rearrangements: what the operator multiplies by. */
  readonly shape: readonly number[];
  /** Whether it is a piece whose extents are computed when the model runs: then the shape is that of the whole. */
  readonly isUnmeasured?: boolean;
}

/**
 * Follows constants forward through Transpose, Reshape, Flatten, Squeeze, Unsqueeze, Cast, CastLike, Identity,
 * QuantizeLinear and DequantizeLinear, and through Slice, Split and Concat, by which exporters reorder the gates of
 * recurrent weights and take packed projections apart. Operations must be visited in topological order.
 */
export class WeightViews {
  readonly #computed = new Map<Value, readonly WeightView[]>();

  /** Notes what an operation shows, if it shows constants and computes nothing. */
  visit(operation: Operation): void {
    const { node, outputs } = operation;
    if (node.domain !== "" || !(isRearrangement(operation) || pieceOperators.has(node.opType))) return;
    for (const [index, output] of outputs.entries()) {
      if (output !== undefined) this.#computed.set(output, this.#shown(operation, index));
    }
  }

  /** The constants that a value shows: one, several where they were concatenated, none where it is computed. */
  all(value: Value | undefined): readonly WeightView[] {
    if (value === undefined) return [];
    const computed = this.#computed.get(value);
    if (computed !== undefined) return computed;
    const tensor = constantTensor(value);
    return tensor === undefined ? [] : [{ source: value, shape: tensor.shape }];
  }

  /** The one constant that a value shows; undefined where there are several or none. */
  one(value: Value | undefined): WeightView | undefined {
    const views = this.all(value);
    return views.length === 1 ? views[0] : undefined;
  }

  /** How many operator inputs a constant feeds, as it is or rearranged. Its use as a shape or as statistics is none. */
  uses(source: Value): number {
    const shown = new Set([source]);
    let count = 0;
    for (const value of shown) {
      for (const { operation, input } of value.uses) {
        const views = operation.outputs.filter((output) => output !== undefined && this.all(output).length > 0);
        for (const view of views) if (view !== undefined) shown.add(view);
        if (views.length === 0 && isDifferentiable(operation, input)) count++;
      }
    }
    // A constant that only leaves as an output is used, if by nothing that computes.
    return Math.max(count, 1);
  }

  #shown(operation: Operation, output: number): readonly WeightView[] {
    const { node, inputs } = operation;
    if (node.opType === "Concat") return this.#concatenated(operation);
    return this.all(inputs[0]).map((view) => {
      if (!pieceOperators.has(node.opType)) return { ...view, shape: rearranged(view.shape, operation) };
      const piece = pieceShape(view.shape, operation, output);
      return piece === undefined ? { ...view, isUnmeasured: true } : { ...view, shape: piece };
    });
  }

  /** Pieces of one constant, put together again, are one view of it; of unmeasured ones, that of the whole. */
  #concatenated({ node, inputs }: Operation): readonly WeightView[] {
    const parts = inputs.map((input) => this.all(input));
    if (parts.some((views) => views.length === 0)) return [];
    const joined = new Map<Value, WeightView>();
    for (const view of parts.flat()) {
      const before = joined.get(view.source);
      if (before === undefined || view.isUnmeasured === true) joined.set(view.source, view);
      else if (before.isUnmeasured !== true) {
        const axis = normalizedAxis(integerAttribute(node, "axis", 0), view.shape.length);
        const shape = before.shape.map((extent, at) => (at === axis ? extent + (view.shape[at] ?? 0) : extent));
        joined.set(view.source, { ...view, shape });
      }
    }
    return [...joined.values()];
  }
}

/** Whether an operator only shows its first input in another order, shape or type. */
export function isRearrangement({ node }: Operation): boolean {
  return node.domain === "" && rearrangements.has(node.opType);
}

const rearrangements: ReadonlySet<string> = new Set(
  "Transpose Reshape Flatten Squeeze Unsqueeze Cast CastLike Identity QuantizeLinear DequantizeLinear".split(" "),
);
const pieceOperators: ReadonlySet<string> = new Set(["Slice", "Split", "Concat"]);

/** The extents of one piece of a Slice or Split; undefined where they are computed. */
function pieceShape(
  shape: readonly number[],
  { node, inputs, outputs }: Operation,
  output: number,
): readonly number[] | undefined {
  if (node.opType === "Split") {
    const axis = normalizedAxis(integerAttribute(node, "axis", 0), shape.length);
    const sizes = integersAttribute(node, "split") ?? constantIntegers(inputs[1]);
    const even = Math.ceil((shape[axis] ?? 0) / Math.max(outputs.length, 1));
    return shape.map((extent, at) => (at === axis ? (sizes?.[output] ?? even) : extent));
  }
  const starts = integersAttribute(node, "starts") ?? constantIntegers(inputs[1]);
  const ends = integersAttribute(node, "ends") ?? constantIntegers(inputs[2]);
  if (starts === undefined || ends === undefined) return undefined;
  const axes = integersAttribute(node, "axes") ?? constantIntegers(inputs[3]) ?? starts.map((_, index) => index);
  const steps = constantIntegers(inputs[4]) ?? [];
  const extents = [...shape];
  for (const [index, axis] of axes.entries()) {
    const at = normalizedAxis(axis, shape.length);
    const extent = shape[at] ?? 0;
    const bound = (position: number) => Math.min(Math.max(position < 0 ? position + extent : position, 0), extent);
    const length = Math.abs(bound(ends[index] ?? extent) - bound(starts[index] ?? 0));
    extents[at] = Math.ceil(length / Math.max(Math.abs(steps[index] ?? 1), 1));
  }
  return extents;
}

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
