import type { Emission, NodeEmitter, Value } from "./emission.js";
import type { Application } from "./emission-key.js";
import { dataTypeOf } from "./data-type.js";
import type { Attribute } from "./model.js";
import type { Shape } from "./shapes/extent.js";
import { knownNumbers } from "./shapes/facts.js";
import { isSameShape } from "./shapes/shape-math.js";
import { scalarOf } from "./shapes/tensor-facts.js";
import { numberTensor } from "./tensor.js";

/** An operator with values of a graph under construction. */
interface ValueApplication extends Application {
  readonly inputs: readonly (Value | undefined)[];
}

type Simplification = (application: ValueApplication, emitter: NodeEmitter) => Value | undefined;

/**
 * The value that an application of an operator yields without a node of its own, as what it would do is nothing, or was
 * undone or done before; undefined where it needs its node.
 */
export function simplified(application: ValueApplication, emitter: NodeEmitter): Value | undefined {
  return application.domain === "" ? simplifications.get(application.opType)?.(application, emitter) : undefined;
}

const simplifications: ReadonlyMap<string, Simplification> = new Map<string, Simplification>([
  ["Identity", ({ inputs: [input] }) => input],
  ["Cast", ({ inputs: [input], attributes }) => (input?.dataType === castType(attributes) ? input : undefined)],
  ["Sum", onlyInput],
  ["Max", onlyInput],
  ["Min", onlyInput],
  ["Mean", onlyInput],
  ["Concat", onlyInput],
  ["Add", either(neutral(0), unexpanded)],
  ["Mul", either(neutral(1), unexpanded)],
  ["Sub", either(rightNeutral(0), unexpanded)],
  ["Div", either(rightNeutral(1), unexpanded)],
  ["Pow", rightNeutral(1)],
  ["Transpose", transpose],
  ["Reshape", reshape],
  ["Expand", expand],
  ["Squeeze", squeeze],
  ["Unsqueeze", ({ inputs: [input, axes] }) => (isEmpty(axes) ? input : undefined)],
  ["Flatten", flatten],
  ...["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"].map(
    (reduction) => [reduction, reductionOfOnes] as const,
  ),
  ["Neg", (application, emitter) => undone(application, emitter, "Neg")],
  ["Pad", pad],
  ["Tile", ({ inputs: [input, repeats] }) => (isAllOf(repeats, 1) ? input : undefined)],
]);

function onlyInput({ inputs }: ValueApplication): Value | undefined {
  return inputs.length === 1 ? inputs[0] : undefined;
}

function isEmpty(axes: Value | undefined): boolean {
  return axes !== undefined && knownNumbers(axes)?.length === 0;
}

function isAllOf(value: Value | undefined, number: number): boolean {
  return value !== undefined && knownNumbers(value)?.every((element) => element === number) === true;
}

/** An operand that changes nothing, if it does not broadcast the other one either. */
function neutral(number: number): Simplification {
  return ({ inputs: [a, b] }) => {
    if (isNeutral(b, a, number)) return a;
    return isNeutral(a, b, number) ? b : undefined;
  };
}

function rightNeutral(number: number): Simplification {
  return ({ inputs: [a, b] }) => (isNeutral(b, a, number) ? a : undefined);
}

function isNeutral(operand: Value | undefined, other: Value | undefined, number: number): boolean {
  const rank = operand?.constant?.shape.length;
  return rank !== undefined && other?.shape !== undefined && rank <= other.shape.length && scalarOf(operand) === number;
}

/** An operand need not be repeated to the shape of the other one: broadcasting does. */
function unexpanded({ opType, inputs, attributes }: ValueApplication, emitter: NodeEmitter): Value | undefined {
  for (const [index, input] of inputs.entries()) {
    const before = input === undefined ? undefined : emitter.emissionOf(input);
    const [source] = before?.inputs ?? [];
    if (before?.node.opType !== "Expand" || !isSameShape(input?.shape, inputs[1 - index]?.shape)) continue;
    return emitter.emit({ opType, inputs: inputs.with(index, source), attributes })[0];
  }
  return undefined;
}

/** What the first of these that applies yields. */
function either(...candidates: readonly Simplification[]): Simplification {
  return (application, emitter) => {
    for (const candidate of candidates) {
      const value = candidate(application, emitter);
      if (value !== undefined) return value;
    }
    return undefined;
  };
}

/** The permutation of a Transpose: by default all axes reversed. */
function permutationOf(
  attributes: ReadonlyMap<string, Attribute>,
  rank: number | undefined,
): readonly number[] | undefined {
  const permutation = attributes.get("perm");
  if (permutation?.kind === "ints") return permutation.value.map(Number);
  return rank === undefined ? undefined : Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
}

/** A transposition that keeps the order is none; two in a row are one. */
function transpose({ inputs: [input], attributes }: ValueApplication, emitter: NodeEmitter): Value | undefined {
  const permutation = permutationOf(attributes, input?.shape?.length);
  if (input === undefined || permutation === undefined) return undefined;
  if (input.shape !== undefined && input.shape.length !== permutation.length) return undefined;
  if (permutation.every((from, to) => from === to)) return input;
  const before = madeBy("Transpose", input, emitter);
  const [source] = before?.inputs ?? [];
  if (before === undefined || source === undefined) return undefined;
  const first = permutationOf(before.node.attributes, permutation.length) ?? [];
  const both = permutation.map((from) => first[from] ?? 0);
  return emitter.emit({ opType: "Transpose", inputs: [source], attributes: { perm: both } })[0];
}

/** A reshape to the same shape is none; of several in a row only the last counts. */
function reshape({ inputs: [input, target], attributes }: ValueApplication, emitter: NodeEmitter): Value | undefined {
  if (input === undefined || target === undefined) return undefined;
  if (isReshapeToSame(input.shape, target)) return input;
  const [source] = madeBy("Reshape", input, emitter)?.inputs ?? [];
  const copiesExtents = target.elements?.some((element) => element === 0 || element === null) !== false;
  if (source === undefined || copiesExtents || attributes.has("allowzero")) return undefined;
  return emitter.emit({ opType: "Reshape", inputs: [source, target] })[0];
}

/** Whether all extents are asked for as they are; one may be left to be computed. */
function isReshapeToSame(shape: Shape | undefined, target: Value): boolean {
  if (shape === undefined || target.elements?.length !== shape.length) return false;
  const open = target.elements.filter((element, axis) => element !== 0 && element !== shape[axis]);
  return open.length === 0 || (open.length === 1 && open[0] === -1);
}

function expand({ inputs: [input, target] }: ValueApplication): Value | undefined {
  const { elements } = target ?? {};
  if (input?.shape === undefined || elements === undefined || elements.length > input.shape.length) return undefined;
  const offset = input.shape.length - elements.length;
  const { shape } = input;
  return elements.every((element, axis) => element === 1 || element === shape[axis + offset]) ? input : undefined;
}

/**
 * Without axes, or with none, all of extent 1 are removed. They are named: ONNX Runtime's optimizer (1.30) sometimes
 * removes none where its kernel removes them all.
 */
function squeeze({ inputs: [input, axes] }: ValueApplication, emitter: NodeEmitter): Value | undefined {
  const isAll = axes === undefined || isEmpty(axes);
  if (!isAll || input?.shape?.every((extent) => typeof extent === "number") !== true) return undefined;
  const ones = input.shape.flatMap((extent, axis) => (extent === 1 ? [axis] : []));
  if (ones.length === 0) return input;
  const named = emitter.constant(numberTensor(`[${ones.join(",")}]`, "int64", [ones.length], ones));
  return emitter.emit({ opType: "Squeeze", inputs: [input, named] })[0];
}

/** A matrix is flat already. */
function flatten({ inputs: [input], attributes }: ValueApplication): Value | undefined {
  const axis = attributes.get("axis");
  const rank = input?.shape?.length;
  return rank === 2 && (axis === undefined || (axis.kind === "int" && Number(axis.value) % rank === 1))
    ? input
    : undefined;
}

/**
 * Padding by 0 is none. Padding of some axes is written as padding of all of them: ONNX Runtime's optimizer (1.30)
 * moves transpositions through a Pad as if it had no axes.
 */
function pad(
  { inputs: [input, pads, value, axes], attributes }: ValueApplication,
  emitter: NodeEmitter,
): Value | undefined {
  if (isAllOf(pads, 0)) return input;
  const rank = input?.shape?.length;
  const padded = axes && knownNumbers(axes)?.map((axis) => (axis < 0 ? axis + (rank ?? 0) : axis));
  if (pads === undefined || padded === undefined || rank === undefined) return undefined;
  const zero = emitter.constant(numberTensor("[0]", "int64", [1], [0]));
  const [withZero] = emitter.emit({ opType: "Concat", inputs: [pads, zero], attributes: { axis: 0 } });
  // Where an axis' pads are in that vector; those of other axes are the 0 at its end.
  const positions = Array.from({ length: 2 * rank }, (_, index) => {
    const position = padded.indexOf(index % rank);
    return position < 0 ? 2 * padded.length : position + (index < rank ? 0 : padded.length);
  });
  const indices = emitter.constant(numberTensor(`[${positions.join(",")}]`, "int64", [2 * rank], positions));
  const [all] = emitter.emit({ opType: "Gather", inputs: [withZero, indices], attributes: { axis: 0 } });
  return emitter.emit({ opType: "Pad", inputs: [input, all, value], attributes })[0];
}

/** A single element is its own sum, mean, greatest, least and product. */
function reductionOfOnes({ inputs: [input, axes], attributes }: ValueApplication): Value | undefined {
  const along = axes === undefined ? undefined : knownNumbers(axes);
  const keepsDimensions = attributes.get("keepdims");
  const isKept = keepsDimensions === undefined || (keepsDimensions.kind === "int" && keepsDimensions.value !== 0n);
  if (input?.shape === undefined || along === undefined || along.length === 0 || !isKept) return undefined;
  const { shape } = input;
  return along.every((axis) => shape.at(axis) === 1) ? input : undefined;
}

/** An operator that is its own inverse. */
function undone({ inputs: [input] }: ValueApplication, emitter: NodeEmitter, opType: string): Value | undefined {
  return input && madeBy(opType, input, emitter)?.inputs[0];
}

/** The node that makes a value, if it applies this operator. */
function madeBy(opType: string, value: Value, emitter: NodeEmitter): Emission | undefined {
  const emission = emitter.emissionOf(value);
  return emission?.node.opType === opType && emission.node.domain === "" ? emission : undefined;
}

function castType(attributes: ReadonlyMap<string, Attribute>) {
  const to = attributes.get("to");
  return to?.kind === "int" ? dataTypeOf(Number(to.value)) : undefined;
}
